"""A text with how surprising each character is: in colours, or as marks below the lines."""

import math
from collections.abc import Iterator, Sequence

from textgen.readable import visible, width

# Bits from which a step begins, and how it is coloured: codes that every colour terminal knows.
STEPS = (0.0, 1.0, 2.0, 4.0, 7.0)
COLOURS = ("", "30;46", "30;42", "30;43", "37;41")
RESET = "\x1b[0m"


def format_text(text: str, bits: Sequence[float], columns: int, *, colours: bool) -> str:
    """Write a text with its surprise alone; see `format_surprise`."""
    return _coloured(text, bits) if colours else "\n".join(_marked(text, bits, columns))


def format_legend(*, colours: bool) -> str:
    """Say what the colours or the marks mean."""
    return _legend() if colours else "bits below each character: . less than 1, + 10 or more"


def format_surprise(text: str, bits: Sequence[float], columns: int, *, colours: bool) -> str:
    """Write a text with its surprise.

    Args:
        text: any text; nothing of it can drive a terminal.
        bits: of each character.
        columns: width of the terminal, at least 2.
        colours: whether to write colours, and not marks.
    """
    total = math.fsum(bits)
    summary = f"{total / max(len(text), 1):.3f} bits per character, {len(text):,} characters"
    shown = format_text(text, bits, columns, colours=colours)
    return f"{shown}\n{format_legend(colours=colours)}\n{summary}"


def _legend() -> str:
    ends = [f"-{high:g}" for high in STEPS[1:]] + [" or more"]
    parts = [
        _paint(f" {low:g}{end} ", colour)
        for low, end, colour in zip(STEPS, ends, COLOURS, strict=True)
    ]
    return f"bits: {' '.join(parts)}"


def _paint(text: str, colour: str) -> str:
    return f"\x1b[{colour}m{text}{RESET}" if colour and text else text


def _coloured(text: str, bits: Sequence[float]) -> str:
    painted, run, before = [], "", ""
    for character, surprise in zip(text, bits, strict=True):
        colour = colour_of(surprise)
        if colour != before:
            painted.append(_paint(run, before))
            run, before = "", colour
        if character == "\n":
            # A colour that is on at the end of a line would fill the rest of it.
            painted.append(_paint(run + "\u21b5", before) + "\n")
            run = ""
        else:
            run += _shown(character)
    return "".join(painted) + _paint(run, before)


def colour_of(surprise: float) -> str:
    """Return the code of the colour of a number of bits; none for less than 1."""
    return COLOURS[sum(surprise >= low for low in STEPS[1:])]


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
