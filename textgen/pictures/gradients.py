"""A drawing of how gradients shrink. Matplotlib is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from textgen.interpretation.gradients import GradientNorms
from textgen.pictures.style import GREY, curve_colour, open_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Smallest share that is drawn; smaller ones are lost in the rounding of float32.
SMALLEST = 1e-8


def draw_gradients(followed: Sequence[tuple[str, bool, GradientNorms]]) -> "Figure":
    """Draw the share of gradients that is left, against the distance back in characters.

    Args:
        followed: for each curve the name of a network, whether the network is trained (a solid
            line, else a dashed one), and the norms.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    names = list(dict.fromkeys(name for name, _, _ in followed))
    for name, is_trained, found in followed:
        shares = found.norms[1:] / found.norms[1]
        label = f"{'trained' if is_trained else 'untrained'}: {name}"
        line, colour = "-" if is_trained else "--", curve_colour(names.index(name))
        shown = np.where(shares >= SMALLEST, shares, np.nan)
        axes.plot(range(1, len(found.norms)), shown, line, color=colour, label=label)
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=":")
    beside = axes.get_yaxis_transform()
    axes.text(1.01, 0.5, "half", transform=beside, va="center", color=GREY, fontsize="small")
    axes.set_yscale("log")
    axes.set_xlabel("characters back")
    axes.set_ylabel("share of the gradient at one character back")
    axes.grid(color="0.9")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    open_frame(axes)
    return figure
