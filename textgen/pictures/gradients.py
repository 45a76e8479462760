"""A drawing of how gradients shrink. Matplotlib is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from textgen.interpretation.gradients import GradientNorms, decades_shown
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
    from matplotlib.figure import Figure

TITLE = "How much of the gradient is left on its way back through the text"


@own_style()
def draw_gradients(followed: Sequence[tuple[str, bool, GradientNorms]]) -> "Figure":
    """Draw the share of gradients that is left, against the distance back in characters.

    Args:
        followed: for each curve the name of a network, whether the network is trained (a solid
            line, else a dashed one), and the norms.
    """
    from matplotlib.ticker import FuncFormatter, NullLocator

    figure, axes = new_chart(TITLE)
    lowest = 10.0 ** -decades_shown([found for _, _, found in followed])
    names = list(dict.fromkeys(name for name, _, _ in followed))
    for name, is_trained, found in followed:
        number, shares = names.index(name), found.shares
        axes.plot(
            range(1, len(found.norms)),
            np.where(shares >= lowest, shares, np.nan),
            "-" if is_trained else "--",
            color=colour_of(number),
            marker=marker_of(number),
            markevery=0.1,
            label=drawable(f"{'trained' if is_trained else 'untrained'}: {name}"),
        )
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    beside = axes.get_yaxis_transform()
    axes.text(1.01, 0.5, "half", transform=beside, va="center", color=GREY)
    axes.set_yscale("log")
    axes.set_ylim(bottom=lowest)
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda share, _: f"{share:g}".replace("e-0", "e-"))
    )
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlim(0, max(len(found.norms) for _, _, found in followed) - 1)
    axes.set_xlabel("characters back")
    axes.set_ylabel("share of the gradient\nat one character back")
    axes.grid(color=FAINT)
    add_legend(figure)
    return figure
