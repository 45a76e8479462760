"""A text in colours that show the surprise of each character. Matplotlib draws it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.pictures.fonts import Glyph, glyph_of
from textgen.pictures.page import Page
from textgen.pictures.style import own_style
from textgen.readable import SURPRISE_STEPS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Background and letters at each step of surprise: one hue, from none to a strong orange-red.
COLOURS = (
    ("#ffffff", "black"),
    ("#fee3cf", "black"),
    ("#fdb583", "black"),
    ("#f07b3f", "black"),
    ("#b8300f", "white"),
)
# Narrowest and widest page, in columns, and columns between two columns of text.
NARROW, WIDE, BETWEEN = 66, 100, 3
# Number of lines from which short lines are set in several columns of text.
TALL = 36
# Distance of two lines of text, and height of their colour, in lines.
PITCH, FILLED = 1.35, 1.2


def step_of(bits: float) -> int:
    """Return the number of the step of `SURPRISE_STEPS` that a surprise reaches."""
    return sum(bits >= low for low in SURPRISE_STEPS[1:])


def break_lines(glyphs: Sequence[Glyph], text: str, columns: int) -> list[slice]:
    """Break a text into lines: after newlines, between words, and beside wide characters.

    All characters stay. A space after the last word of a line may lie beyond the columns. A word
    that is too long for a line is broken.

    Args:
        glyphs: what is drawn for the characters of the text.
        text: the text.
        columns: width of a line, at least 2.
    """
    lines, begin, taken, last = list[slice](), 0, 0, 0
    for index, (glyph, character) in enumerate(zip(glyphs, text, strict=True)):
        if taken + glyph.columns > columns and character not in " \n":
            end = last if last > begin else index
            lines.append(slice(begin, end))
            begin = end
            taken = sum(one.columns for one in glyphs[begin:index])
        taken += glyph.columns
        if character == "\n":
            lines.append(slice(begin, index + 1))
            begin, taken = index + 1, 0
        if character in " \t" or (glyph.columns == 2 and not glyph.is_code):
            last = index + 1
    return [*lines, slice(begin, len(text))] if begin < len(text) else lines


@own_style()
def draw_coloured_text(text: str, bits: NDArray[np.floating], titles: Sequence[str]) -> "Figure":
    """Draw a text once for each of M models, one above the other.

    Args:
        text: T characters, at least one.
        bits: surprise of each character to each model, in bits, float [M, T].
        titles: what is written above the text of each model.
    """
    page, glyphs = Page(), [glyph_of(character) for character in text]
    glyphs = [Glyph(" ", 1) if glyph.text == "\u2423" else glyph for glyph in glyphs]
    width = min(max(round((3.2 * len(text)) ** 0.5), NARROW), WIDE)
    lines = break_lines(glyphs, text, width)
    title = (
        f"Surprise of each of {len(text):,} characters" if text[1:] else "Surprise of a character"
    )
    line = page.heading(0, 0, title, width)
    draw_legend(page, 0, line + 0.2)
    line += 2.2
    for title, surprise in zip(titles, bits, strict=True):
        line = page.note(0, line, title, width) + 0.3
        line = _draw_lines(page, line, lines, glyphs, surprise.tolist()) + 0.8
    return page.figure()


def _draw_lines(
    page: Page, top: float, lines: Sequence[slice], glyphs: Sequence[Glyph], bits: Sequence[float]
) -> float:
    """Draw the lines of a text below line `top`; return the line below them."""
    widest = max(sum(glyph.columns for glyph in glyphs[part]) for part in lines)
    count = (WIDE + BETWEEN) // (widest + BETWEEN) if len(lines) > TALL else 1
    rows = -(-len(lines) // max(count, 1))
    for number, part in enumerate(lines):
        x, y = (number // rows) * (widest + BETWEEN), top + (number % rows) * PITCH
        steps = [COLOURS[step_of(value)] for value in bits[part]]
        for glyph, (colour, _), left in zip(
            glyphs[part], steps, np.cumsum([0, *(g.columns for g in glyphs[part])]), strict=False
        ):
            if colour != COLOURS[0][0]:
                page.box(x + float(left), y, glyph.columns, FILLED, colour)
        page.glyphs(x, y + (FILLED - 1) / 2, glyphs[part], [letters for _, letters in steps])
    return top + rows * PITCH


def draw_legend(page: Page, x: float, y: float) -> None:
    """Explain the colours in one line."""
    words = "surprise in bits: "
    page.text(x, y + 0.1, words)
    x += len(words)
    ends = [f"\u2013{high:g}" for high in SURPRISE_STEPS[1:]] + [" or more"]
    for low, end, (colour, letters) in zip(SURPRISE_STEPS, ends, COLOURS, strict=True):
        shown = f"{low:g}{end}"
        page.box(x, y, len(shown) + 2, FILLED, colour, "#bbbbbb")
        page.text(x + 1, y + 0.1, shown, colour=letters)
        x += len(shown) + 3
