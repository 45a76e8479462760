"""How a command reads a text: from a file, or from standard input."""

import math
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textgen.errors import CorpusError
from textgen.terminal.output import say

if TYPE_CHECKING:
    from textgen.workflows.score import Scoring

# Seconds between two words on how far reading is.
PATIENCE = 5.0

T = TypeVar("T")


def text_chunks(file: Path | None) -> Iterator[str]:
    """Return the pieces of a text, from standard input if the file is none or `-`.

    Raises:
        CorpusError: if it is no file, now; if it is not UTF-8, when that is met.
    """
    from textgen.data.corpus import check_text, decode_chunks, read_chunks

    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            say("reading from the terminal; end the text with Ctrl-D")
        return decode_chunks(sys.stdin.buffer, "standard input")
    check_text(file)
    return read_chunks(file)


def patiently(found: "Iterable[T]", scoring: "Scoring", *, quiet: bool) -> Iterator[T]:
    """Pass on what is found in a text, and tell from time to time how far it is read."""
    told = math.inf
    for one in found:
        # Counted from the first piece on: before it, a text may be waited for.
        told = min(told, time.monotonic())
        yield one
        if time.monotonic() - told > PATIENCE and not quiet:
            told = time.monotonic()
            say(f"read {scoring.characters:,} characters")


def text_name(file: Path | None) -> str:
    """Return what messages call a text that `text_chunks` reads."""
    return "standard input" if file is None or str(file) == "-" else str(file)


def refuse_empty(characters: int, file: Path | None) -> None:
    """Raise if a text had no characters.

    Raises:
        CorpusError: naming the text.
    """
    if not characters:
        raise CorpusError(text_name(file), "the text is empty; there is nothing to score")
