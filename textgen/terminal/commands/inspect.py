"""The command that looks into a network: its gates on a text, and units that follow something."""

import json
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import unescape
from textgen.settings import OnUnknown, check_number
from textgen.terminal.commands.options import AsJson, Output, Quiet, Unknown
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.output import emit, is_plain, say, takes_colours

# Seconds between two lines that say how far a text was read.
PATIENCE = 5
# Characters: fewer say nothing about what a unit follows, more take more memory than they tell.
LIMIT = 100_000
MIN_LIMIT, MAX_LIMIT = 200, 1_000_000


def inspect(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Name or path of a run.")] = None,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT", help="What it is to read; \\n is a new line, \\\\ a backslash."
        ),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Which layer, counted from 1; the last by default.")
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            metavar="0-7,12",
            help="Which units, counted from 0; by default the dozen that varies most.",
        ),
    ] = None,
    show: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Some of forget,input,reset,update,candidate,cell,output,hidden; "
            "by default what the network has, without candidate.",
        ),
    ] = None,
    on_unknown: Unknown = "error",
    output: Output = None,
    find: Annotated[
        bool,
        typer.Option("--find", help="Look for units that follow something in a long text."),
    ] = False,
    text_file: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE|-",
            help="The text for --find; by default the run's own that it was not trained on.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Characters that --find reads, at most; 100,000 by default.")
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what a network does at each character of a text: its gates, its states, its guesses."""
    if find:
        given = {"TEXT": text, "layer": layer, "units": units, "show": show, "output": output}
        _refuse(given, "cannot be given with --find, which looks at all units over a whole text")
        limit = LIMIT if limit is None else limit
        check_number("limit", limit, MIN_LIMIT, MAX_LIMIT, whole=True)
        _find(run, text_file, limit, on_unknown, as_json=as_json, quiet=quiet)
        return
    _refuse(
        {"text": text_file, "limit": limit}, "is for --find; here the text stands behind the run"
    )
    if run is None or text is None:
        raise UsageError("give a run and a text, as in: textgen inspect RUN TEXT")
    if output is not None:
        from textgen.pictures.save import check_picture

        check_picture(output)

    from textgen.workflows.inspect import inspect_text, parse_show, parse_units
    from textgen.workflows.load import load_model

    ranges = [] if units is None else parse_units(units)
    names = [] if show is None else parse_show(show)
    inspection = inspect_text(
        load_model(run),
        unescape(text),
        layer=layer,
        units=ranges,
        names=names,
        on_unknown=on_unknown,
    )
    if as_json:
        emit(json.dumps(inspection.to_json()) + "\n")
    if output is not None:
        from textgen.pictures.gates import draw_gates
        from textgen.pictures.save import save_picture

        shown = inspection.units, inspection.names
        save_picture(output, draw_gates(inspection.watched, *shown, inspection.title))
        if not quiet:
            say(f"drawn: {output}")
    elif not as_json:
        from textgen.terminal.display.gate_view import Style, format_inspection

        style = Style(_columns(), takes_colours(sys.stdout), is_plain())
        emit(format_inspection(inspection, style) + "\n", is_safe=True)


def _columns() -> int:
    return shutil.get_terminal_size().columns


def _refuse(options: Mapping[str, object], problem: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} {problem}")


def _find(
    run: str | None,
    file: Path | None,
    limit: int,
    on_unknown: OnUnknown,
    *,
    as_json: bool,
    quiet: bool,
) -> None:
    """Search a text for units that follow something; tell from time to time how far it is."""
    # For products of 64 rows a second thread gains a third on a machine that is idle; on a busy one
    # each waits for the other, and all takes ten times as long. NumPy asks when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from textgen.terminal.display.unit_table import format_search
    from textgen.workflows.find_units import Reading, find_units, read_beginning, validation_text
    from textgen.workflows.load import load_model

    chunks = None if file is None else text_chunks(file)
    model = load_model(run)
    if chunks is None:
        name, tokens = "the run's own text", validation_text(model, limit)
    else:
        name = text_name(file)
        tokens = model.config.vocabulary.encode(read_beginning(chunks, limit), on_unknown)
    told = -math.inf
    for event in find_units(model, tokens, name):
        if not isinstance(event, Reading):
            shown = json.dumps(event.to_json()) if as_json else format_search(event, _columns())
            emit(shown + "\n")
        elif time.monotonic() - told > PATIENCE and not quiet:
            told = time.monotonic()
            say(f"read {event.characters:,} of {event.total:,} characters")
