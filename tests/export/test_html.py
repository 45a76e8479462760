import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from textgen.export.html import build_page, embedded_json

HOSTILE = "</script><!--&amp;\u2028\u2029\0\ud800\U0001f600'\"\\`${x}{{style}}"


class Elements(HTMLParser):
    """Collects the attributes and the text of scripts and styles, and all other text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.open: tuple[str, dict[str, str | None]] = ("", {})

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open = tag, dict(attrs)
        if tag in ("meta", "link", "img"):
            self.found.append((tag, dict(attrs), ""))

    def handle_endtag(self, tag: str) -> None:
        self.open = "", {}

    def handle_data(self, data: str) -> None:
        self.found.append((*self.open, data))


def parsed(page: bytes) -> list[tuple[str, dict[str, str | None], str]]:
    reader = Elements()
    reader.feed(page.decode("utf-8"))
    return reader.found


@pytest.mark.parametrize("text", [HOSTILE, "", "plain", "<" * 3])
def test_any_text_comes_back_out_of_embedded_json(text: str) -> None:
    embedded = embedded_json({text: [text, 1.5]})
    assert json.loads(embedded) == {text: [text, 1.5]}
    assert embedded.isascii()
    assert not {*"<>&\0"} & {*embedded}


def test_json_has_no_numbers_that_javascript_cannot_read() -> None:
    with pytest.raises(ValueError):
        embedded_json({"bits": float("nan")})


def test_a_page_forbids_all_requests_and_permits_its_own_script_and_style_alone() -> None:
    elements = parsed(build_page("title", {"text": ""}, []))
    policy = next(a["content"] for tag, a, _ in elements if "http-equiv" in a)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert "unsafe" not in policy
    assert "http:" not in policy
    for kind, tag, name in (("script-src", "script", "program"), ("style-src", "style", None)):
        source = next(t for found, a, t in elements if found == tag and a.get("id") == name)
        digest = base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()
        assert rules[kind] == f"'sha256-{digest}'"


def test_a_page_has_its_texts_in_their_places_and_no_address() -> None:
    page = build_page(f"a title {HOSTILE}", {"text": HOSTILE}, [("weights-0-12", "QUJD")])
    elements = parsed(page)
    holders = {a["id"]: text for tag, a, text in elements if tag == "script"}
    assert [*holders] == ["content", "weights-0-12", "program"]
    assert json.loads(holders["content"] or "") == {"text": HOSTILE}
    assert holders["weights-0-12"] == "QUJD"
    title = next(text for tag, _, text in elements if tag == "title")
    assert title.startswith("a title </script><!--&amp;")
    addresses = re.findall(rb"https?://[^\s\"']+", page)
    assert {*addresses} == {b"http://www.w3.org/2000/svg"}  # the name of SVG, which is not loaded
    assert not re.search(rb"<(link|img|iframe)|\ssrc=|@import|url\(", page)
