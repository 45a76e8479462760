"""A drawing of an evaluation as bars. Matplotlib is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from textgen.pictures.fonts import drawable
from textgen.pictures.style import TITLE_LENGTH, WIDTH, colour_of, own_style
from textgen.readable import wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Heights in inches: of a bar with what lies between bars, of the title of a panel, and of a line of
# the title with the axis below.
BAR, PANEL, AROUND = 0.5, 0.55, 1.4
# Longest name of a predictor on one line, in characters.
NAME_LENGTH = 26


class Bar(NamedTuple):
    """The loss of a predictor by one protocol, in bits per character."""

    predictor: str
    protocol: str
    bits: float


@own_style()
def draw_bars(bars: Sequence[Bar], title: str) -> "Figure":
    """Draw losses, with a panel for each protocol, since they compare only within a protocol.

    Args:
        bars: at least one.
        title: title of the picture.
    """
    from matplotlib.figure import Figure

    protocols = list(dict.fromkeys(bar.protocol for bar in bars))
    predictors = list(dict.fromkeys(bar.predictor for bar in bars))
    shown = [[bar for bar in bars if bar.protocol == protocol] for protocol in protocols]
    height = AROUND + BAR * len(bars) + PANEL * len(protocols)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    lines = "\n".join(wrap(drawable(title), TITLE_LENGTH))
    figure.suptitle(lines, x=0.02, ha="left", fontsize=17)
    heights = [len(some) for some in shown]
    panels = figure.subplots(len(protocols), sharex=True, squeeze=False, height_ratios=heights)
    for protocol, axes, some in zip(protocols, panels[:, 0], shown, strict=True):
        colours = [colour_of(predictors.index(bar.predictor)) for bar in some]
        names = ["\n".join(wrap(drawable(bar.predictor), NAME_LENGTH)) for bar in some]
        drawn = axes.barh(range(len(some)), [bar.bits for bar in some], 0.7, color=colours)
        axes.set_yticks(range(len(some)), names)
        axes.tick_params(axis="y", length=0, labelcolor="black")
        axes.bar_label(drawn, fmt="%.3f", padding=5)
        axes.set_ylim(len(some) - 0.5, -0.5)
        axes.set_title(f"protocol {protocol}", fontsize="medium", pad=6)
    # The numbers stand right of the bars.
    panels[-1, 0].set_xlim(0, max(max(bar.bits for bar in bars), 0.1) * 1.1)
    panels[-1, 0].set_xlabel("bits per character; lower is better")
    return figure
