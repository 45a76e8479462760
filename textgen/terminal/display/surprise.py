"""A text with the surprise of each character: in colours, or as marks below the lines."""

import math
from collections.abc import Iterator, Sequence

from textgen.readable import SURPRISE_STEPS, visible, width
from textgen.terminal.display.colours import Tile, paint

# The colour of each step of surprise on any colour terminal.
COLOURS = ("", "30;46", "30;42", "30;43", "37;41")


def format_text(text: str, bits: Sequence[float], columns: int, *, colours: bool) -> str:
    """Write a text with its surprise, without a legend; see `format_surprise`."""
    return _coloured(text, bits) if colours else "\n".join(_marked(text, bits, columns))


def format_legend(*, colours: bool) -> str:
    """Explain the colours or the marks."""
    return (
        " ".join(part for part, _ in legend_parts())
        if colours
        else "below each character: its surprise in bits (. is less than 1, + is 10 or more)"
    )


def format_surprise(text: str, bits: Sequence[float], columns: int, *, colours: bool) -> str:
    """Write a text with its surprise, a legend and the mean.

    Args:
        text: any text; its control characters are made visible.
        bits: surprise of each character in bits.
        columns: width of the terminal in columns, at least 2.
        colours: whether to write colours instead of marks.
    """
    total = math.fsum(bits)
    summary = f"{total / max(len(text), 1):.3f} bits per character, {len(text):,} characters"
    shown = format_text(text, bits, columns, colours=colours)
    return f"{shown}\n{format_legend(colours=colours)}\n{summary}"


def legend_parts() -> list[tuple[str, int]]:
    """Return the parts of the legend of colours, each with its width in columns."""
    ends = [f"-{high:g}" for high in SURPRISE_STEPS[1:]] + [" or more"]
    parts = [(word, len(word)) for word in ("surprise", "in", "bits:")]
    for low, end, colour in zip(SURPRISE_STEPS, ends, COLOURS, strict=True):
        shown = f" {low:g}{end} "
        parts.append((paint([Tile(shown, colour)]), len(shown)))
    return parts


def _coloured(text: str, bits: Sequence[float]) -> str:
    tiles = []
    for character, surprise in zip(text, bits, strict=True):
        if character == "\n":
            # The end of the line has no colour: a terminal would fill the rest of the line with it.
            tiles += [Tile("\u21b5", colour_of(surprise)), Tile("\n")]
        else:
            tiles.append(Tile(_shown(character), colour_of(surprise)))
    return paint(tiles)


def colour_of(surprise: float) -> str:
    """Return the code of the colour of a number of bits; empty for less than 1 bit."""
    return COLOURS[sum(surprise >= low for low in SURPRISE_STEPS[1:])]


def _marked(text: str, bits: Sequence[float], columns: int) -> Iterator[str]:
    line = marks = ""
    for character, surprise in zip(text, bits, strict=True):
        shown = "\u21b5" if character == "\n" else _shown(character)
        taken = width(shown)
        if line and width(line) + taken > columns:
            yield from (line, marks)
            line = marks = ""
        line += shown
        marks += mark(surprise).ljust(taken) if taken else ""
        if character == "\n":
            yield from (line, marks)
            line = marks = ""
    if line:
        yield from (line, marks)


def mark(surprise: float) -> str:
    """Return the digit of a number of bits: a dot for less than 1, a plus for 10 or more."""
    return "." if surprise < 1 else "+" if surprise >= 10 else str(int(surprise))


def _shown(character: str) -> str:
    return "\u2409" if character == "\t" else visible(character)
