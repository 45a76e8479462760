"""What a layer does at each character of a text, as heat maps of its gates and states."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.interpretation.gates import GUESSES, QUANTITIES, Guess, reach
from textgen.readable import one_line, width, wrap
from textgen.terminal.display.colours import Tile
from textgen.terminal.display.heat_map import (
    BAR,
    BARS,
    GREYS,
    SHADES,
    SIGNED,
    SIGNED_MARKS,
    Row,
    Scale,
    coloured,
    flow,
    format_rows,
    marked,
    sign,
)
from textgen.terminal.display.surprise import colour_of, format_legend, mark

if TYPE_CHECKING:
    from textgen.workflows.inspect import Inspection

# Number of characters listed at which a layer forgets most, and at which it keeps most.
NAMED = 4
# Width in columns of the context shown before a listed character.
BEFORE = 4
# Colours of text on dark and on light greys.
LIGHT, DARK = "97", "30"


@dataclass(frozen=True)
class Style:
    """What a terminal can show.

    Attributes:
        columns: its width in columns.
        colours: whether it has 256 colours and its user wants them.
        is_plain: whether marks must be ASCII.
    """

    columns: int
    colours: bool
    is_plain: bool

    def scale(self, low: float, high: float, *, is_signed: bool) -> Scale:
        """Return the scale of a gate, or of a state if `is_signed`."""
        colours, marks = (SIGNED, SIGNED_MARKS) if is_signed else (GREYS, SHADES)
        steps = coloured(colours) if self.colours else marked(marks, is_plain=self.is_plain)
        return Scale(low, high, steps)


def format_inspection(inspection: "Inspection", style: Style) -> str:
    """Describe what a layer did at each character of a text.

    Args:
        inspection: the text, and what to show of the layer.
        style: what the terminal can show.

    Returns:
        Lines of text: a heading; for each quantity a block with the text above a row for each unit;
        a block with the surprise of each character and the characters that were expected.
    """
    blocks = [_heading(inspection, style)]
    blocks += [_quantity(inspection, name, style) for name in inspection.names]
    blocks.append(_expectations(inspection, style))
    return "\n\n".join("\n".join(block) for block in blocks)


def _heading(inspection: "Inspection", style: Style) -> Iterator[str]:
    settings, watched = inspection.model.config.settings, inspection.watched
    yield from wrap(one_line(inspection.title), style.columns)
    if inspection.is_chosen and len(inspection.units) < settings.hidden_size:
        memory = QUANTITIES[watched.memory].title
        chosen = (
            f"showing the {len(inspection.units)} units whose {memory} varies most in this text, "
            "numbered from 0; --units shows others"
        )
        yield from wrap(chosen, style.columns)


def _quantity(inspection: "Inspection", name: str, style: Style) -> Iterator[str]:
    quantity, values = QUANTITIES[name], inspection.values(name)
    high = reach(name, values)
    low = -high if quantity.is_signed else 0.0
    scale = style.scale(low, high, is_signed=quantity.is_signed)
    ends = (f"{low:.2f}", f"{high:+.2f}") if quantity.is_signed else ("0", "1")
    title = quantity.title.upper()
    yield from _title(
        f"{title}  {ends[0]} {quantity.low}", scale, f"{ends[1]} {quantity.high}", style
    )
    signs = [sign(character) for character in inspection.watched.text]
    rows = [
        Row(str(unit), _tiles(scale, row, signs))
        for unit, row in zip(inspection.units, values, strict=True)
    ]
    kept = inspection.watched.kept(name)
    if kept is None:
        yield from format_rows(signs, rows, style.columns)
        return
    least, most = float(kept.min()), float(kept.max())
    bars = Scale(least, most, marked(BARS, is_plain=style.is_plain))
    rows.append(Row("all", _tiles(bars, kept, signs)))
    yield from format_rows(signs, rows, style.columns)
    units = inspection.model.config.settings.hidden_size
    mean = f"all: the mean of the {units} units, from {least:.2f} {bars.bar()} to {most:.2f}"
    yield from wrap(mean, style.columns)
    order = np.argsort(kept, kind="stable").tolist()
    yield from _named("forgets most at", order[:NAMED], kept, inspection.watched.text, style)
    yield from _named("keeps most at", order[::-1][:NAMED], kept, inspection.watched.text, style)


def _tiles(scale: Scale, values: NDArray[np.floating], signs: Sequence[str]) -> list[Tile]:
    pairs = zip(values.tolist(), signs, strict=True)
    return [scale.tile(value, width(shown)) for value, shown in pairs]


def _named(
    what: str, positions: Sequence[int], kept: NDArray[np.float64], text: str, style: Style
) -> Iterator[str]:
    """List some characters, each with its context and the share of the state that is kept."""
    parts = _words(what)
    for position in positions:
        part = f"{_before(text, position)}[{sign(text[position])}] {kept[position]:.2f}"
        parts.append((part, width(part)))
    yield from flow(parts, style.columns, indent="  ")


def _before(text: str, position: int) -> str:
    """Return as many of the characters before a position as fit into a few columns."""
    shown = ""
    for character in reversed(text[max(position - BEFORE, 0) : position]):
        if width(sign(character) + shown) > BEFORE:
            break
        shown = sign(character) + shown
    return shown


def _title(before: str, scale: Scale, after: str, style: Style) -> Iterator[str]:
    """Yield the title of a block with its scale."""
    bar = scale.bar() if style.colours else f"[{scale.bar()}]"
    size = BAR if style.colours else len(bar)
    yield from flow([*_words(before), (bar, size), *_words(after)], style.columns)


def _words(text: str) -> list[tuple[str, int]]:
    return [(word, width(word)) for word in text.split()]


def _expectations(inspection: "Inspection", style: Style) -> Iterator[str]:
    watched = inspection.watched
    title = f"SURPRISE of each character, and the {GUESSES} most probable characters"
    yield from wrap(title, style.columns)
    signs = [sign(character) for character in watched.text]
    # Each position is as wide as the widest sign in it.
    widths = [
        max(width(shown), *(width(sign(guess.character)) for guess in guesses))
        for shown, guesses in zip(signs, watched.guesses, strict=False)
    ]
    scale = style.scale(0, 1, is_signed=False)
    bits = [
        Tile(_fill(mark(value), size), colour_of(value) if style.colours else "")
        for value, size in zip(watched.bits.tolist(), widths, strict=True)
    ]
    rows = [Row("bits", bits)]
    for rank in range(max(map(len, watched.guesses))):
        column = [guesses[rank] for guesses in watched.guesses[:-1]]
        rows.append(Row(str(rank + 1), _guess_tiles(column, widths, scale, style)))
        if not style.colours:
            tenths = [
                Tile(_fill(_tenths(guess.probability), size))
                for guess, size in zip(column, widths, strict=True)
            ]
            rows.append(Row("", tenths))
    filled = [_fill(shown, size) for shown, size in zip(signs, widths, strict=True)]
    yield from format_rows(filled, rows, style.columns)
    if style.colours:
        yield format_legend(colours=True)
        yield from _title("probability 0", scale, "1", style)
    else:
        yield from wrap(format_legend(colours=False), style.columns)
        tenths_note = "below each of them: its probability in tenths, if it is at least 0.1"
        yield from wrap(tenths_note, style.columns)
    mean = f"{watched.bits.mean():.3f} bits per character"
    yield from wrap(mean, style.columns)
    parts = _words("most probable after the text:")
    for guess in watched.guesses[-1]:
        part = f"[{sign(guess.character)}] {guess.probability:.1%}"
        parts.append((part, width(part)))
    yield from flow(parts, style.columns, indent="  ")


def _guess_tiles(
    guesses: Sequence[Guess], widths: Sequence[int], scale: Scale, style: Style
) -> list[Tile]:
    tiles = []
    for guess, size in zip(guesses, widths, strict=True):
        text = _fill(sign(guess.character), size)
        colour = scale.tile(guess.probability, 1).colour
        if style.colours:
            colour = f"{colour};{DARK if guess.probability > 0.5 else LIGHT}"
        tiles.append(Tile(text, colour))
    return tiles


def _tenths(probability: float) -> str:
    return " " if probability < 0.1 else str(min(int(probability * 10), 9))


def _fill(text: str, size: int) -> str:
    return text + " " * (size - width(text))
