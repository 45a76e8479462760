"""How a gradient fades on its way back, as a drawing; matplotlib is imported only when drawing."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from textgen.interpretation.gradients import GradientNorms

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Below what float32 can follow.
SMALLEST = 1e-8


def draw_gradients(followed: Sequence[tuple[str, bool, GradientNorms]]) -> "Figure":
    """Draw what is left of gradients against the characters they went back.

    Args:
        followed: names, whether trained (solid, else dashed), and norms.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5))
    axes = figure.subplots()
    names = list(dict.fromkeys(name for name, _, _ in followed))
    for name, is_trained, found in followed:
        shares = found.norms[1:] / found.norms[1]
        label = f"{'trained' if is_trained else 'untrained'}: {name}"
        line, colour = "-" if is_trained else "--", f"C{names.index(name) % 10}"
        # Below the smallest nothing is drawn.
        shown = np.where(shares >= SMALLEST, shares, np.nan)
        axes.plot(range(1, len(found.norms)), shown, line, color=colour, label=label)
    axes.axhline(0.5, color="0.4", linewidth=1, linestyle=":")
    at_the_side = axes.get_yaxis_transform()
    axes.text(1.01, 0.5, "half", transform=at_the_side, va="center", color="0.4", fontsize="small")
    axes.set_yscale("log")
    axes.set_xlabel("characters back")
    axes.set_ylabel("share of the gradient one character back")
    axes.grid(color="0.9")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure
