"""The command `plot`: draw the learning curves of runs, as text or as a picture."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import cycle
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from textgen.errors import DamagedError, RunError, UsageError
from textgen.readable import one_line
from textgen.terminal.commands.options import (
    AsJson,
    Model,
    Output,
    Progress,
    Quiet,
    RunArguments,
)
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.run_names import several_runs
from textgen.terminal.display.chart import (
    ABOVE,
    FAINT,
    STAR,
    Chart,
    Line,
    draw_chart,
    format_legend,
)
from textgen.terminal.display.colours import CURVE_COLOURS, CURVE_LETTERS
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import (
    columns_of,
    emit,
    emit_json,
    is_plain,
    say,
    takes_colours,
    terminal_height,
    terminal_width,
)

if TYPE_CHECKING:
    from textgen.evaluation.baselines import Baseline
    from textgen.evaluation.curves import Curve
    from textgen.runs.run import Run

# Most runs in one chart; the colours of a picture would repeat after ten.
MAX_RUNS = 10
# The field of the chart is a quarter as high as wide, within these limits, in lines.
FEWEST_ROWS, MOST_ROWS = 8, 20
# Lines that the chart takes besides the field and the legend.
AXES_ROWS = 7

Entry = tuple[str, str, str]


def plot(
    runs: RunArguments = None,
    model: Model = None,
    by: Annotated[
        Literal["steps", "characters", "minutes"], typer.Option(help="What the x axis counts.")
    ] = "steps",
    output: Output = None,
    samples: Annotated[
        bool,
        typer.Option(
            "--samples",
            help="Show the text that the network wrote after each evaluation, in place of the "
            "curves.",
        ),
    ] = False,
    baselines: Annotated[
        bool,
        typer.Option(help="Measure n-gram models and xz for comparison, which takes seconds."),
    ] = True,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draw the learning curves of runs.

    Training and validation losses are in bits per character. On a long text, the validation loss
    is measured on a part of the validation text. Baselines are measured on all of it.
    """
    names = several_runs(runs, model, MAX_RUNS)
    check_output(output)
    if samples:
        if output is not None:
            raise UsageError("--samples shows text, not a picture; leave --output out")
        _show_samples(names, as_json=as_json)
        return

    from textgen.evaluation.curves import read_curve, share_a_direction, share_a_text
    from textgen.runs.library import find_run

    found = [find_run(name) for name in names]
    curves = [read_curve(run, by) for run in found]
    is_shared = share_a_text(found)
    if not is_shared and not quiet:
        say("the runs have different texts, so their losses do not compare; no baselines are drawn")
    if not share_a_direction(found) and not quiet:
        say("some of the runs read in both directions, so their losses do not compare with others")
    levels = []
    if baselines and is_shared:
        with ProgressLine(progress, quiet=quiet, first_at_once=True) as line:
            levels = list(_baselines(found, line, quiet=quiet))
    if as_json:
        content = {"by": by, "share_a_text": is_shared, "runs": [asdict(curve) for curve in curves]}
        measured = [{"name": one.name, "title": one.title, "bits": one.bits} for one in levels]
        emit_json("curves", content | {"baselines": measured})
    named = [replace(curve, run=one_line(curve.run)) for curve in curves]
    if output is not None:
        from textgen.pictures.curves import draw_curves

        save_output(output, draw_curves(named, levels, by), quiet=quiet)
    elif not as_json:
        text = format_curves(
            named,
            levels,
            by,
            columns=terminal_width(),
            lines=terminal_height(),
            plain=is_plain(),
            colours=takes_colours(sys.stdout),
        )
        emit(text + "\n", is_safe=True)


def _show_samples(names: "Sequence[str | None]", *, as_json: bool) -> None:
    """Show what the networks of runs wrote while they were trained.

    Raises:
        RunError: if a run has kept no sample.
    """
    from textgen.runs.library import find_run
    from textgen.runs.metrics import SAMPLE
    from textgen.terminal.display.training_samples import format_training_samples

    found = [(run, [row for row in run.metrics() if SAMPLE in row]) for run in map(find_run, names)]
    for run, rows in found:
        if not rows:
            raise RunError(
                f"the run {run.title!r} has kept no samples: it has no evaluation yet, reads in "
                "both directions, or was trained by textgen 0.2 or before"
            )
    for run, rows in found:
        if as_json:
            for row in rows:
                emit_json("sample", {"run": run.title, **row})
            continue
        name = one_line(run.title) if len(found) > 1 else ""
        columns = columns_of(sys.stdout)
        emit("".join(format_training_samples(rows, columns=columns, name=name)), is_safe=True)


def _baselines(runs: "Sequence[Run]", line: ProgressLine, *, quiet: bool) -> "Iterator[Baseline]":
    """Measure the baselines of the text that runs share, and say so."""
    from textgen.evaluation.curves import baselines_of, why_no_baselines

    reasons = [why_no_baselines(run) for run in runs]
    if None in reasons:
        run = runs[reasons.index(None)]
        size = run.record().corpus.tokens
        line.show(
            f"measuring n-gram models and xz on {size:,} characters (--no-baselines skips this)"
        )
        try:
            yield from baselines_of(run)
        except DamagedError as error:  # the curves can be drawn without the text
            say(f"no baselines: {error}")
    elif not quiet:
        say(f"no baselines: {reasons[0]}")


def format_curves(
    curves: "Sequence[Curve]",
    baselines: "Sequence[Baseline]",
    by: str,
    *,
    columns: int,
    lines: int | None,
    plain: bool,
    colours: bool,
) -> str:
    """Draw curves as text, with a legend below.

    Args:
        curves: at least one and at most 10, each with a name that is safe to show.
        baselines: drawn as horizontal lines.
        by: what the x axis of the curves counts.
        columns: width of the terminal in columns.
        lines: height of the terminal in lines; None for no limit.
        plain: whether to write ASCII only.
        colours: whether to write colours.
    """
    from textgen.evaluation.curves import bits_shown

    low, high = bits_shown(curves, baselines)
    # A single run needs no letter if dots tell its validation curve from its training curve.
    letters = CURVE_LETTERS[: len(curves)] if plain or len(curves) > 1 else [""]
    chart = Chart(
        lines=[*_training_lines(curves, letters), *_validation_lines(curves, letters)],
        levels=[(baseline.bits, baseline.name) for baseline in baselines],
        x_title=by,
        y_title="bits per character",
        low=low,
        high=high,
    )
    entries = list(_entries(curves, baselines, letters, high, plain=plain))
    legend = format_legend(entries, columns, colours=colours)
    rows = min(max(columns // 4, FEWEST_ROWS), MOST_ROWS)
    if lines is not None:
        rows = max(min(rows, lines - legend.count("\n") - AXES_ROWS), FEWEST_ROWS)
    field = draw_chart(chart, columns, rows, plain=plain, colours=colours)
    return "\n".join([*field, legend])


def _training_lines(curves: "Sequence[Curve]", letters: Sequence[str]) -> Iterator[Line]:
    for curve, letter, colour in zip(curves, letters, cycle(CURVE_COLOURS), strict=False):
        points = list(zip(curve.x, curve.training, strict=True))
        yield Line(points=points, letter=letter.lower(), is_dotted=True, colour=colour)


def _validation_lines(curves: "Sequence[Curve]", letters: Sequence[str]) -> Iterator[Line]:
    for curve, letter, colour in zip(curves, letters, cycle(CURVE_COLOURS), strict=False):
        points = list(zip(curve.x, curve.validation, strict=True))
        star = None
        if curve.best is not None and curve.best.x is not None:
            star = curve.best.x, curve.best.validation
        yield Line(points=points, letter=letter, colour=colour, star=star)


def _entries(
    curves: "Sequence[Curve]",
    baselines: "Sequence[Baseline]",
    letters: Sequence[str],
    high: float,
    *,
    plain: bool,
) -> "Iterator[Entry]":
    """Yield the legend's entries: kinds of lines, runs, baselines, and losses above the chart."""
    from textgen.evaluation.curves import losses_above

    shown = "".join(letters[:3])
    samples = ("", "", "--") if plain else ("\u2812\u2812", "\u2802 \u2802", "\u254c\u254c")
    solid, dotted, dash = samples
    yield shown + solid, "", "validation"
    yield shown.lower() + dotted, "", "training"
    if shown:
        yield STAR, "", "best checkpoint"
    for curve, letter, colour in zip(curves, letters, cycle(CURVE_COLOURS), strict=False):
        best = "no checkpoint yet"
        if curve.best is not None:
            best = f"best {curve.best.validation:.3f} at step {curve.best.step:,}"
        yield letter or STAR, colour, f"{curve.run}: {best}"
    for baseline in baselines:
        above = ", above the chart" if baseline.bits > high else ""
        yield dash, FAINT, f"{baseline.title}: {baseline.bits:.3f}{above}"
    if cut := losses_above(curves, high):
        what = f"{len(cut)} {'loss' if len(cut) == 1 else 'losses'}"
        yield ABOVE, "", f"{what} above the chart, the highest {cut[-1]:.3f}"
