"""The command `proofread`: the probable mistakes of a text."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError, read_as
from textgen.runtime.cores import multiply_with_one_thread
from textgen.settings import check_number
from textgen.terminal.commands.completion import complete_text
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet
from textgen.terminal.commands.run_names import one_run
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import colours_of, columns_of, emit, emit_json, say

# Certainty of the mistakes that are listed.
LISTED = 0.5


def proofread(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE",
            help="Text to proofread; - is standard input.",
            autocompletion=complete_text,
        ),
    ],
    model: Model = None,
    least: Annotated[
        float,
        typer.Option(help="List mistakes that are at least so probable, in [0, 1].", metavar="P"),
    ] = LISTED,
    fix: Annotated[
        Path | None,
        typer.Option(help="Write a mended copy of the text into this new file.", metavar="FILE"),
    ] = None,
    sure: Annotated[
        float,
        typer.Option(help="--fix mends what is at least so probable, in [0, 1].", metavar="P"),
    ] = 0.99,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Find the probable mistakes of a text, by a network that reads in both directions.

    A mistake is a character that is wrong, missing or added, or two that are swapped. The most
    probable come first.
    """
    check_number("least", least, 0, 1)
    check_number("sure", sure, 0, 1)
    if fix is not None and fix.exists():
        raise UsageError(f"{str(fix)!r} exists; give a new name to --fix")
    named = one_run(None, model)
    multiply_with_one_thread()

    from textgen.data.shipped import find_corpus
    from textgen.data.sources import load_text
    from textgen.workflows.load import load_model
    from textgen.workflows.proofread import Finding, corrected, prepared, proofread, write_copy

    loaded = load_model(named)
    if file == "-":
        given = sys.stdin.read().removeprefix("\ufeff").replace("\r\n", "\n")
    else:
        with read_as("text"):
            given = load_text(find_corpus(Path(file)))
    text = prepared(loaded, given)
    found = list[Finding]()
    with ProgressLine(progress, quiet=quiet) as line:
        line.show("reading the text")
        for part in proofread(loaded, text):
            found += part.findings
            line.show(f"searched {part.characters:,} of {len(text):,} characters")
    found.sort(key=lambda one: (-one.certainty, -one.bits))
    listed = [one for one in found if one.certainty >= least]
    if as_json:
        for one in listed:
            emit_json("mistake", asdict(one))
    elif listed:
        from textgen.terminal.display.findings import format_findings

        columns, colours = columns_of(sys.stdout), colours_of(sys.stdout)
        emit(format_findings(listed, columns, colours=colours) + "\n", is_safe=True)
    if not quiet:
        say(f"{len(listed):,} probable mistakes in {len(text):,} characters")
    if fix is not None:
        mended = [one for one in found if one.certainty >= sure]
        write_copy(fix, corrected(text, mended))
        if not quiet:
            say(f"mended {len(mended):,} of them in {fix}")
