"""Cells below the characters of a text: heat maps, bars and frames on a page."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.pictures.fonts import SANS, glyph_of
from textgen.pictures.style import GREY

if TYPE_CHECKING:
    from textgen.pictures.page import Page

# Width of a cell in columns; that of one with a wide character or the code of a character.
CELL, WIDE_CELL = 1.3, 2.4
# Heights in lines: of a cell, and of a strip of bars.
FILLED, STRIP = 0.92, 2.2
# Columns for the label left of the cells, and for the numbers right of them.
LEFT, RIGHT = 6, 14
# Narrowest part of a page, which has room for titles and legends, in columns.
NARROWEST = 64
# Names of colour maps, with the hues of the terminal. Gates and probabilities are pale at 0 and
# green at 1. States are blue below 0 and red above; pale is nearest to 0.
SHARES, STATES = "Greens", "RdBu_r"
# Share and distance of a signed share from the middle from which letters are white.
DARK_SHARE, DARK_STATE = 0.6, 0.35
# Number of steps of the bar that explains a colour map, and its width in columns.
STEPS, BAR = 24, 12
# Width in columns of a letter of the font of titles, on average.
SANS_COLUMN = 0.88
# Colours of frames and of bars.
FRAME, BARS = "#bbbbbb", "#888888"


def shades(colours: str, shares: NDArray[np.floating]) -> NDArray[np.object_]:
    """Return the colour of each share in [0, 1] in a colour map, an array of their shape."""
    from matplotlib import colormaps

    red, green, blue, _ = np.moveaxis(np.rint(255 * colormaps[colours](shares)).astype(int), -1, 0)
    # A page has many cells and few colours.
    found, indices = np.unique(red << 16 | green << 8 | blue, return_inverse=True)
    names = np.array([f"#{colour:06x}" for colour in found], dtype=object)
    return names[indices].reshape(shares.shape)


def cell_width(characters: set[str]) -> float:
    """Return the width in columns of cells that hold any of some characters."""
    has_wide = any(glyph_of(character).columns > 1 for character in characters)
    return WIDE_CELL if has_wide else CELL


class Cells:
    """Rows of cells of one width, with a label before and numbers after each row."""

    def __init__(self, page: "Page", x: float, cell: float) -> None:
        """Place the rows.

        Args:
            page: where they are drawn.
            x: column of the left end of their labels.
            cell: width of a cell in columns.
        """
        self._page, self._x, self._cell = page, x, cell

    def text(self, y: float, characters: Sequence[str], colours: Sequence[str] = ()) -> None:
        """Write characters into the cells of a line, black if there are no colours."""
        shown = colours or ["black"] * len(characters)
        for number, (character, colour) in enumerate(zip(characters, shown, strict=True)):
            x = self._x + LEFT + number * self._cell
            self._page.glyph(x, y - (1 - FILLED) / 2, self._cell, glyph_of(character), colour)

    def row(self, y: float, label: str, colours: Sequence[str], numbers: str = "") -> None:
        """Fill the cells of a line with colours."""
        for number, colour in enumerate(colours):
            x = self._x + LEFT + number * self._cell
            self._page.box(x, y, self._cell, FILLED, colour)
        self._frame(y, FILLED, len(colours), label, numbers)

    def strip(
        self,
        y: float,
        label: str,
        shares: Sequence[float],
        colours: Sequence[str],
        numbers: str,
        height: float = STRIP,
    ) -> None:
        """Draw bars from zero up.

        Args:
            y: line of the upper side.
            label: what stands left of the bars.
            shares: share in [0, 1] of the height that each bar has.
            colours: colour of each bar.
            numbers: what stands right of the bars.
            height: in lines.
        """
        for number, (share, colour) in enumerate(zip(shares, colours, strict=True)):
            x, tall = self._x + LEFT + number * self._cell, share * height
            self._page.box(x + 0.1, y + height - tall, self._cell - 0.2, tall, colour)
        self._frame(y, height, len(shares), label, numbers)

    def _frame(self, y: float, height: float, count: int, label: str, numbers: str) -> None:
        x, across = self._x + LEFT, count * self._cell
        self._page.box(x, y, across, height, "none", FRAME)
        middle = y + height / 2 - 0.5
        self._page.text(x - 1, middle, label, align="right", colour=GREY)
        self._page.text(x + across + 0.5, middle, numbers, colour=GREY)


def explain_colours(page: "Page", x: float, y: float, low: str, colours: str, high: str) -> None:
    """Draw a bar of a colour map between the meanings of its ends, in one line."""
    page.text(x, y, low, colour=GREY, family=SANS)
    x += SANS_COLUMN * len(low) + 1.5
    for number, shade in enumerate(shades(colours, np.linspace(0, 1, STEPS))):
        page.box(x + number * BAR / STEPS, y + 0.1, BAR / STEPS, 0.8, shade)
    page.box(x, y + 0.1, BAR, 0.8, "none", BARS)
    page.text(x + BAR + 1, y, high, colour=GREY, family=SANS)
