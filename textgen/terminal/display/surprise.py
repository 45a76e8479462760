"""A text with the surprise of each character: in colours, or as marks below the lines."""

import math
from collections.abc import Iterator, Sequence
from typing import TypeVar

from textgen.readable import SURPRISE_STEPS, breakable, visible, width
from textgen.terminal.display.colours import Tile, paint
from textgen.terminal.display.heat_map import flow
from textgen.terminal.display.render import format_notes

T = TypeVar("T")

# The colour of each step of surprise, by the number of colours of the terminal. All are of one hue,
# from none over pale ones to a strong red, on dark and on light backgrounds: none is so light that
# it would stand out of a dark one. The 256 colours do not depend on the theme of the terminal. Of
# the 16 colours only red has this hue; letters are coloured first, then their background.
COLOURS = {
    256: ("", "38;5;16;48;5;180", "38;5;16;48;5;173", "38;5;16;48;5;202", "1;38;5;231;48;5;160"),
    16: ("", "91", "4;91", "97;41", "1;4;97;41"),
}
LEGEND = "below each character: its surprise in bits (. is less than 1, + is 10 or more)"


def format_text(text: str, bits: Sequence[float], columns: int | None, *, colours: int) -> str:
    """Write a text with its surprise, without a legend; see `format_surprise`."""
    lines = _marked if not colours else _coloured
    return "\n".join(line for row in text_rows(text, bits, columns) for line in lines(row, colours))


def format_legend(columns: int | None, *, colours: int) -> str:
    """Explain the colours or the marks."""
    if not colours:
        return format_notes([LEGEND], columns)
    parts = legend_parts(colours)
    return "\n".join(flow(parts, columns or sum(size + 1 for _, size in parts)))


def format_surprise(text: str, bits: Sequence[float], columns: int | None, *, colours: int) -> str:
    """Write a text with its surprise, a legend and the mean.

    Args:
        text: any text; its control characters are made visible.
        bits: surprise of each character in bits.
        columns: width of the terminal in columns, at least 8; None if there is no limit.
        colours: number of colours of the terminal, 16 or 256; 0 to write marks instead.
    """
    total = math.fsum(bits)
    summary = f"{total / max(len(text), 1):.3f} bits per character, {len(text):,} characters"
    shown = format_text(text, bits, columns, colours=colours)
    return f"{shown}\n{format_legend(columns, colours=colours)}\n{format_notes([summary], columns)}"


def legend_parts(colours: int) -> list[tuple[str, int]]:
    """Return the parts of the legend of colours, each with its width in columns."""
    ends = [f"-{high:g}" for high in SURPRISE_STEPS[1:]] + [" or more"]
    parts = [(word, len(word)) for word in ("surprise", "in", "bits:")]
    for low, end, colour in zip(SURPRISE_STEPS, ends, COLOURS[colours], strict=True):
        shown = f" {low:g}{end} "
        parts.append((paint([Tile(shown, colour)]), len(shown)))
    return parts


def colour_of(surprise: float, colours: int) -> str:
    """Return the code of the colour of a number of bits; empty for less than 1 bit.

    Args:
        surprise: number of bits.
        colours: number of colours of the terminal, 16 or 256.
    """
    return COLOURS[colours][sum(surprise >= low for low in SURPRISE_STEPS[1:])]


def mark(surprise: float) -> str:
    """Return the digit of a number of bits: a dot for less than 1, a plus for 10 or more."""
    return "." if surprise < 1 else "+" if surprise >= 10 else str(int(surprise))


def text_rows(text: str, values: Sequence[T], columns: int | None) -> Iterator[list[tuple[str, T]]]:
    """Yield the lines of a text to show: what is shown of each character, and its value.

    Args:
        text: any text.
        values: a value for each character.
        columns: width of the terminal in columns; None if there is no limit.
    """
    row, taken, begin = list[tuple[str, T]](), 0, 0
    for piece in breakable(text):
        shown = [*map(_shown, piece)]
        size = sum(map(width, shown))
        if columns is not None and row and taken + size > columns:
            yield row
            row, taken = [], 0
        for sign, value in zip(shown, values[begin : begin + len(piece)], strict=True):
            if columns is not None and row and taken + width(sign) > columns:
                yield row
                row, taken = [], 0
            row.append((sign, value))
            taken += width(sign)
        begin += len(piece)
        if piece.endswith("\n"):
            yield row
            row, taken = [], 0
    if row:
        yield row


def _shown(character: str) -> str:
    return {"\t": "\u2409", "\n": "\u21b5"}.get(character) or visible(character)


def _coloured(row: Sequence[tuple[str, float]], colours: int) -> Iterator[str]:
    # The end of the line has no colour: a terminal would fill the rest of the line with it.
    yield paint(Tile(sign, colour_of(surprise, colours)) for sign, surprise in row)


def _marked(row: Sequence[tuple[str, float]], _: int) -> Iterator[str]:
    yield "".join(sign for sign, _ in row)
    yield "".join(mark(surprise).ljust(size) for sign, surprise in row if (size := width(sign)))
