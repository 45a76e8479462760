"""A picture of letters in cells: boxes and texts on a grid. Matplotlib is imported when drawing."""

from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from textgen.pictures.fonts import MONO, SANS, Glyph, drawable, font_of
from textgen.pictures.style import DOTS, GREY, own_style
from textgen.readable import width, wrap

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Size of a letter in points. Its width, which is that of a column, and the height of a line, in
# inches; the margin of a page, in inches.
SIZE = 12.0
COLUMN, LINE, MARGIN = 0.602 * SIZE / 72, 0.23, 0.3
# Width and height of a slide in inches, on which the letters of a page of that size are small.
SLIDE = 16.0, 9.0
# Distance of the baseline from the middle of a line, in lines: half the height of a capital letter.
BASELINE = 0.365 * SIZE / 72 / LINE
# Size of the digits of a code point, of a heading and of a title below it, in letters.
CODE_SIZE, HEADING_SIZE, TITLE_SIZE = 0.55, 1.25, 1.1
# Runs of these characters are drawn at once; they follow each other from left to right, and each
# is as wide as a column. Other characters are drawn one by one.
LAST_PLAIN = "\u058f"


def times_slide(columns: float, lines: float) -> float:
    """Return how many times as large as a slide a page is: the less, the larger its letters."""
    return max(columns * COLUMN / SLIDE[0], lines * LINE / SLIDE[1])


class Box(NamedTuple):
    """A rectangle; positions and sizes are in columns and lines, from the upper left corner."""

    x: float
    y: float
    width: float
    height: float
    colour: str
    edge: str


class Words(NamedTuple):
    """A text in the middle of a line; `x` is its left end, its middle or its right end."""

    x: float
    y: float
    text: str
    align: str
    size: float
    colour: str
    family: str
    weight: str


class Page:
    """Boxes and texts. Positions are in columns to the right and in lines downwards."""

    def __init__(self) -> None:
        self.boxes: list[Box] = []
        self.words: list[Words] = []
        self.width = self.height = 0.0

    def box(
        self, x: float, y: float, width: float, height: float, colour: str, edge: str = "none"
    ) -> None:
        """Draw a rectangle.

        Args:
            x: column of its left side.
            y: line of its upper side.
            width: in columns.
            height: in lines.
            colour: of the inside, `none` for none.
            edge: colour of a thin line around it.
        """
        self.boxes.append(Box(x, y, width, height, colour, edge))
        self._reach(x + width, y + height)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        align: str = "left",
        size: float = 1.0,
        colour: str = "black",
        family: str = MONO,
        weight: str = "normal",
    ) -> None:
        """Write a text in the middle of line `y`, which is safe to draw.

        Args:
            x: column of its left end, or of its middle or its right end as `align` says.
            y: line.
            text: one line.
            align: left, center or right.
            size: in letters.
            colour: of the letters.
            family: name of a font.
            weight: normal or bold.
        """
        self.words.append(Words(x, y + 0.5, text, align, size, colour, family, weight))
        share = {"left": 1.0, "center": 0.5, "right": 0.0}[align]
        self._reach(x + share * width(text) * size, y + 1)

    def glyph(
        self, x: float, y: float, columns: float, glyph: Glyph, colour: str = "black"
    ) -> None:
        """Write a character into the middle of a cell."""
        middle = x + columns / 2
        if not glyph.is_code:
            family = font_of(glyph.text[-1]) or MONO
            self.text(middle, y, glyph.text, align="center", colour=colour, family=family)
            return
        half = -(-len(glyph.text) // 2)
        frame = half * CODE_SIZE + 0.35
        self.box(middle - frame / 2, y + 0.06, frame, 0.88, "none", colour)
        for part, shift in ((glyph.text[:half], -0.2), (glyph.text[half:], 0.2)):
            self.text(middle, y + shift, part, align="center", size=CODE_SIZE, colour=colour)

    def glyphs(self, x: float, y: float, glyphs: Sequence[Glyph], colours: Sequence[str]) -> None:
        """Write characters side by side, each as wide as it is, with a colour for each."""
        placed = []
        for glyph, colour in zip(glyphs, colours, strict=True):
            placed.append((x, glyph, colour))
            x += glyph.columns
        for (is_plain, colour), group in groupby(placed, lambda one: (_is_plain(one[1]), one[2])):
            cells = list(group)
            if is_plain:
                run = "".join(glyph.text for _, glyph, _ in cells)
                self.text(cells[0][0], y, run, colour=colour)
                continue
            for left, glyph, _ in cells:
                self.glyph(left, y, glyph.columns, glyph, colour)

    def heading(self, x: float, y: float, text: str, columns: float) -> float:
        """Write a heading, in several lines if it is long; return the line below it."""
        lines = wrap(drawable(text), int(columns / HEADING_SIZE))
        for line in lines:
            self.text(x, y, line, size=HEADING_SIZE, family=SANS, weight="bold")
            y += 1.35
        return y

    def title(self, x: float, y: float, text: str) -> float:
        """Write the title of a part of the page on one line; return the line below it."""
        self.text(x, y, drawable(text), size=TITLE_SIZE, family=SANS, weight="bold")
        return y + 1.3

    def note(self, x: float, y: float, text: str, columns: float) -> float:
        """Write a remark in grey, in several lines if it is long; return the line below it."""
        for line in wrap(drawable(text), int(columns)):
            self.text(x, y, line, colour=GREY, family=SANS)
            y += 1
        return y

    def _reach(self, right: float, bottom: float) -> None:
        self.width, self.height = max(self.width, right), max(self.height, bottom)

    @own_style()
    def figure(self) -> "Figure":
        """Draw the page."""
        from matplotlib.collections import PolyCollection
        from matplotlib.figure import Figure

        across, down = self.width * COLUMN + 2 * MARGIN, self.height * LINE + 2 * MARGIN
        figure = Figure(figsize=(across, down), dpi=DOTS)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(-MARGIN / COLUMN, self.width + MARGIN / COLUMN)
        axes.set_ylim(self.height + MARGIN / LINE, -MARGIN / LINE)
        corners = [
            [(x, y), (x + w, y), (x + w, y + h), (x, y + h)] for x, y, w, h, _, _ in self.boxes
        ]
        colours = [box.colour for box in self.boxes]
        edges = [box.edge for box in self.boxes]
        # Without smoothing, no white lines remain between neighbours.
        axes.add_collection(
            PolyCollection(
                corners, facecolors=colours, edgecolors=edges, linewidths=0.6, antialiased=False
            )
        )
        for words in self.words:
            axes.text(
                words.x,
                words.y + BASELINE * words.size,
                words.text,
                ha=words.align,
                va="baseline",
                size=words.size * SIZE,
                color=words.colour,
                family=words.family,
                weight=words.weight,
            )
        return figure


def _is_plain(glyph: Glyph) -> bool:
    return glyph.columns == 1 and not glyph.is_code and glyph.text <= LAST_PLAIN
