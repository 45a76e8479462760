"""How a command reads a text: from a file, or from standard input."""

import sys
from collections.abc import Iterator
from pathlib import Path

from textgen.errors import CorpusError
from textgen.terminal.output import say


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
