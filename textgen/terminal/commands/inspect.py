"""The command `inspect`: show a network's gates on a text, or find units that follow a feature."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import unescape
from textgen.runtime.cores import multiply_with_one_thread
from textgen.settings import PROMPT_UNKNOWN, OnUnknown, check_number
from textgen.terminal.commands.completion import complete_run
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet, Unknown
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.run_names import one_run, path_of, several_runs
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import (
    colours_of,
    columns_of,
    emit,
    emit_json,
    is_plain,
    say,
    terminal_width,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from textgen.interpretation.units import Example
    from textgen.workflows.find_units import Search
    from textgen.workflows.inspect import Inspection

# Default, smallest and largest number of characters that --find reads. Fewer say nothing about what
# a unit follows; more take much memory and tell little more.
LIMIT = 100_000
MIN_LIMIT, MAX_LIMIT = 200, 1_000_000
# Most runs side by side.
MAX_RUNS = 4
USAGE = "textgen inspect RUN TEXT, or: textgen inspect --model RUN --model RUN TEXT"


def inspect(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="Name or path of a run; not needed with --model.",
            autocompletion=complete_run,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Argument(metavar="TEXT", help="Text to read; \\n is a newline, \\\\ a backslash."),
    ] = None,
    model: Model = None,
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
            help="What to show, separated by commas: forget, input, reset, update, candidate, "
            "cell, output, hidden, and surprise with the guesses; by default all that the network "
            "has, except candidate.",
        ),
    ] = None,
    on_unknown: Unknown = PROMPT_UNKNOWN,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Draw a picture into this .png or .svg file; without --find, of at most 300 "
            "characters.",
            metavar="FILE",
            parser=path_of,
        ),
    ] = None,
    find: Annotated[
        bool,
        typer.Option("--find", help="Find units that follow a feature of a long text."),
    ] = False,
    text_file: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE|-",
            parser=path_of,
            help="Text for --find; the validation text of the run by default.",
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(help="Largest number of characters that --find reads; 100,000 by default."),
    ] = None,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show gates, states and predictions at each character of a text.

    Several runs are shown side by side where the terminal is wide enough.
    """
    line = ProgressLine(progress, quiet=quiet, first_at_once=find)
    if find:
        given = {"TEXT": text, "layer": layer, "units": units, "show": show}
        _refuse(given, "cannot be given with --find, which looks at all units over a whole text")
        limit = LIMIT if limit is None else limit
        check_number("limit", limit, MIN_LIMIT, MAX_LIMIT, whole=True)
        check_output(output)
        multiply_with_one_thread()
        from textgen.workflows.find_units import find_examples

        with line:
            search, tokens = _search(one_run(run, model), text_file, limit, on_unknown, line)
            line.show("reading examples")
            examples = [] if output is None else find_examples(search, tokens)
        if as_json:
            emit_json("features", search.to_json())
        if output is not None:
            _draw_features(search, examples, output, quiet=quiet)
        elif not as_json:
            from textgen.terminal.display.unit_table import format_search

            emit(format_search(search, columns_of(sys.stdout)) + "\n")
        return
    _refuse(
        {"text": text_file, "limit": limit}, "needs --find; without it, give the text after the run"
    )
    if model and text is None:
        run, text = None, run
    if (run is None and not model) or text is None:
        raise UsageError(f"give a run and a text, as in: {USAGE}")
    check_output(output)

    from textgen.data.replaced import describe_replaced, find_replaced
    from textgen.workflows.inspect import inspect_with_each, parse_show, parse_units
    from textgen.workflows.load import load_model

    ranges = [] if units is None else parse_units(units)
    names = [] if show is None else parse_show(show)
    text = unescape(text)
    with line:
        line.show("reading the text")
        models = [load_model(name) for name in several_runs([run] if run else [], model, MAX_RUNS)]
        inspections = inspect_with_each(
            models, text, layer=layer, units=ranges, names=names, on_unknown=on_unknown
        )
    if on_unknown == "nearest" and not quiet:
        replaced = (find_replaced(text, one.config.vocabulary) for one in models)
        for told in dict.fromkeys(describe_replaced(found) for found in replaced if found):
            say(told)
    if as_json:
        for inspection in inspections:
            emit_json("inspection", inspection.to_json())
    if output is not None:
        _draw(inspections, output, quiet=quiet)
    elif not as_json:
        from textgen.terminal.display.gate_view import Style, format_inspections

        style = Style(terminal_width(), colours_of(sys.stdout) == 256, is_plain())
        emit(format_inspections(inspections, style) + "\n", is_safe=True)


def _refuse(options: Mapping[str, object], problem: str) -> None:
    for name, value in options.items():
        if value is not None:
            raise UsageError(f"{name} {problem}")


def _draw(inspections: "Sequence[Inspection]", output: Path, *, quiet: bool) -> None:
    from textgen.pictures.gates import Shown, draw_gates

    shown = [Shown(one.watched, one.units, one.names, one.title) for one in inspections]
    save_output(output, draw_gates(shown), quiet=quiet)


def _search(
    run: str | None, file: Path | None, limit: int, on_unknown: OnUnknown, line: ProgressLine
) -> "tuple[Search, NDArray[np.int32]]":
    """Find the units that follow the features of a text; return them, and the ids of the text.

    Args:
        run: name of the run; None for the newest.
        file: text to read; None for the validation text of the run.
        limit: largest number of characters to read.
        on_unknown: what to do with unknown characters.
        line: says how far the text is read.
    """
    from textgen.workflows.find_units import Search, find_units, read_beginning, validation_text
    from textgen.workflows.load import load_forward

    chunks = text_chunks([file]) if file else iter(())
    model = load_forward(run, "inspect --find")
    if file is None:
        name, tokens = "the run's own text", validation_text(model, limit)
    else:
        name = text_name([file])
        tokens = model.config.vocabulary.encode(read_beginning(chunks, limit), on_unknown)
    for event in find_units(model, tokens, name):
        if isinstance(event, Search):
            return event, tokens
        line.show(f"read {event.characters:,} of {event.total:,} characters")
    raise AssertionError("a search ends with its result")


def _draw_features(
    search: "Search", examples: "Sequence[Example]", output: Path, *, quiet: bool
) -> None:
    from textgen.pictures.features import draw_features

    save_output(output, draw_features(examples, search.title, search.memory), quiet=quiet)
