"""The command that shows how runs learnt: as text in the terminal, or as a picture."""

import json
import shutil
import string
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from itertools import cycle
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from textgen.errors import DamagedError, UsageError
from textgen.readable import one_line
from textgen.terminal.commands.options import AsJson, Output, Quiet
from textgen.terminal.display.chart import ABOVE, STAR, Chart, Line, draw_chart, format_legend
from textgen.terminal.output import emit, is_plain, say, takes_colours

if TYPE_CHECKING:
    from textgen.evaluation.baselines import Baseline
    from textgen.evaluation.curves import Curve
    from textgen.runs.run import Run

# One for each run; of more than ten the colours of a picture would repeat.
LETTERS = [*string.ascii_uppercase[:10]]
COLOURS = ("36", "33", "35", "32", "34", "31")
# Lines of the chart's field: a quarter of its columns within these; and what stands around it.
FEWEST_ROWS, MOST_ROWS, AXES_ROWS = 8, 20, 7

Entry = tuple[str, str, str]


def plot(
    runs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN]...", help="Names or paths of runs; the newest by default."),
    ] = None,
    by: Annotated[
        Literal["steps", "characters", "minutes"], typer.Option(help="What the x axis counts.")
    ] = "steps",
    output: Output = None,
    baselines: Annotated[
        bool, typer.Option(help="Measure n-gram models and xz beside them, which takes seconds.")
    ] = True,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show how runs learnt: training and validation loss in bits per character.

    The curve of validation is measured on a part of the text, if that is long, baselines on all.
    """
    if runs is not None and len(runs) > len(LETTERS):
        raise UsageError(f"{len(runs)} runs are too many for a chart; name at most {len(LETTERS)}")
    if output is not None:
        from textgen.pictures.save import check_picture

        check_picture(output)

    from textgen.evaluation.curves import read_curve, share_a_text
    from textgen.runs.library import find_run

    found = [find_run(name) for name in runs] if runs else [find_run(None)]
    curves = [read_curve(run, by) for run in found]
    is_shared = share_a_text(found)
    if not is_shared and not quiet:
        say("the runs are on different texts: their losses do not compare; no baselines are drawn")
    levels = list(_baselines(found, quiet=quiet)) if baselines and is_shared else []
    if as_json:
        content = {"by": by, "share_a_text": is_shared, "runs": [asdict(curve) for curve in curves]}
        measured = [{"name": one.name, "title": one.title, "bits": one.bits} for one in levels]
        emit(json.dumps(content | {"baselines": measured}) + "\n")
    named = [replace(curve, run=one_line(curve.run)) for curve in curves]
    if output is not None:
        from textgen.pictures.curves import draw_curves
        from textgen.pictures.save import save_picture

        save_picture(output, draw_curves(named, levels, by))
        if not quiet:
            say(f"drawn: {output!s}")
    elif not as_json:
        size = shutil.get_terminal_size()
        text = format_curves(
            named,
            levels,
            by,
            columns=size.columns,
            lines=size.lines if sys.stdout.isatty() else None,
            plain=is_plain(),
            colours=takes_colours(sys.stdout),
        )
        emit(text + "\n", is_safe=True)


def _baselines(runs: "Sequence[Run]", *, quiet: bool) -> "Iterator[Baseline]":
    """Measure the baselines of the text that runs share; tell what is being done."""
    from textgen.evaluation.curves import baselines_of, why_no_baselines

    reasons = [why_no_baselines(run) for run in runs]
    if None in reasons:
        run = runs[reasons.index(None)]
        if not quiet:
            size = run.record().corpus.tokens
            say(f"measuring n-gram models and xz on {size:,} characters (--no-baselines: without)")
        try:
            yield from baselines_of(run)
        except DamagedError as error:  # the curves need no text
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
        columns: the most a line may take.
        lines: the most that the whole should take, if there is a limit.
        plain: whether there is ASCII only.
        colours: whether to write colours.
    """
    from textgen.evaluation.curves import bits_shown

    low, high = bits_shown(curves, baselines)
    # Letters tell runs apart; of a single one the dots tell validation from training.
    letters = LETTERS[: len(curves)] if plain or len(curves) > 1 else [""]
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
    for curve, letter, colour in zip(curves, letters, cycle(COLOURS), strict=False):
        points = list(zip(curve.x, curve.training, strict=True))
        yield Line(points=points, letter=letter.lower(), is_dotted=True, colour=colour)


def _validation_lines(curves: "Sequence[Curve]", letters: Sequence[str]) -> Iterator[Line]:
    for curve, letter, colour in zip(curves, letters, cycle(COLOURS), strict=False):
        points = list(zip(curve.x, curve.validation, strict=True))
        star = None if curve.best is None else (curve.best.x, curve.best.validation)
        yield Line(points=points, letter=letter, colour=colour, star=star)


def _entries(
    curves: "Sequence[Curve]",
    baselines: "Sequence[Baseline]",
    letters: Sequence[str],
    high: float,
    *,
    plain: bool,
) -> "Iterator[Entry]":
    """Yield what the legend says of each kind of line, each run, each baseline and what is cut."""
    from textgen.evaluation.curves import losses_above

    shown = "".join(letters[:3])
    samples = ("", "", "--") if plain else ("\u2812\u2812", "\u2802 \u2802", "\u254c\u254c")
    solid, dotted, dash = samples
    yield shown + solid, "", "validation"
    yield shown.lower() + dotted, "", "training"
    if shown:
        yield STAR, "", "best checkpoint"
    for curve, letter, colour in zip(curves, letters, cycle(COLOURS), strict=False):
        best = "no checkpoint yet"
        if curve.best is not None:
            best = f"best {curve.best.validation:.3f} at step {curve.best.step:,}"
        yield letter or STAR, colour, f"{curve.run}: {best}"
    for baseline in baselines:
        above = ", above the chart" if baseline.bits > high else ""
        yield dash, "2", f"{baseline.title}: {baseline.bits:.3f}{above}"
    if cut := losses_above(curves, high):
        yield ABOVE, "", f"losses above the chart: {len(cut)}, up to {cut[-1]:.3f}"
