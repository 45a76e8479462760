"""A drawing of learning curves. Matplotlib, of the extra `plot`, is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgen.evaluation.baselines import Baseline
from textgen.evaluation.curves import By, Curve, bits_shown, losses_above
from textgen.pictures.style import GREY, curve_colour, open_frame

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

X_TITLES: dict[By, str] = {
    "steps": "steps",
    "characters": "characters read",
    "minutes": "minutes",
}
DASHES = ("--", "-.")
# Shortest label, in characters, that leaves no room for a second column of the legend.
WIDE_LABEL = 60


def draw_curves(curves: Sequence[Curve], baselines: Sequence[Baseline], by: By) -> "Figure":
    """Draw learning curves: solid lines for validation, dotted ones for training.

    Args:
        curves: at least one, each with a name that is safe to show. A star marks the best
            checkpoint.
        baselines: drawn as horizontal lines.
        by: what the x axis of the curves counts.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import EngFormatter, StrMethodFormatter

    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    low, high = bits_shown(curves, baselines)
    room = (high - low) / 20
    low, top = low - room, high + room
    axes.plot([], [], "-", color=GREY, label="validation")
    axes.plot([], [], ":", color=GREY, label="training")
    axes.plot([], [], "*", color=GREY, label="best checkpoint")
    for number, curve in enumerate(curves):
        _draw_curve(axes, curve, curve_colour(number), high, top)
    for baseline, dashes in zip(baselines, DASHES, strict=False):
        label = f"{baseline.title}: {baseline.bits:.3f}"
        axes.axhline(baseline.bits, linestyle=dashes, color=GREY, linewidth=1, label=label)
        if baseline.bits <= high:
            across = axes.get_yaxis_transform()
            name = axes.text(1.01, baseline.bits, baseline.name, transform=across, va="center")
            name.set(color=GREY, fontsize="small")
    if cut := losses_above(curves, high):
        label = f"losses above the chart: {len(cut)}, up to {cut[-1]:.3f}"
        axes.plot([], [], "^", color=GREY, label=label)
    axes.set_xlabel(X_TITLES[by])
    axes.set_ylabel("bits per character")
    axes.set_xlim(left=0)
    axes.set_ylim(low, top)
    axes.xaxis.set_major_formatter(
        EngFormatter(sep="") if by == "characters" else StrMethodFormatter("{x:,g}")
    )
    open_frame(axes)
    labels = axes.get_legend_handles_labels()[1]
    columns = 2 if max(map(len, labels)) < WIDE_LABEL else 1
    corner = (0, -0.12)
    legend = axes.legend(
        loc="upper left", bbox_to_anchor=corner, ncols=columns, fontsize="small", frameon=False
    )
    for text in legend.get_texts():
        text.set_parse_math(False)  # the name of a run may hold dollar signs
    return figure


def _draw_curve(axes: "Axes", curve: Curve, colour: str, high: float, top: float) -> None:
    # The label does not begin with the name: matplotlib skips labels that begin with an underscore.
    label = f"run {curve.run}"
    if curve.best is not None:
        label += f": best {curve.best.validation:.3f} at step {curve.best.step:,}"
        axes.plot(curve.best.x, curve.best.validation, "*", color=colour, markersize=12)
    # A single evaluation is drawn as a dot, since it makes no line.
    marker = "." if len(curve.x) == 1 else ""
    axes.plot(curve.x, curve.validation, "-", color=colour, marker=marker, label=label)
    axes.plot(curve.x, curve.training, ":", color=colour, marker=marker)
    for losses in (curve.training, curve.validation):
        for x, loss in zip(curve.x, losses, strict=True):
            if loss > high:
                axes.plot(x, top, "^", color=colour, clip_on=False)
