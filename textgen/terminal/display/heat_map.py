"""A text along the x axis, with rows of cells below it: the heat maps of a terminal."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from textgen.readable import visible, width
from textgen.terminal.display.surprise import RESET

# Of the 256 colours of a terminal: greys from black to white, ...
GREYS = tuple(f"48;5;{code}" for code in (16, *range(233, 256), 231))
# ... and from light blue over black to yellow.
BLUES = (45, 39, 33, 32, 26, 25, 19, 18, 17)
REDS = (52, 88, 124, 160, 166, 202, 208, 214, 220)
SIGNED = tuple(f"48;5;{code}" for code in (*BLUES, 16, *REDS))
# Without colours; where a terminal has no more than ASCII the second.
SHADES = (" \u2591\u2592\u2593\u2588", " .:oO")
SIGNED_MARKS = ("\u2261=-\u00b7+*#", "=-.+#")
BARS = ("\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588", "0123456789")
# Columns of the bar of a scale that is drawn in colours.
BAR = 19
# Columns for the labels of rows, at least, so that blocks stand below each other.
LABEL = 4
# Room for the cells of a row, even in the narrowest terminal.
MIN_ROOM = 8


class Cell(NamedTuple):
    """What stands in a row below one character: text as wide as its sign, and a colour's code."""

    text: str
    colour: str = ""


class Row(NamedTuple):
    """A row of cells, one for each character of a text, and what it is called."""

    label: str
    cells: Sequence[Cell]


@dataclass(frozen=True)
class Scale:
    """How numbers become cells.

    Attributes:
        low: the number of the first step.
        high: that of the last.
        steps: marks or, where they are blank, colours.
    """

    low: float
    high: float
    steps: Sequence[Cell]

    def cell(self, value: float, columns: int) -> Cell:
        """Return the cell of a number; those outside the scale get the nearest end."""
        span = self.high - self.low
        share = (value - self.low) / span if span > 0 else 0.5
        step = self.steps[min(max(int(share * len(self.steps)), 0), len(self.steps) - 1)]
        return Cell(step.text * columns, step.colour)

    def bar(self) -> str:
        """Return the steps side by side, from low to high."""
        if not self.steps[0].colour:
            return "".join(step.text for step in self.steps)
        places = [place * len(self.steps) // BAR for place in range(BAR)]
        return paint([self.steps[place] for place in places])


def coloured(colours: Sequence[str]) -> list[Cell]:
    """Return the steps of a scale in colours."""
    return [Cell(" ", colour) for colour in colours]


def marked(marks: Sequence[str], *, is_plain: bool) -> list[Cell]:
    """Return the steps of a scale in marks; the second ones where there is no more than ASCII."""
    return [Cell(mark) for mark in marks[is_plain]]


def sign(character: str) -> str:
    """Return what stands for a character in a row: at least one column, and nothing that acts.

    >>> sign(chr(10)), sign("a"), sign(chr(0x200D))
    ('↵', 'a', '<U+200D>')
    """
    known = {"\n": "\u21b5", "\t": "\u2409"}
    shown = known.get(character) or visible(character)
    return shown if width(shown) else f"<U+{ord(character):04X}>"


def paint(cells: Sequence[Cell]) -> str:
    """Put cells side by side, with a colour's code only where it changes."""
    parts = []
    for colour, group in groupby(cells, key=lambda cell: cell.colour):
        text = "".join(cell.text for cell in group)
        parts.append(f"\x1b[{colour}m{text}{RESET}" if colour else text)
    return "".join(parts)


def format_rows(signs: Sequence[str], rows: Sequence[Row], columns: int) -> Iterator[str]:
    """Lay a text out over rows, in as many bands as it takes.

    Args:
        signs: of the characters of the text, each as wide as the cells below it.
        rows: at least one, below each band of it.
        columns: width of the terminal.

    Yields:
        Lines.
    """
    left = max(LABEL, *(width(row.label) for row in rows))
    room = max(columns - left - 1, MIN_ROOM)
    for part in _bands([width(sign) for sign in signs], room):
        yield (" " * left + " " + "".join(signs[part])).rstrip()
        for row in rows:
            label = " " * (left - width(row.label)) + row.label
            line = f"{label} {paint(row.cells[part])}".rstrip()
            if line:
                yield line


def _bands(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Cut characters into as few bands as there is room for, of about one width."""
    bands = _cut(widths, room)
    even = -(-sum(widths) // len(bands)) + max(widths) - 1
    evened = _cut(widths, min(even, room))
    yield from evened if len(evened) == len(bands) else bands


def _cut(widths: Sequence[int], room: int) -> list[slice]:
    bands, begin, taken = list[slice](), 0, 0
    for place, size in enumerate(widths):
        if taken + size > room and place > begin:
            bands.append(slice(begin, place))
            begin, taken = place, 0
        taken += size
    return [*bands, slice(begin, len(widths))]


def flow(parts: Sequence[tuple[str, int]], columns: int, indent: str = "") -> Iterator[str]:
    """Lay parts out in lines.

    Args:
        parts: what is shown, colours included, and the columns that it takes.
        columns: width of the terminal.
        indent: before every line but the first.

    Yields:
        Lines.
    """
    line, taken = "", 0
    for text, size in parts:
        if line.strip() and taken + 1 + size > columns:
            yield line
            line, taken = indent, len(indent)
        elif line:
            line, taken = line + " ", taken + 1
        line, taken = line + text, taken + size
    yield line
