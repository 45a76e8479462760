"""The command `trace`: tell which stretches of a text stand in the training text of a run."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.data.source_rules import SourceRules
from textgen.errors import CopiedError, UsageError
from textgen.settings import (
    TRACE_LEAST,
    TRACE_LEAST_OF_ALL,
    TRACE_MOST_OF_ALL,
    check_number,
)
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet, RunBeforeTexts, Texts
from textgen.terminal.commands.run_names import runs_and_sources
from textgen.terminal.commands.source_options import PLAIN_TEXTS, reads_texts
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.display.trace import format_trace, format_traced
from textgen.terminal.output import columns_of, emit, emit_json, say, takes_colours

if TYPE_CHECKING:
    from textgen.generation.trace import Trace

# Number of stretches that are listed.
TOP = 20
# Longest text that is shown without --show, in characters.
SHOWN = 4000


@reads_texts
def trace(
    run: RunBeforeTexts = None,
    texts: Texts = None,
    model: Model = None,
    least: Annotated[
        int,
        typer.Option(
            metavar="N",
            help=f"Smallest number of characters of a stretch, from {TRACE_LEAST_OF_ALL} to "
            f"{TRACE_MOST_OF_ALL}.",
        ),
    ] = TRACE_LEAST,
    top: Annotated[
        int, typer.Option(metavar="N", help="Number of stretches to list; the longest are.")
    ] = TOP,
    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--no-show",
            help="Show the text with its stretches. By default a short text is shown on a "
            "terminal.",
        ),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="End with exit code 1 if more of the text than this, from 0 to 1, stands in the "
            "training text.",
        ),
    ] = None,
    rules: SourceRules = PLAIN_TEXTS,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tell which stretches of a text a run may have copied.

    Each stretch that stands in the training text of the run is shown with its file and line.
    """
    check_number("top", top, 1, 10**6, whole=True)
    if fail_above is not None:
        check_number("fail_above", fail_above, 0, 1)
    if show and as_json:
        raise UsageError("--show is for people; give it without --json")

    from textgen.generation.trace import check_least
    from textgen.workflows.trace import trace_text

    check_least(least)
    runs, sources = runs_and_sources(run, texts, model)
    if len(runs) > 1:
        raise UsageError("trace is for one run; give --model once")
    chunks = text_chunks(sources, rules)
    with ProgressLine(progress, quiet=quiet) as line:

        def tell(share: float) -> None:
            line.show(f"making the index of the training text, once: {share:.0%}")

        found = trace_text(runs[0], chunks, least, tell, text_name(sources))
    if found.problem and not quiet:
        say(f"the index is not kept for the next time: {found.problem}")
    if as_json:
        emit_json("trace", found.to_json())
    else:
        _show(found, show, top)
    if fail_above is not None and found.share > fail_above:
        raise CopiedError(found.share, fail_above)


def _show(found: "Trace", show: bool | None, top: int) -> None:
    columns, colours = columns_of(sys.stdout), takes_colours(sys.stdout)
    is_short = show is None and sys.stdout.isatty() and len(found.text) <= SHOWN
    if show or is_short:
        emit(format_traced(found, columns, colours=colours) + "\n\n", is_safe=True)
    listed = format_trace(found, columns, top=top, colours=colours, option="--top")
    emit(listed + "\n", is_safe=True)
