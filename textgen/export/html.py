"""Put a page together: everything it needs is inside, and it may ask for nothing else."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from textgen.export.sources import program, read_source

# Largest page that a browser opens without trouble on a small machine, in bytes.
MAX_PAGE_BYTES = 50 * 10**6


def build_page(title: str, content: Mapping[str, Any], weights: Sequence[tuple[str, str]]) -> bytes:
    """Return the page as UTF-8.

    Args:
        title: title of the page, any text.
        content: what the page knows of its runs, as JSON can hold it.
        weights: name and text of each packed network.
    """
    style, script = read_source("style.css"), program()
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data: blob:; "
        f"worker-src blob:; style-src {_hash(style)}; script-src {_hash(script)}"
    )
    holders = "\n".join(
        f'<script type="text/plain" id="{name}">{text}</script>' for name, text in weights
    )
    filled = {
        "policy": policy,
        "title": escape(visible_title(title)),
        "style": style,
        "content": embedded_json(content),
        "weights": holders,
        "script": script,
    }
    page = re.sub(r"\{\{(\w+)\}\}", lambda match: filled[match[1]], read_source("page.html"))
    return page.encode("utf-8")


def embedded_json(content: Any) -> str:
    """Return JSON that stays the content of its element whatever texts are in it.

    No character ends the element or the file: all but ASCII is escaped, and so are `<`, `>`, `&`.
    """
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return re.sub("[<>&]", lambda match: f"\\u{ord(match[0]):04x}", text)


def visible_title(title: str) -> str:
    """Return a title without characters that HTML cannot hold or that turn a line around."""
    return "".join(c if c.isprintable() else "\ufffd" for c in title)


def _hash(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
