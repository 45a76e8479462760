"""The command `gradient`: show how gradients shrink on their way back through a text."""

import itertools
import math
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import one_line, width
from textgen.settings import check_number
from textgen.terminal.commands.options import AsJson, Model, Output, Progress, Quiet, RunArguments
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.run_names import several_runs
from textgen.terminal.display.chart import Chart, Line, draw_chart, format_legend
from textgen.terminal.display.colours import CURVE_COLOURS, CURVE_LETTERS
from textgen.terminal.display.progress_line import (
    ProgressLine,
    ProgressMode,
    progress_form,
    starting,
)
from textgen.terminal.display.render import format_notes, format_table
from textgen.terminal.output import (
    columns_of,
    emit,
    emit_json,
    is_plain,
    say,
    takes_colours,
    terminal_width,
)

if TYPE_CHECKING:
    from textgen.workflows.gradient import Followed

# Distances in characters for which the table has a column, as far as the reach.
DISTANCES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
# Distances that are shown where there is no room for all of them.
FEWER_DISTANCES = ((1, 5, 20, 100, 500), (1, 10, 100, 1000))
MAX_REACH = 2000
# Most runs in one chart: each has a curve trained and a curve untrained.
MAX_RUNS = len(CURVE_LETTERS) // 2
# Height of the chart in lines.
ROWS = 16
# Smallest width of the chart in columns.
MIN_COLUMNS = 20


def gradient(
    runs: RunArguments = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Compare an LSTM, a GRU and a vanilla RNN of the same width. The first time, they "
            "are trained on the fables, which takes about a minute.",
        ),
    ] = False,
    reach: Annotated[
        int, typer.Option(help="Number of characters to follow the gradient back.")
    ] = 200,
    places: Annotated[
        int,
        typer.Option(help="Smallest number of positions of the validation text to average over."),
    ] = 256,
    model: Model = None,
    output: Output = None,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show how far gradients reach back through a text."""
    check_number("reach", reach, 2, MAX_REACH, whole=True)
    check_number("places", places, 1, 100_000, whole=True)
    if compare and (runs or model):
        raise UsageError("--compare trains its own runs; give it without the name of a run")
    names = several_runs(runs, model, most=MAX_RUNS)
    check_output(output)

    from textgen.runtime.environment import prepare_jax

    prepare_jax()
    with starting(progress, quiet=quiet):
        from textgen.workflows.gradient import compared_runs, follow_gradients

    if compare:
        _train(progress, quiet=quiet)
        names = [*compared_runs()]
    followed = []
    with ProgressLine(progress, quiet=quiet) as line:
        for one in follow_gradients(names, reach=reach, places=places, tell=line.show):
            followed.append(one)
            if progress_form(progress, quiet=quiet) == "plain":
                say(f"measured: {one.title}")
    if output is not None:
        from textgen.pictures.gradients import draw_gradients

        drawn = [(one_line(_name(one)), one.is_trained, one.found) for one in followed]
        save_output(output, draw_gradients(drawn), quiet=quiet)
    if as_json:
        for one in followed:
            emit_json("gradient", one.to_json())
    else:
        emit(format_gradients(followed, has_chart=output is None) + "\n", is_safe=True)


def format_gradients(followed: "Sequence[Followed]", *, has_chart: bool = True) -> str:
    """Describe gradients in a table, and in a chart unless they are drawn as a picture."""
    columns = columns_of(sys.stdout)
    table, left_out = _table(followed, columns)
    notes = [
        "What is named by a number k is the norm of the gradient d loss(t) / d h(t-k) at k "
        "characters back. It is averaged over the validation text and divided by its value at "
        "k = 1. The half-life is the distance k at which half of that value is left; "
        '"1 % left" is that for 1 %.'
    ]
    if left_out:
        notes.append(f"There is no room for k = {', '.join(left_out)}; --json has all distances.")
    parts = [table, format_notes(notes, columns)]
    if has_chart:
        parts.append(_chart(followed, terminal_width(MIN_COLUMNS)))
    return "\n\n".join(parts)


def _table(followed: "Sequence[Followed]", columns: int | None) -> tuple[str, list[str]]:
    """Return a table with as many distances as there is room for, and those that are left out."""
    reach = len(followed[0].found.norms) - 1
    distances = [distance for distance in DISTANCES if distance <= reach]
    head = ["", "network", "half-life", "1 % left", *map(str, distances)]
    rows = [head]
    for letter, one in zip(CURVE_LETTERS, followed, strict=False):
        shares = one.found.norms / one.found.norms[1]
        until = (one.found.characters_until(share) for share in (0.5, 0.01))
        lives = (f"{n:.1f}" if math.isfinite(n) else f">{reach}" for n in until)
        left = (_share(float(shares[distance])) for distance in distances)
        rows.append([letter, one_line(one.title), *lives, *left])
    for kept in (DISTANCES, *FEWER_DISTANCES):
        left_out = [str(distance) for distance in distances if distance not in kept]
        chosen = [index for index, title in enumerate(head) if title not in left_out]
        shown = [[row[index] for index in chosen] for row in rows]
        table = format_table(shown)
        if columns is None or max(map(width, table.split("\n"))) <= columns:
            return table, left_out
    return format_table(rows, columns, num_names=2), []


def _chart(followed: "Sequence[Followed]", columns: int) -> str:
    from textgen.interpretation.gradients import decades_shown

    plain, colours = is_plain(), takes_colours(sys.stdout)
    decades = decades_shown([one.found for one in followed])
    lines, entries = [], []
    for letter, colour, one in zip(
        CURVE_LETTERS, itertools.cycle(CURVE_COLOURS), followed, strict=False
    ):
        shown = itertools.takewhile(lambda share: share > 10.0**-decades, one.found.shares.tolist())
        points = [(float(k), math.log10(share)) for k, share in enumerate(shown, start=1)]
        is_dotted = not one.is_trained
        lines.append(Line(points=points, letter=letter, is_dotted=is_dotted, colour=colour))
        entries.append((letter, colour, one_line(one.title)))
    highest = max(height for line in lines for _, height in line.points)
    chart = Chart(
        lines=lines,
        levels=[(math.log10(0.5), "half")],
        x_title="characters back",
        y_title="gradient norm relative to k = 1, as a power of ten",
        low=-decades,
        high=max(highest, 0.2),
    )
    drawn = draw_chart(chart, columns, ROWS, plain=plain, colours=colours)
    return "\n".join([*drawn, format_legend(entries, columns, colours=colours)])


def _share(share: float) -> str:
    """Write a share with few digits.

    >>> _share(0.0321), _share(0.00000123), _share(12.3), _share(0.0)
    ('0.032', '1e-06', '12.3', '<1e-36')
    """
    if not share:
        return "<1e-36"
    if share >= 10:
        return f"{share:.3g}"
    return f"{share:.3f}" if share >= 0.001 else f"{share:.0e}"


def _name(one: "Followed") -> str:
    return one.title.rpartition(", ")[0]


def _train(progress: ProgressMode, *, quiet: bool) -> None:
    """Train the networks to compare, as far as they are not trained yet."""
    from textgen.terminal.signals import exit_code_after, noted_signals
    from textgen.training.loop import Report
    from textgen.workflows.events import Ended, Planned
    from textgen.workflows.gradient import compared_runs, train_cells
    from textgen.workflows.supervise import Supervision

    with noted_signals() as ending, ProgressLine(progress, quiet=quiet) as line:
        ending.when_requested = lambda: line.show("stopping; Ctrl-C again stops at once")
        supervision = Supervision(
            should_stop=ending.requested, tell=lambda work: line.show(work.text)
        )
        steps, names = 0, compared_runs()
        try:
            for name, event in train_cells(supervision):
                what = f"training {name} ({names.index(name) + 1} of {len(names)})"
                if isinstance(event, Planned):
                    steps = event.record.plan.last_step
                    if progress_form(progress, quiet=quiet) == "plain":
                        say(f"{what} from step {event.first_step:,} on")
                if isinstance(event, Report):
                    line.show(f"{what}: step {event.step:,} of {steps:,}")
                if isinstance(event, Ended) and not event.finished:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            say("stopped; the same command continues the training")
            raise typer.Exit(exit_code_after(ending.signal or signal.SIGINT)) from None
