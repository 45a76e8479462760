"""The command `inspect`: show a network's gates on a text, or find units that follow a feature."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import unescape
from textgen.settings import OnUnknown, check_number
from textgen.terminal.commands.options import AsJson, Output, Quiet, Unknown
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.output import (
    ProgressLine,
    columns_of,
    emit,
    is_plain,
    takes_colours,
    terminal_width,
)

# Default, smallest and largest number of characters that --find reads. Fewer say nothing about what
# a unit follows; more take much memory and tell little more.
LIMIT = 100_000
MIN_LIMIT, MAX_LIMIT = 200, 1_000_000


def inspect(
    run: Annotated[str | None, typer.Argument(metavar="RUN", help="Name or path of a run.")] = None,
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="Text to read; \\n is a newline, \\\\ a backslash."),
    ] = None,
    layer: Annotated[
        int | None, typer.Option(help="Layer to show, counted from 1; the last by default.")
    ] = None,
    units: Annotated[
        str | None,
        typer.Option(
            metavar="0-7,12",
            help="Units to show, counted from 0; by default the twelve that vary most.",
        ),
    ] = None,
    show: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Quantities to show, of forget,input,reset,update,candidate,cell,output,hidden; "
            "by default all that the network has, except candidate.",
        ),
    ] = None,
    on_unknown: Unknown = "error",
    output: Output = None,
    find: Annotated[
        bool,
        typer.Option("--find", help="Find units that follow a feature of a long text."),
    ] = False,
    text_file: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE|-",
            help="Text for --find; the validation text of the run by default.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Largest number of characters that --find reads; 100,000 by default."),
    ] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show gates, states and predictions at each character of a text."""
    if find:
        given = {"TEXT": text, "layer": layer, "units": units, "show": show, "output": output}
        _refuse(given, "cannot be given with --find, which looks at all units over a whole text")
        limit = LIMIT if limit is None else limit
        check_number("limit", limit, MIN_LIMIT, MAX_LIMIT, whole=True)
        _find(run, text_file, limit, on_unknown, as_json=as_json, quiet=quiet)
        return
    _refuse(
        {"text": text_file, "limit": limit}, "needs --find; without it, give the text after the run"
    )
    if run is None or text is None:
        raise UsageError("give a run and a text, as in: textgen inspect RUN TEXT")
    check_output(output)

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

        shown = inspection.units, inspection.names
        figure = draw_gates(inspection.watched, *shown, inspection.title)
        save_output(output, figure, quiet=quiet)
    elif not as_json:
        from textgen.terminal.display.gate_view import Style, format_inspection

        style = Style(terminal_width(), takes_colours(sys.stdout), is_plain())
        emit(format_inspection(inspection, style) + "\n", is_safe=True)


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
    """Find the units that follow the features of a text, and say from time to time how far."""
    # For products of 64 rows a second thread saves a third of the time on an idle machine. On a
    # busy one the threads wait for each other, and the search takes ten times as long. NumPy reads
    # this variable when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from textgen.terminal.display.unit_table import format_search
    from textgen.workflows.find_units import Reading, find_units, read_beginning, validation_text
    from textgen.workflows.load import load_model

    chunks = text_chunks([file]) if file else iter(())
    model = load_model(run)
    if file is None:
        name, tokens = "the run's own text", validation_text(model, limit)
    else:
        name = text_name([file])
        tokens = model.config.vocabulary.encode(read_beginning(chunks, limit), on_unknown)
    progress = ProgressLine(quiet=quiet, first_at_once=True)
    for event in find_units(model, tokens, name):
        if isinstance(event, Reading):
            progress.show(f"read {event.characters:,} of {event.total:,} characters")
        elif as_json:
            emit(json.dumps(event.to_json()) + "\n")
        else:
            emit(format_search(event, columns_of(sys.stdout)) + "\n")
