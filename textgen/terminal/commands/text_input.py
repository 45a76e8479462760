"""The text that a command reads: files, folders and shipped texts, or standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textgen.errors import CorpusError, read_as
from textgen.terminal.display.progress_line import ProgressLine, ProgressMode
from textgen.terminal.output import say

if TYPE_CHECKING:
    from textgen.workflows.score import Scoring

T = TypeVar("T")

STANDARD_INPUT = Path("-")


def text_chunks(sources: Sequence[Path]) -> Iterator[str]:
    """Return the pieces of a text. Its files are joined by newlines, as those of a corpus are.

    Args:
        sources: files, folders and names of shipped texts; `-` is standard input, and so are no
            sources at all.

    Raises:
        CorpusError: at once if there is no such source; while reading, if it is not UTF-8.
    """
    from textgen.data.corpus import find_texts
    from textgen.data.shipped import find_corpus

    files: list[Path] = []
    with read_as("text"):
        for source in sources or [STANDARD_INPUT]:
            if source == STANDARD_INPUT:
                files.append(source)
                continue
            texts, binary = find_texts([find_corpus(source)])
            files += texts
            for path in binary:
                say(f"skipped {str(path)!r}: not a text file")
    if STANDARD_INPUT in files and sys.stdin.isatty():
        say("reading from the terminal; end the text with Ctrl-D")
    return _joined(files)


def _joined(files: Sequence[Path]) -> Iterator[str]:
    from textgen.data.corpus import decode_chunks, read_chunks

    is_first = True
    with read_as("text"):
        for path in files:
            is_piped = path == STANDARD_INPUT
            chunks = (
                decode_chunks(sys.stdin.buffer, "standard input") if is_piped else read_chunks(path)
            )
            for number, chunk in enumerate(chunks):
                if not number and not is_first:
                    yield "\n"
                is_first = False
                yield chunk


def with_progress(
    found: "Iterable[T]",
    scoring: "Scoring",
    sources: Sequence[Path],
    mode: ProgressMode,
    *,
    quiet: bool,
) -> Iterator[T]:
    """Pass on what is found in a text, and show how much of it is read, unless it is typed."""
    is_typed = sys.stdin.isatty() and (not sources or STANDARD_INPUT in sources)
    with ProgressLine(mode, quiet=quiet or is_typed) as progress:
        progress.show("reading the text")
        for one in found:
            yield one
            progress.show(f"read {scoring.characters:,} characters")


def text_name(sources: Sequence[Path]) -> str:
    """Return the name of a text in messages; see `text_chunks`."""
    names = ("standard input" if path == STANDARD_INPUT else str(path) for path in sources)
    return ", ".join(names) or "standard input"


def refuse_empty(found: "Iterable[T]", sources: Sequence[Path]) -> Iterator[T]:
    """Pass on what is found in a text, and refuse a text in which nothing is found.

    Raises:
        CorpusError: at the end, if nothing was found; it names the text.
    """
    is_empty = True
    for one in found:
        is_empty = False
        yield one
    if is_empty:
        problem = "the text is empty; there is nothing to score"
        raise CorpusError(text_name(sources), problem, "text")
