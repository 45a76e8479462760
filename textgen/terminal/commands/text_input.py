"""The text that a command reads: files, folders and shipped texts, or standard input."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textgen.errors import CorpusError, read_as
from textgen.terminal.output import ProgressLine, ProgressMode, say

if TYPE_CHECKING:
    from textgen.data.sources import SourceRules
    from textgen.workflows.score import Scoring

T = TypeVar("T")

STANDARD_INPUT = Path("-")


def text_chunks(sources: Sequence[Path], rules: "SourceRules | None" = None) -> Iterator[str]:
    """Return the pieces of a text. Its files and records are joined by newlines.

    Args:
        sources: files, folders, archives and names of shipped texts; `-` is standard input, and so
            are no sources at all.
        rules: how to read them; None for the rules by default, without normalisation.

    Raises:
        CorpusError: at once if there is no such source; otherwise while it is read.
    """
    from textgen.data.shipped import find_corpus
    from textgen.data.sources import ReadReport, SourceRules, check_source, source_chunks

    report = ReadReport()
    with read_as("text"):
        paths = [find_corpus(source) for source in sources or [STANDARD_INPUT]]
        for path in paths:
            check_source(path)
    if STANDARD_INPUT in paths and sys.stdin.isatty():
        say("reading from the terminal; end the text with Ctrl-D")

    def chunks() -> Iterator[str]:
        with read_as("text"):
            yield from source_chunks(paths, rules or SourceRules(normalization="none"), report)
        if report.passed_over:
            say(report.summary())

    return chunks()


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
