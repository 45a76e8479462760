"""A drawing of the surprise along a text. Matplotlib is imported only when drawing."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.evaluation.scored_text import Part
from textgen.pictures.style import open_frame

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Most stretches of a text, and number of characters of the shortest stretch.
STRETCHES = 400
SHORTEST = 16


class Course:
    """The mean surprise along a text, in stretches of equal size.

    The stretches grow with the text, so that their number stays within limits.

    Attributes:
        size: number of characters of a stretch.
    """

    def __init__(self) -> None:
        self.size = SHORTEST
        self._sums: list[NDArray[np.float64]] = []
        self._counts: list[int] = []

    def add(self, part: Part) -> None:
        """Add the next characters."""
        at = 0
        while at < len(part.text):
            if not self._counts or self._counts[-1] == self.size:
                self._merge()
                self._sums.append(np.zeros(len(part.nats)))
                self._counts.append(0)
            end = min(len(part.text), at + self.size - self._counts[-1])
            self._sums[-1] = self._sums[-1] + part.nats[:, at:end].sum(axis=1, dtype=np.float64)
            self._counts[-1] += end - at
            at = end

    def _merge(self) -> None:
        """Make stretches twice as long if there are as many as there may be."""
        if len(self._counts) == STRETCHES:
            self.size *= 2
            pairs = range(0, STRETCHES, 2)
            self._sums = [self._sums[at] + self._sums[at + 1] for at in pairs]
            self._counts = [self.size] * len(self._sums)

    def bits(self) -> NDArray[np.float64]:
        """Return the bits per character of each of K stretches and M models, float64 [K, M]."""
        means: NDArray[np.float64] = np.array(self._sums) / np.array(self._counts)[:, None]
        return means / math.log(2)


def draw_course(course: Course, names: Sequence[str]) -> "Figure":
    """Draw bits per character along a text, with a line for each of M models.

    Args:
        course: surprise along a text with at least one character.
        names: names of the M models, safe to show.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(8, 4))
    axes = figure.subplots()
    bits = course.bits()
    # Each stretch is a step of the line. The last one is drawn as long as the others.
    edges = np.arange(len(bits) + 1) * course.size
    for name, column in zip(names, bits.T, strict=True):
        # The label does not begin with the name: matplotlib skips labels that begin with an
        # underscore.
        axes.stairs(column, edges, baseline=None, label=f"run {name}", linewidth=1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel(f"characters (each step is {course.size:,})")
    axes.set_ylabel("bits per character")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.legend(frameon=False)
    open_frame(axes)
    return figure
