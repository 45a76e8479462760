"""What a layer does at each character of a text, as heat maps of its gates and states."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from textgen.interpretation.gates import (
    GUESSES,
    QUANTITIES,
    SURPRISE,
    Guess,
    aligned_rows,
    format_extent,
    shares_of_colours,
)
from textgen.readable import one_line, width, wrap
from textgen.terminal.display.colours import CURVE_LETTERS, Tile
from textgen.terminal.display.heat_map import (
    BAR,
    BARS,
    LABEL,
    MIN_ROOM,
    SHADES,
    SHARES,
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
from textgen.terminal.display.surprise import colour_of, format_legend, legend_parts, mark

if TYPE_CHECKING:
    from textgen.workflows.inspect import Inspection

# Number of characters listed at which a layer forgets most, and at which it keeps most.
NAMED = 4
# Width in columns of the context shown before a listed character.
BEFORE = 4
# Smallest width in columns of an inspection with numbers beside its rows, if its text does not fit
# into less, and of each of several inspections side by side; the columns between two of these; the
# width of the numbers.
NARROWEST, LEAST_BESIDE, BETWEEN, EXTENT = 44, 30, 3, 14
COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
# Number of colours of a terminal that shows them.
COLOURS = 256


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

    def scale(self, *, is_signed: bool) -> Scale:
        """Return the scale of shares in [0, 1] of a gate, or of a state if `is_signed`."""
        colours, marks = (SIGNED, SIGNED_MARKS) if is_signed else (SHARES, SHADES)
        steps = coloured(colours) if self.colours else marked(marks, is_plain=self.is_plain)
        return Scale(0, 1, steps)


def format_inspections(inspections: "Sequence[Inspection]", style: Style) -> str:
    """Describe what a layer of each model did at each character of a text.

    Several models stand side by side if the terminal is wide enough, with the text cut at the same
    characters; otherwise each block of a model is followed by that of the next one.

    Args:
        inspections: at least one; all of texts of one length.
        style: what the terminal can show.

    Returns:
        Lines of text: a heading; for each quantity a block with the text above a row for each unit;
        a block with the surprise of each character and the characters that were expected.
    """
    count = len(inspections)
    half = (style.columns - BETWEEN * (count - 1)) // count
    is_beside = count > 1 and half >= LEAST_BESIDE
    given = replace(style, columns=half) if is_beside else style
    views = [
        _View(one, inspections, given, f"{letter}: " if count > 1 else "")
        for letter, one in zip(CURVE_LETTERS, inspections, strict=False)
    ]
    rows = [[[*view.heading()] for view in views]]
    for names in aligned_rows([one.names for one in inspections]):
        titles = [[*view.title(name)] for view, name in zip(views, names, strict=True)]
        if is_beside:
            # Where a title takes more lines, the rows below the others begin there, too.
            tallest = max(map(len, titles))
            titles = [[*title, *[""] * (tallest - len(title))] for title in titles]
        rows.append(
            [
                [*title, *view.block(name)]
                for title, view, name in zip(titles, views, names, strict=True)
            ]
        )
    if is_beside:
        blocks = ["\n".join(_side_by_side(row, half)) for row in rows]
    else:
        lines = ["\n".join(block) for row in rows for block in row]
        blocks = [block for block in lines if block]
    if any(name != SURPRISE for one in inspections for name in one.names):
        note = "\n".join(wrap(views[0].note(), style.columns))
        # The note stands once, below the headings.
        at = 1 if is_beside else count
        blocks[at - 1] += f"\n{note}"
    return "\n\n".join(blocks)


def _side_by_side(blocks: Sequence[Iterable[str]], columns: int) -> Iterator[str]:
    for lines in zip_longest(*blocks, fillvalue=""):
        padded = (
            line + " " * (columns - width(COLOUR_CODE.sub("", line)) + BETWEEN) for line in lines
        )
        yield "".join(padded).rstrip()


class _View:
    """What is shown of one of several inspections."""

    def __init__(
        self,
        inspection: "Inspection",
        inspections: "Sequence[Inspection]",
        style: Style,
        letter: str,
    ) -> None:
        """Prepare the blocks.

        Args:
            inspection: the one to show.
            inspections: all of them; their blocks have labels and characters of the same widths.
            style: what the terminal can show, within the columns of this inspection.
            letter: what begins the titles.
        """
        self._inspection, self._style, self._letter = inspection, style, letter
        self._signs = [sign(character) for character in inspection.watched.text]
        self._num_rows = max(len(one.units) for one in inspections)
        units = max(len(str(unit)) for one in inspections for unit in one.units)
        left = max(units, 3) + EXTENT
        fitting = left + 1 + max(sum(map(width, self._signs)), MIN_ROOM)
        self._has_numbers = style.columns >= min(NARROWEST, fitting)
        self._left = left if self._has_numbers else LABEL
        # Ranks of guesses that are likely anywhere; the others have no row of probabilities.
        self._num_likely = 1 + max(
            rank
            for one in inspections
            for guesses in one.watched.guesses
            for rank, guess in enumerate(guesses)
            if guess.probability >= 0.1 or not rank
        )
        # Each position of the guesses is as wide as the widest sign in it.
        self._widths = [1] * len(self._signs)
        for one in inspections:
            for index, guesses in enumerate(one.watched.guesses[:-1]):
                shown = (one.watched.text[index], *(guess.character for guess in guesses))
                self._widths[index] = max(self._widths[index], *(width(sign(c)) for c in shown))

    def title(self, name: str) -> Iterator[str]:
        """Yield the lines of the title of a block; see `block`."""
        if name == SURPRISE:
            what = f"SURPRISE of each character, and the {GUESSES} most probable characters"
            yield from wrap(self._letter + what, self._style.columns)
        elif name:
            quantity = QUANTITIES[name]
            scale = self._style.scale(is_signed=quantity.is_signed)
            ends = ("", "") if quantity.is_signed else ("0 ", "1 ")
            before = f"{self._letter}{quantity.title.upper()}  {ends[0]}{quantity.low}"
            yield from _title(before, scale, ends[1] + quantity.high, self._style)

    def block(self, name: str) -> Iterator[str]:
        """Yield the lines below the title of what has a name in `aligned_rows`, if it has one."""
        if name == SURPRISE:
            yield from self.expectations()
        elif name:
            yield from self.quantity(name)

    def heading(self) -> Iterator[str]:
        """Yield the lines that say what is shown."""
        inspection, columns = self._inspection, self._style.columns
        settings, watched = inspection.model.config.settings, inspection.watched
        yield from wrap(self._letter + one_line(inspection.title), columns)
        has_units = inspection.names != [SURPRISE]
        if has_units and inspection.is_chosen and len(inspection.units) < settings.hidden_size:
            memory = QUANTITIES[watched.memory].title
            chosen = (
                f"showing the {len(inspection.units)} units whose {memory} varies most in this "
                "text, numbered from 0; --units shows others"
            )
            yield from wrap(chosen, columns)

    def note(self) -> str:
        """Say what the numbers and the colours of the rows are."""
        return (
            f"{'beside each row' if self._has_numbers else 'below the rows'}: the lowest and the "
            "highest value of a unit; a state is scaled row by row, strongest where it is farthest "
            "from 0"
        )

    def quantity(self, name: str) -> Iterator[str]:
        """Yield the lines of a block for a gate or a state, without its title."""
        inspection, style = self._inspection, self._style
        scale = style.scale(is_signed=QUANTITIES[name].is_signed)
        values = inspection.values(name)
        extents = [format_extent(row) for row in values]
        rows = [
            Row(self._label(str(unit), extent), self._tiles(scale, shares_of_colours(name, row)))
            for unit, row, extent in zip(inspection.units, values, extents, strict=True)
        ]
        # Where another model has more units to show, the text goes on at the same lines.
        rows += [Row("-", [])] * (self._num_rows - len(rows))
        kept = inspection.watched.kept(name)
        if kept is not None:
            bars = Scale(0, 1, marked(BARS, is_plain=style.is_plain))
            rows.append(Row(self._label("all", format_extent(kept)), self._tiles(bars, kept)))
        yield from format_rows(self._signs, rows, style.columns, self._left)
        if not self._has_numbers:
            parts = []
            for unit, extent in zip(inspection.units, extents, strict=True):
                part = f"{unit}: {' to '.join(extent.split())}"
                parts.append((part, width(part)))
            yield from flow(parts, style.columns)
        if kept is not None:
            yield from self._kept(kept, bars)

    def _label(self, name: str, extent: str) -> str:
        return f"{name} {extent}" if self._has_numbers else name

    def _kept(self, kept: NDArray[np.float64], bars: Scale) -> Iterator[str]:
        """Yield what the row of all units shows."""
        inspection, style = self._inspection, self._style
        text, units = inspection.watched.text, inspection.model.config.settings.hidden_size
        mean = f"all: the mean of the {units} units, from 0 {bars.bar()} to 1"
        yield from wrap(mean, style.columns)
        order = np.argsort(kept, kind="stable").tolist()
        yield from _named("forgets most at", order[:NAMED], kept, text, style)
        yield from _named("keeps most at", order[::-1][:NAMED], kept, text, style)

    def _tiles(self, scale: Scale, values: NDArray[np.floating]) -> list[Tile]:
        pairs = zip(values.tolist(), self._signs, strict=True)
        return [scale.tile(value, width(shown)) for value, shown in pairs]

    def expectations(self) -> Iterator[str]:
        """Yield the lines of the block for surprise and guesses, without its title."""
        style, watched, widths = self._style, self._inspection.watched, self._widths
        scale = style.scale(is_signed=False)
        bits = [
            Tile(_fill(mark(value), size), colour_of(value, COLOURS) if style.colours else "")
            for value, size in zip(watched.bits.tolist(), widths, strict=True)
        ]
        rows = [Row("bits", bits)]
        for rank in range(max(map(len, watched.guesses))):
            column = [guesses[rank] for guesses in watched.guesses[:-1]]
            rows.append(Row(str(rank + 1), _guess_tiles(column, widths, scale)))
            if not style.colours and rank < self._num_likely:
                tenths = [
                    Tile(_fill(_tenths(guess.probability), size))
                    for guess, size in zip(column, widths, strict=True)
                ]
                rows.append(Row("0.", tenths))
        filled = [_fill(shown, size) for shown, size in zip(self._signs, widths, strict=True)]
        yield from format_rows(filled, rows, style.columns, self._left)
        if style.colours:
            yield from flow(legend_parts(COLOURS), style.columns)
            yield from _title("probability 0", scale, "1", style)
        else:
            yield format_legend(style.columns, colours=0)
            tenths_note = "below each of them: its probability in tenths, if it is at least 0.1"
            yield from wrap(tenths_note, style.columns)
        mean = f"{watched.bits.mean():.3f} bits per character"
        yield from wrap(mean, style.columns)
        parts = _words("most probable after the text:")
        for guess in watched.guesses[-1]:
            part = f"[{sign(guess.character)}] {guess.probability:.1%}"
            parts.append((part, width(part)))
        yield from flow(parts, style.columns, indent="  ")


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
    ending = [(after, width(after))] if width(after) <= style.columns else _words(after)
    yield from flow([*_words(before), (bar, size), *ending], style.columns)


def _words(text: str) -> list[tuple[str, int]]:
    return [(word, width(word)) for word in text.split()]


def _guess_tiles(guesses: Sequence[Guess], widths: Sequence[int], scale: Scale) -> list[Tile]:
    tiles = []
    for guess, size in zip(guesses, widths, strict=True):
        text = _fill(sign(guess.character), size)
        tiles.append(Tile(text, scale.tile(guess.probability, 1).colour))
    return tiles


def _tenths(probability: float) -> str:
    return " " if probability < 0.1 else str(min(int(probability * 10), 9))


def _fill(text: str, size: int) -> str:
    return text + " " * (size - width(text))
