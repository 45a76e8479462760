"""A drawing of the surprise of a text: a short text in colours, a longer one as a curve."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.evaluation.scored_text import Part
from textgen.pictures.coloured_text import draw_coloured_text
from textgen.pictures.fonts import drawable
from textgen.pictures.style import FAINT, add_legend, colour_of, new_chart, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Most stretches of a text, and number of characters of the shortest stretch.
STRETCHES = 400
SHORTEST = 16
# Number of stretches of a smoothed curve, and the most that are drawn without one.
SMOOTHED = 24
# Most characters that are drawn as text, counted once for each model.
MOST_DRAWN = 4000


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


class ScorePicture:
    """What is kept of a text while it is read, to draw its surprise at the end."""

    def __init__(self) -> None:
        self.course = Course()
        self._parts: list[Part] | None = []
        self._length = 0
        self._nats = np.zeros(1)

    def add(self, part: Part) -> None:
        """Add the next characters."""
        self.course.add(part)
        self._length += len(part.text)
        self._nats = self._nats + part.nats.sum(axis=1, dtype=np.float64)
        if self._length * len(part.nats) > MOST_DRAWN:
            self._parts = None
        if self._parts is not None:
            self._parts.append(part)

    def draw(self, names: Sequence[str]) -> "Figure | None":
        """Draw the text in colours, or a curve if it is long; return None if there is no text.

        Args:
            names: names of the M models.
        """
        if not self._length:
            return None
        means = self._nats / self._length / math.log(2)
        titles = [
            f"run {name}: {mean:.3f} bits per character"
            for name, mean in zip(names, means.tolist(), strict=True)
        ]
        if self._parts is None:
            return draw_course(self.course, titles, self._length)
        text = "".join(part.text for part in self._parts)
        nats = np.concatenate([part.nats for part in self._parts], axis=1)
        return draw_coloured_text(text, nats / math.log(2), titles)


def smooth(
    bits: NDArray[np.float64], weights: NDArray[np.integer], span: int
) -> NDArray[np.float64]:
    """Return the mean of each stretch and those around it; fewer of them at the ends.

    Args:
        bits: bits per character of each stretch, float64 [K].
        weights: number of characters of each stretch, int [K].
        span: number of stretches in a mean, at most K.

    >>> smooth(np.array([0.0, 3.0, 6.0, 3.0]), np.ones(4, int), 3)
    array([1.5, 3. , 4. , 4.5])
    """
    ones = np.ones(span)
    total = np.convolve(bits * weights, ones, "same")
    found: NDArray[np.float64] = total / np.convolve(weights, ones, "same")
    return found


@own_style()
def draw_course(course: Course, labels: Sequence[str], characters: int) -> "Figure":
    """Draw bits per character along a text, with a line for each of M models.

    Args:
        course: surprise along a text with at least one character.
        labels: names of the M models.
        characters: length of the text.
    """
    from matplotlib.ticker import StrMethodFormatter

    figure, axes = new_chart(f"Surprise along a text of {characters:,} characters")
    bits = course.bits()
    # Each stretch is a step of the line. The last one ends with the text.
    edges = np.minimum(np.arange(len(bits) + 1) * course.size, characters)
    weights = np.diff(edges)
    span = len(bits) // SMOOTHED
    note = f"characters (each step is the mean of {course.size:,}"
    if span > 1:
        note += f", each point of a line that of about {span * course.size:,}"
    for number, (label, column) in enumerate(zip(labels, bits.T, strict=True)):
        colour, label = colour_of(number), drawable(label)
        # A label does not begin with a name: matplotlib skips labels that begin with an underscore.
        if span > 1:
            # The steps are faint behind the line, so that several models can be told apart.
            axes.stairs(column, edges, baseline=None, color=colour, linewidth=0.8, alpha=0.3)
            axes.plot(
                (edges[:-1] + edges[1:]) / 2,
                smooth(column, weights, span),
                color=colour,
                label=label,
            )
        else:
            axes.stairs(column, edges, baseline=None, label=label, color=colour, linewidth=1.5)
    axes.set_ylim(bottom=0)
    axes.set_xlim(0, characters)
    axes.grid(axis="y", color=FAINT)
    axes.set_xlabel(f"{note})")
    axes.set_ylabel("bits per character")
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    add_legend(figure)
    return figure
