"""The command `corpora`: list the texts that ship with textgen."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from textgen.readable import one_line
from textgen.terminal.commands.options import AsJson, Quiet
from textgen.terminal.display.render import format_table
from textgen.terminal.output import emit, say

if TYPE_CHECKING:
    from textgen.data.shipped import ShippedText


def corpora(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the texts that ship with textgen, to train on by name."""
    from textgen.data.shipped import shipped_texts

    texts = list(shipped_texts())
    if as_json:
        emit(json.dumps([asdict(text) | {"path": str(text.path)} for text in texts]) + "\n")
        return
    emit(format_texts(texts) + "\n")
    if not quiet:
        say(f"train on one of them by its name: textgen train {texts[-1].name}")


def format_texts(texts: "Sequence[ShippedText]") -> str:
    """Describe texts in a table with one line each, and name their folder below it."""
    head = ("name", "characters", "lines", "what it is")
    rows = [(text.name, f"{text.characters:,}", f"{text.lines:,}", text.what) for text in texts]
    return f"{format_table([head, *rows])}\n\nfiles: {one_line(str(texts[0].path.parent))}/NAME.txt"
