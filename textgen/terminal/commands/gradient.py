"""The command that shows how gradients vanish."""

import itertools
import json
import math
import shutil
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import UsageError
from textgen.readable import one_line, wrap
from textgen.settings import check_number
from textgen.terminal.commands.options import AsJson, Output, Quiet
from textgen.terminal.display.chart import Chart, Line, draw_chart, format_legend
from textgen.terminal.display.render import format_table
from textgen.terminal.output import emit, is_plain, say, takes_colours

if TYPE_CHECKING:
    from textgen.workflows.gradient import Followed

# Characters back, as far as was followed, at which the table shows what is left.
DISTANCES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
COLOURS = ("36", "33", "35", "32", "34", "31")
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MAX_REACH = 2000
# Powers of ten that the chart shows, downwards from one.
DECADES = 6
ROWS = 16


def gradient(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="Runs; the newest without one.")
    ] = None,
    compare: Annotated[
        bool,
        typer.Option(
            "--compare",
            help="Compare an LSTM, a GRU and a vanilla RNN of one size, trained on the fables "
            "for about a minute the first time.",
        ),
    ] = False,
    reach: Annotated[int, typer.Option(help="How many characters to follow it back.")] = 200,
    places: Annotated[
        int, typer.Option(help="From how many places of the validation text, at least.")
    ] = 256,
    output: Output = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show how much of a gradient survives on its way back through the text."""
    check_number("reach", reach, 2, MAX_REACH, whole=True)
    check_number("places", places, 1, 100_000, whole=True)
    if compare and runs:
        raise UsageError("--compare trains runs of its own; give it without others")
    if len(runs or []) > len(LETTERS) // 2:
        raise UsageError(f"at most {len(LETTERS) // 2} runs can be told apart")
    if output is not None:
        from textgen.pictures.save import check_picture

        check_picture(output)

    from textgen.runtime.compile_cache import keep_compiled

    keep_compiled()
    from textgen.workflows.gradient import compared_runs, follow_gradients

    if compare:
        _train(quiet=quiet)
    given: list[str] = compared_runs() if compare else runs or []
    names = list[str | None](given) or [None]
    followed = []
    for one in follow_gradients(names, reach=reach, places=places):
        followed.append(one)
        if not quiet:
            say(f"followed back: {one.title}")
    if output is not None:
        from textgen.pictures.gradients import draw_gradients
        from textgen.pictures.save import save_picture

        drawn = [(one_line(_name(one)), one.is_trained, one.found) for one in followed]
        save_picture(output, draw_gradients(drawn))
        if not quiet:
            say(f"drawn: {output!s}")
    if as_json:
        emit(json.dumps([one.to_json() for one in followed]) + "\n")
    elif output is None:
        emit(format_gradients(followed), is_safe=True)


def format_gradients(followed: "Sequence[Followed]") -> str:
    """Describe what was found in a table and a chart."""
    reach = len(followed[0].found.norms) - 1
    distances = [distance for distance in DISTANCES if distance <= reach]
    rows = [("", "network", "half-life", "1 % left", *map(str, distances))]
    for letter, one in zip(LETTERS, followed, strict=False):
        shares = one.found.norms / one.found.norms[1]
        until = (one.found.characters_until(share) for share in (0.5, 0.01))
        lives = (f"{n:.1f}" if math.isfinite(n) else f">{reach}" for n in until)
        left = (_share(float(shares[distance])) for distance in distances)
        rows.append((letter, one_line(one.title), *lives, *left))
    columns = shutil.get_terminal_size().columns
    note = wrap(
        "Norm of d loss(t) / d h(t-k), the mean over the validation text, for k characters back; "
        "that of k = 1 is 1. Half-life: the first k at which half of it is left.",
        max(columns, 20),
    )
    chart = _chart(followed, max(columns, 20))
    return "\n\n".join([format_table(rows), "\n".join(note), f"{chart}\n"])


def _chart(followed: "Sequence[Followed]", columns: int) -> str:
    plain, colours = is_plain(), takes_colours(sys.stdout)
    lines, entries = [], []
    for number, (letter, one) in enumerate(zip(LETTERS, followed, strict=False)):
        shares = one.found.norms[1:] / one.found.norms[1]
        shown = itertools.takewhile(lambda share: share > 10.0**-DECADES, shares.tolist())
        points = [(float(k), math.log10(share)) for k, share in enumerate(shown, start=1)]
        colour = COLOURS[number // 2 % len(COLOURS)]
        is_dotted = not one.is_trained
        lines.append(Line(points=points, letter=letter, is_dotted=is_dotted, colour=colour))
        entries.append((letter, colour, one_line(one.title)))
    highest = max(height for line in lines for _, height in line.points)
    chart = Chart(
        lines=lines,
        levels=[(math.log10(0.5), "half")],
        x_title="characters back",
        y_title="share left, as a power of ten",
        low=-DECADES,
        high=max(highest, 0.2),
    )
    drawn = draw_chart(chart, columns, ROWS, plain=plain, colours=colours)
    return "\n".join([*drawn, format_legend(entries, columns, colours=colours)])


def _share(share: float) -> str:
    """Write a share in few figures.

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


def _train(*, quiet: bool) -> None:
    """Train the networks to compare, unless they are there and finished."""
    from textgen.terminal.signals import noted_signals
    from textgen.workflows.events import Ended, Planned
    from textgen.workflows.gradient import train_cells
    from textgen.workflows.supervise import Supervision

    with noted_signals() as ending:
        try:
            for name, event in train_cells(Supervision(should_stop=ending.requested)):
                if isinstance(event, Planned) and not quiet:
                    say(f"{name}: is being trained, from step {event.first_step:,} on")
                if isinstance(event, Ended) and not event.finished:
                    raise KeyboardInterrupt
        except KeyboardInterrupt:
            say("stopped; the same command goes on with it")
            raise typer.Exit(128 + (ending.signal or signal.SIGINT)) from None
