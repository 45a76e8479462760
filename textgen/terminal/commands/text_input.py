"""The text that a command reads: files, folders and shipped texts, or standard input."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from textgen.aside import once
from textgen.errors import CorpusError, read_as
from textgen.terminal.display.progress_line import ProgressLine, ProgressMode
from textgen.terminal.output import say

if TYPE_CHECKING:
    from textgen.data.file_lines import FileLines
    from textgen.data.source_rules import SourceRules
    from textgen.generation.mixed_model import AnyModel
    from textgen.workflows.score import Scoring

T = TypeVar("T")

STANDARD_INPUT = Path("-")


def text_chunks(
    sources: Sequence[Path],
    rules: "SourceRules | None" = None,
    models: "Sequence[AnyModel]" = (),
    *,
    by_line: bool = False,
    lines: "FileLines | None" = None,
    quiet: bool = False,
) -> Iterator[str]:
    """Return the pieces of a text for some models.

    Its files and records are joined by newlines. If a model was trained on documents, the text is
    cut into documents in the same way, with `END` after each.

    Args:
        sources: files, folders, archives and names of shipped texts; `-` is standard input, and so
            are no sources at all.
        rules: how to read them; None for the rules by default. Texts are brought into the normal
            form of the models, if that is one for all of them.
        models: the models that read the text.
        by_line: whether each line of a text without records is a row, where documents are rows.
        lines: what counts the lines of each file; None if nobody asks for them.
        quiet: whether to leave out what was not read.

    Raises:
        CorpusError: at once if there is no such source; otherwise while it is read.
    """
    from textgen.data.document_text import document_chunks
    from textgen.data.file_lines import FileLines
    from textgen.data.read_report import ReadReport, check_has_fields
    from textgen.data.shipped import find_corpus
    from textgen.data.source_rules import SourceRules
    from textgen.data.sources import check_source, source_chunks

    forms = {model.config.normalization for model in models}
    rules = replace(
        rules or SourceRules(), normalization=forms.pop() if len(forms) == 1 else "none"
    )
    units = [model.documents for model in models if model.documents != "whole"]
    report = ReadReport()
    with read_as("text"):
        paths = [find_corpus(source) for source in sources or [STANDARD_INPUT]]
        for path in paths:
            check_source(path)
    if STANDARD_INPUT in paths and sys.stdin.isatty():
        say("reading from the terminal; end the text with Ctrl-D")

    def chunks() -> Iterator[str]:
        with read_as("text"):
            if units:
                found = document_chunks(paths, rules, units[0], report, by_line=by_line)
            else:
                found = source_chunks(paths, rules, report)
            yield from (lines or FileLines()).count(found)
            check_has_fields(rules, report)
        if not quiet and (report.passed_over or report.broken):
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


def whole_text(chunks: Iterable[str], mode: ProgressMode, *, quiet: bool) -> str:
    """Return a text that is read in pieces, and show how much of it is read."""
    begun, parts, characters = time.perf_counter(), list[str](), 0
    with ProgressLine(mode, quiet=quiet) as progress:
        progress.show("reading the text")
        for chunk in chunks:
            parts.append(chunk)
            characters += len(chunk)
            seconds = max(time.perf_counter() - begun, 1e-3)
            rate = f"{characters / seconds:,.0f} a second"
            progress.show(f"reading the text: {characters:,} characters at {rate}")
        return "".join(parts)


def waited_for(
    function: "Callable[[], T]", message: str, mode: ProgressMode, *, quiet: bool
) -> "T":
    """Return what a function returns that may take long, and show what it does.

    It is called in another thread, so that a signal is heard meanwhile.
    """
    found = list[T]()
    with ProgressLine(mode, quiet=quiet) as progress:
        for _ in once(lambda: found.append(function())):
            progress.show(message)
    return found[0]


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
