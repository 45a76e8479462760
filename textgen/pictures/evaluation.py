"""A drawing of an evaluation as bars. Matplotlib is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textgen.pictures.style import curve_colour, open_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Bar(NamedTuple):
    """The loss of a predictor by one protocol, in bits per character."""

    predictor: str
    protocol: str
    bits: float


def draw_bars(bars: Sequence[Bar]) -> "Figure":
    """Draw losses, with a panel for each protocol, since they compare only within a protocol.

    Args:
        bars: at least one.
    """
    from matplotlib.figure import Figure

    protocols = list(dict.fromkeys(bar.protocol for bar in bars))
    predictors = list(dict.fromkeys(bar.predictor for bar in bars))
    shown = [[bar for bar in bars if bar.protocol == protocol] for protocol in protocols]
    figure = Figure(figsize=(8, 1 + 0.5 * len(bars)))
    heights = [len(some) for some in shown]
    panels = figure.subplots(len(protocols), sharex=True, squeeze=False, height_ratios=heights)
    for protocol, axes, some in zip(protocols, panels[:, 0], shown, strict=True):
        colours = [curve_colour(predictors.index(bar.predictor)) for bar in some]
        drawn = axes.barh(
            [bar.predictor for bar in some], [bar.bits for bar in some], color=colours
        )
        axes.bar_label(drawn, fmt="%.3f", padding=3)
        axes.invert_yaxis()
        axes.set_title(protocol, loc="left", fontsize="medium")
        open_frame(axes)
    panels[-1, 0].set_xlabel("bits per character")
    figure.tight_layout()
    return figure
