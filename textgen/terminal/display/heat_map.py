"""Heat maps on a terminal: a text with rows of tiles below it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from textgen.readable import visible, width
from textgen.terminal.display.colours import Tile, paint

# Letters on backgrounds among the 256 colours of a terminal, which do not depend on its theme. They
# have the hues of the pictures: shares from pale to a strong green, and signed numbers from blue
# over pale to red. No colour is so light or so dark that it is lost on a light or a dark terminal.
BLACK, WHITE = "38;5;16;48;5;", "38;5;231;48;5;"
SHARES = tuple(
    [f"{BLACK}{code}" for code in (254, 151, 114, 71)] + [f"{WHITE}{code}" for code in (28, 22)]
)
SIGNED = (
    f"{WHITE}25",
    *(f"{BLACK}{code}" for code in (32, 74, 153, 254, 217, 203)),
    *(f"{WHITE}{code}" for code in (160, 124)),
)
# Marks for a terminal without colours. The second string is for a terminal with ASCII only.
SHADES = (" \u2591\u2592\u2593\u2588", " .:oO")
SIGNED_MARKS = ("\u2261=-\u00b7+*#", "=-.+#")
BARS = ("\u2581\u2582\u2583\u2584\u2585\u2586\u2587\u2588", "0123456789")
# Width in columns of the bar that shows a scale in colours.
BAR = 19
# Smallest width in columns of the labels of rows.
LABEL = 4
# Columns for the tiles of a row, even in a terminal that is narrower.
MIN_ROOM = 8


class Row(NamedTuple):
    """A row of a heat map.

    Attributes:
        label: name of the row.
        tiles: one for each character of the text, as wide as the sign of the character.
    """

    label: str
    tiles: Sequence[Tile]


@dataclass(frozen=True)
class Scale:
    """How numbers become tiles.

    Attributes:
        low: number of the first step.
        high: number of the last step.
        steps: the tiles, one column wide: marks, or blanks in colours.
    """

    low: float
    high: float
    steps: Sequence[Tile]

    def tile(self, value: float, columns: int) -> Tile:
        """Return the tile of a number; a number outside the scale gets the nearest end."""
        span = self.high - self.low
        share = (value - self.low) / span if span > 0 else 0.5
        step = self.steps[min(max(int(share * len(self.steps)), 0), len(self.steps) - 1)]
        return Tile(step.text * columns, step.colour)

    def bar(self) -> str:
        """Return the steps side by side, from low to high."""
        if not self.steps[0].colour:
            return "".join(step.text for step in self.steps)
        return paint(self.steps[column * len(self.steps) // BAR] for column in range(BAR))


def coloured(colours: Sequence[str]) -> list[Tile]:
    """Return the steps of a scale in colours."""
    return [Tile(" ", colour) for colour in colours]


def marked(marks: Sequence[str], *, is_plain: bool) -> list[Tile]:
    """Return the steps of a scale in marks, the second ones if `is_plain`."""
    return [Tile(mark) for mark in marks[is_plain]]


def sign(character: str) -> str:
    """Return the sign that stands for a character: safe to show, at least one column wide.

    >>> sign(chr(10)), sign("a"), sign(chr(0x200D))
    ('↵', 'a', '<U+200D>')
    """
    known = {"\n": "\u21b5", "\t": "\u2409"}
    shown = known.get(character) or visible(character)
    return shown if width(shown) else f"<U+{ord(character):04X}>"


def format_rows(
    signs: Sequence[str], rows: Sequence[Row], columns: int, left: int = LABEL
) -> Iterator[str]:
    """Lay out a text with rows below it, in as many bands as it needs.

    Args:
        signs: signs of the characters of the text, each as wide as the tiles below it.
        rows: at least one; each band has all of them.
        columns: width of the terminal in columns.
        left: smallest width in columns of the labels; it aligns several heat maps.

    Yields:
        The lines of text.
    """
    left = max(left, *(width(row.label) for row in rows))
    room = max(columns - left - 1, MIN_ROOM)
    for part in _bands([width(sign) for sign in signs], room):
        yield (" " * left + " " + "".join(signs[part])).rstrip()
        for row in rows:
            label = " " * (left - width(row.label)) + row.label
            line = f"{label} {paint(row.tiles[part])}".rstrip()
            if line:
                yield line


def _bands(widths: Sequence[int], room: int) -> Iterator[slice]:
    """Cut characters into as few bands as possible, and make the bands about equally wide."""
    bands = _cut(widths, room)
    even = -(-sum(widths) // len(bands)) + max(widths) - 1
    evened = _cut(widths, min(even, room))
    yield from evened if len(evened) == len(bands) else bands


def _cut(widths: Sequence[int], room: int) -> list[slice]:
    bands, begin, taken = list[slice](), 0, 0
    for index, size in enumerate(widths):
        if taken + size > room and index > begin:
            bands.append(slice(begin, index))
            begin, taken = index, 0
        taken += size
    return [*bands, slice(begin, len(widths))]


def flow(parts: Sequence[tuple[str, int]], columns: int, indent: str = "") -> Iterator[str]:
    """Lay out parts in lines.

    Args:
        parts: the text of each part, colours included, and its width in columns.
        columns: width of the terminal in columns.
        indent: indent of every line but the first.

    Yields:
        The lines of text.
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
