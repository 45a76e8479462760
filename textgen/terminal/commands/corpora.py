"""The command `corpora`: list the texts that ship with textgen."""

import sys
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from textgen.readable import one_line
from textgen.terminal.commands.options import AsJson, Quiet
from textgen.terminal.display.render import format_notes, format_table
from textgen.terminal.output import columns_of, emit, emit_json, say

if TYPE_CHECKING:
    from textgen.data.shipped import ShippedText


def corpora(as_json: AsJson = False, quiet: Quiet = False) -> None:
    """List the texts that ship with textgen, to train on by name."""
    from textgen.data.shipped import shipped_texts

    texts = list(shipped_texts())
    if as_json:
        for text in texts:
            emit_json("text", asdict(text) | {"path": str(text.path)})
        return
    emit(format_texts(texts, columns_of(sys.stdout)) + "\n")
    if not quiet:
        say(f"train on one of them by its name: textgen train {texts[-1].name}")


def format_texts(texts: "Sequence[ShippedText]", columns: int | None) -> str:
    """Describe texts in a table with one line each, and name their folder below it.

    Args:
        texts: at least one.
        columns: width of the terminal in columns; None if there is no limit.
    """
    head = ("name", "characters", "lines", "what it is")
    rows = [(text.name, f"{text.characters:,}", f"{text.lines:,}", text.what) for text in texts]
    files = f"files: {one_line(str(texts[0].path.parent))}"
    return f"{format_table([head, *rows], columns)}\n\n{format_notes([files], columns)}"
