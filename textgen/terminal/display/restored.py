"""A restored text: what was filled in, how certain it is, and the alternatives."""

import math
from collections.abc import Iterator, Sequence

from textgen.readable import one_line
from textgen.terminal.display.colours import Tile, paint
from textgen.terminal.display.render import format_notes
from textgen.terminal.display.surprise import colour_of, format_legend, text_rows
from textgen.workflows.restore import Restored

# Bits that stand for a character that was known.
KNOWN = -1.0
UNDERLINED = "4"


def format_restored(parts: Sequence[Restored | str], columns: int | None, *, colours: int) -> str:
    """Write a text with its restored characters underlined, and coloured by their surprise.

    Args:
        parts: the groups of gaps, and the text behind the last.
        columns: width of the terminal in columns, at least 8.
        colours: number of colours of the terminal, 16 or 256; 0 for none.
    """
    marked = [*_marked(parts)]
    text, bits = "".join(one for one, _ in marked), [surprise for _, surprise in marked]
    lines = []
    for row in text_rows(text, bits, columns):
        tiles = (Tile(sign, _code(surprise, colours)) for sign, surprise in row)
        lines.append(paint(tiles, colours=bool(colours)).removesuffix("\u21b5"))
    shown = "\n".join(lines)
    return f"{shown}\n{format_legend(columns, colours=colours)}" if colours else shown


def format_alternatives(parts: Sequence[Restored | str], columns: int | None) -> str:
    """List the fillings of each group of gaps with their probabilities."""
    lines, number = [], 0
    for part in parts:
        if isinstance(part, str):
            continue
        first, number = number + 1, number + len(part.alternatives[0].texts)
        lines.append(f"gap {first}" if first == number else f"gaps {first}-{number}, jointly")
        for index, alternative in enumerate(part.alternatives):
            share = percentage(alternative.probability)
            lines.append(f"  {share:>7}  {one_line(part.text(index))}")
    return format_notes(lines, columns)


def percentage(probability: float) -> str:
    """Return a probability in percent with two digits or more, such as `87 %` or `0.13 %`."""
    percent = 100 * probability
    if percent >= 99.5:
        return f"{min(percent, 99.99):.2f} %" if percent < 99.995 else "100 %"
    digits = max(1 - math.floor(math.log10(max(percent, 1e-9))), 0)
    return f"{percent:.{min(digits, 6)}f} %"


def _marked(parts: Sequence[Restored | str]) -> Iterator[tuple[str, float]]:
    """Yield each character, with its surprise in bits if it was filled in."""
    for part in parts:
        if isinstance(part, str):
            yield from ((character, KNOWN) for character in part)
            continue
        yield from ((character, KNOWN) for character in part.before)
        best = part.alternatives[0]
        filled = zip(best.texts, best.certainties, (*part.between, ""), strict=True)
        for text, certainties, known in filled:
            for character, certainty in zip(text, certainties, strict=True):
                yield character, -math.log2(certainty)
            yield from ((character, KNOWN) for character in known)


def _code(surprise: float, colours: int) -> str:
    if surprise == KNOWN:
        return ""
    colour = colour_of(surprise, colours) if colours else ""
    return ";".join(filter(None, [UNDERLINED, colour]))
