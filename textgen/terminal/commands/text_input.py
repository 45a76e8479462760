"""The text that a command reads: from a file, or from standard input."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textgen.errors import CorpusError
from textgen.terminal.output import ProgressLine, say

if TYPE_CHECKING:
    from textgen.workflows.score import Scoring

T = TypeVar("T")


def text_chunks(file: Path | None) -> Iterator[str]:
    """Return the pieces of a text, from standard input if the file is None or `-`.

    Raises:
        CorpusError: at once if it is not a file; while reading, if it is not UTF-8.
    """
    from textgen.data.corpus import check_text, decode_chunks, read_chunks

    if file is None or str(file) == "-":
        if sys.stdin.isatty():
            say("reading from the terminal; end the text with Ctrl-D")
        return decode_chunks(sys.stdin.buffer, "standard input")
    check_text(file)
    return read_chunks(file)


def with_progress(found: "Iterable[T]", scoring: "Scoring", *, quiet: bool) -> Iterator[T]:
    """Pass on what is found in a text, and say from time to time how much of it is read."""
    progress = None
    for one in found:
        # The clock starts with the first piece, since a command may wait for its input.
        progress = progress or ProgressLine(quiet=quiet)
        yield one
        progress.show(f"read {scoring.characters:,} characters")


def text_name(file: Path | None) -> str:
    """Return the name of a text in messages; see `text_chunks`."""
    return "standard input" if file is None or str(file) == "-" else str(file)


def refuse_empty(characters: int, file: Path | None) -> None:
    """Refuse a text without characters.

    Raises:
        CorpusError: if `characters` is 0; it names the text.
    """
    if not characters:
        raise CorpusError(text_name(file), "the text is empty; there is nothing to score")
