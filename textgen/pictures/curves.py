"""A drawing of learning curves. Matplotlib, of the extra `plot`, is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgen.evaluation.baselines import Baseline
from textgen.evaluation.curves import By, Curve, bits_shown, losses_above
from textgen.pictures.fonts import drawable
from textgen.pictures.style import (
    FAINT,
    GREY,
    add_legend,
    colour_of,
    marker_of,
    new_chart,
    own_style,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X_TITLES: dict[By, str] = {
    "steps": "training steps",
    "characters": "characters read",
    "minutes": "minutes of training",
}
DASHES = ("--", "-.")
TITLE = "Learning curves"


@own_style()
def draw_curves(curves: Sequence[Curve], baselines: Sequence[Baseline], by: By) -> "Figure":
    """Draw learning curves: solid lines for validation, dotted ones for training.

    Args:
        curves: at least one, each with a name that is safe to show. A star marks the best
            checkpoint.
        baselines: drawn as horizontal lines.
        by: what the x axis of the curves counts.
    """
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    low, high = bits_shown(curves, baselines)
    room = (high - low) / 20
    low, top = low - room, high + room
    cut = losses_above(curves, high)
    title = TITLE if len(curves) > 1 else f"{TITLE} of {curves[0].run}"
    figure, axes = new_chart(drawable(title))
    axes.plot([], [], "-", color=GREY, label="validation")
    axes.plot([], [], ":", color=GREY, label="training")
    axes.plot([], [], "*", color=GREY, markersize=14, label="best checkpoint")
    for number, curve in enumerate(curves):
        _draw_curve(axes, curve, number, high, top)
    for baseline, dashes in zip(baselines, DASHES, strict=False):
        label = f"{baseline.title}: {baseline.bits:.3f}"
        axes.axhline(baseline.bits, linestyle=dashes, color=GREY, linewidth=1.5, label=label)
        if baseline.bits <= high:
            across = axes.get_yaxis_transform()
            name = axes.text(1.01, baseline.bits, baseline.name, transform=across, va="center")
            name.set(color=GREY)
    if cut:
        label = f"losses above the chart: {len(cut)}, up to {cut[-1]:.3f}"
        axes.plot([], [], "^", color=GREY, label=label)
    axes.set_xlabel(X_TITLES[by])
    axes.set_ylabel("bits per character")
    axes.set_xlim(left=0)
    axes.set_ylim(low, top)
    axes.grid(axis="y", color=FAINT)
    axes.xaxis.set_major_formatter(
        EngFormatter(sep="") if by == "characters" else StrMethodFormatter("{x:,g}")
    )
    add_legend(figure)
    return figure


def _draw_curve(axes: "Axes", curve: Curve, number: int, high: float, top: float) -> None:
    # The label does not begin with the name: matplotlib skips labels that begin with an underscore.
    label, colour = f"run {curve.run}", colour_of(number)
    if curve.best is not None:
        label += f": best {curve.best.validation:.3f} at step {curve.best.step:,}"
        if curve.best.x is not None:
            axes.plot(curve.best.x, curve.best.validation, "*", color=colour, markersize=16)
    # A single evaluation is drawn as a dot, since it makes no line.
    marker = "o" if len(curve.x) == 1 else marker_of(number)
    axes.plot(curve.x, curve.validation, "-", color=colour, marker=marker, label=drawable(label))
    axes.plot(curve.x, curve.training, ":", color=colour, marker=marker)
    for losses in (curve.training, curve.validation):
        for x, loss in zip(curve.x, losses, strict=True):
            if loss > high:
                axes.plot(x, top, "^", color=colour, markersize=10, clip_on=False)
