"""A drawing of what layers do with a text: heat maps of gates and states, surprise and guesses."""

import string
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.errors import UsageError
from textgen.interpretation.gates import (
    KEEPING,
    QUANTITIES,
    SURPRISE,
    Watched,
    aligned_rows,
    format_extent,
    shares_of_colours,
)
from textgen.pictures.cells import (
    BAR,
    BARS,
    DARK_SHARE,
    LEFT,
    NARROWEST,
    RIGHT,
    SANS_COLUMN,
    SHARES,
    STATES,
    STRIP,
    Cells,
    cell_width,
    explain_colours,
    shades,
)
from textgen.pictures.coloured_text import COLOURS, draw_legend, step_of
from textgen.pictures.fonts import SANS
from textgen.pictures.page import Page, times_slide
from textgen.pictures.style import GREY, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Longest text in one picture, in characters.
MAX_DRAWN = 300
# Most columns for the cells of a line, and fewest characters of a line of a text that is cut.
ROOM, SHORTEST = 84, 20
# Columns of the narrowest block; between two models in a block; between two blocks.
LEAST, BETWEEN, APART = 40, 3, 6
# Heights in lines: of a small gap, between two rows of blocks, and of about all above the blocks.
GAP, ABOVE, HEADER = 0.4, 1.2, 6.0
NOTE = (
    "Beside each row: its lowest and its highest value in this text. A state is scaled row by row: "
    "pale is nearest to 0, and the strongest colour is farthest from it."
)
ALL = " all: the mean of all units of the layer, as bars from 0 to 1."
# What stands beside the bars that explain colours; width of the legend of surprise in columns.
SHARE_ENDS, STATE_ENDS = ("gate, probability: 0", "1"), ("state: below 0", "above 0")
LEGEND = 56

# A part of a block: its height in lines, and what draws it from a column and a line on.
Piece = tuple[float, Callable[[float, float], object]]


class Shown(NamedTuple):
    """What a layer of a model did with a text, and what to draw of it.

    Attributes:
        watched: what the layer did at each character.
        units: units of the layer to draw, counted from 0; each is a row.
        names: names of the quantities, and `surprise` if that is drawn; at least one.
        title: title of the model.
    """

    watched: Watched
    units: Sequence[int]
    names: Sequence[str]
    title: str


class _Layout(NamedTuple):
    """How a picture is divided.

    Attributes:
        size: number of characters of a line of the text.
        columns: number of blocks side by side.
        across: width of a model in a block, in columns of the page.
    """

    size: int
    columns: int
    across: float


@own_style()
def draw_gates(models: Sequence[Shown]) -> "Figure":
    """Draw a block for each quantity, and one for the surprise and the guesses.

    In a block, several models stand side by side, so that the same quantity has the same height.
    The blocks are arranged, and a long text is cut into lines of equal length, such that the
    letters are as large as possible on a slide.

    Args:
        models: at least one; all read texts of one length, of at most 300 characters.

    Raises:
        UsageError: if the text is too long.
    """
    length = len(models[0].watched.text)
    if length > MAX_DRAWN:
        raise UsageError(
            f"a picture shows at most {MAX_DRAWN} characters, got {length:,}; give a shorter text, "
            "or leave out --output"
        )
    page, rows = Page(), aligned_rows([model.names for model in models])
    cell = cell_width({character for model in models for character in _characters(model)})
    highest = max(1.0, *(float(model.watched.bits.max()) for model in models))
    views = [
        _View(page, model, cell, highest, f"{letter}: " if models[1:] else "")
        for letter, model in zip(string.ascii_uppercase, models, strict=False)
    ]
    layout = _choose_layout(views, rows, length, cell)
    parts, step = _cut(length, layout.size), layout.across + BETWEEN
    group = len(models) * step - BETWEEN + APART
    top = bottom = _draw_header(page, models, max(layout.columns * group - APART, NARROWEST))
    for index, names in enumerate(rows):
        column = index % layout.columns
        if not column:
            top = bottom + ABOVE
        for number, (view, name) in enumerate(zip(views, names, strict=True)):
            y = top
            for height, draw in view.pieces(name, parts):
                draw(column * group + number * step, y)
                y += height
            bottom = max(bottom, y)
    return page.figure()


def _cut(length: int, size: int) -> list[slice]:
    return [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]


def _choose_layout(
    views: "Sequence[_View]", rows: Sequence[Sequence[str]], length: int, cell: float
) -> _Layout:
    """Return the layout whose letters are largest when the page fills a slide.

    Args:
        views: the models.
        rows: names of what is shown in each block, one for each model.
        length: length of the text.
        cell: width of a cell in columns.
    """
    found = list[tuple[float, _Layout]]()
    for count in range(1, length + 1):
        size = -(-length // count)
        if size * cell > ROOM or (found and size < SHORTEST):
            continue
        across = max(LEFT + size * cell + RIGHT, LEAST)
        group = len(views) * (across + BETWEEN) - BETWEEN + APART
        parts = _cut(length, size)
        heights = [
            ABOVE + max(map(_View.height, views, names, [parts] * len(views))) for names in rows
        ]
        for columns in range(1, len(rows) + 1):
            begins = range(0, len(rows), columns)
            tall = HEADER + sum(max(heights[begin : begin + columns]) for begin in begins)
            wide = columns * group - APART
            found.append((times_slide(wide, tall), _Layout(size, columns, across)))
    return min(found)[1]


def _draw_header(page: Page, models: Sequence[Shown], across: float) -> float:
    """Write the titles of the models and explain the colours; return the line below."""
    y = 0.0
    for letter, model in zip(string.ascii_uppercase, models, strict=False):
        title = f"{letter}: {model.title}" if models[1:] else model.title
        y = page.heading(0, y, title, across)
    names = {name for model in models for name in model.names}
    signed = {name for name in names if name != SURPRISE and QUANTITIES[name].is_signed}
    if names != {SURPRISE}:
        has_all = not names.isdisjoint(KEEPING)
        y = page.note(0, y + GAP, NOTE + ALL * has_all, across)
    x, y = 0.0, y + GAP
    bars = [(*SHARE_ENDS, SHARES)] * (names != signed) + [(*STATE_ENDS, STATES)] * bool(signed)
    for low, high, colours in bars:
        wide = SANS_COLUMN * len(low + high) + BAR + 2.5 + APART
        x, y = (x, y) if x + wide <= across + APART else (0.0, y + 1.4)
        explain_colours(page, x, y + 0.1, low, colours, high)
        x += wide
    if SURPRISE in names:
        x, y = (x, y) if x + LEGEND <= across else (0.0, y + 1.4)
        draw_legend(page, x, y)
    return y + 1


def _characters(model: Shown) -> set[str]:
    guessed = (guess.character for column in model.watched.guesses for guess in column)
    return {*model.watched.text, *guessed}


class _View:
    """What is drawn of one model."""

    def __init__(self, page: Page, model: Shown, cell: float, highest: float, letter: str) -> None:
        """Prepare the blocks.

        Args:
            page: where they are drawn.
            model: what is drawn.
            cell: width of a cell in columns.
            highest: surprise of a bar of the full height, in bits.
            letter: what begins the titles.
        """
        self._page, self._model, self._letter = page, model, letter
        self._cell, self._highest = cell, highest

    def pieces(self, name: str, parts: Sequence[slice]) -> Iterator[Piece]:
        """Yield the pieces of a block from top to bottom; none for an empty name.

        Args:
            name: what `aligned_rows` names.
            parts: the lines into which the text is cut.
        """
        if name == SURPRISE:
            yield from self._predictions(parts)
        elif name:
            yield from self._quantity(name, parts)

    def height(self, name: str, parts: Sequence[slice]) -> float:
        """Return the height of a block in lines; see `pieces`."""
        return sum(height for height, _ in self.pieces(name, parts))

    def _title(self, title: str, note: str) -> Iterator[Piece]:
        yield 1.3, lambda x, y: self._page.title(x, y, self._letter + title)
        yield 1 + GAP, lambda x, y: self._page.text(x, y - 0.1, note, colour=GREY, family=SANS)

    def _text(self, part: slice) -> Piece:
        return 1.05, lambda x, y: self._cells(x).text(y, self._model.watched.text[part])

    def _cells(self, x: float) -> Cells:
        return Cells(self._page, x, self._cell)

    def _quantity(self, name: str, parts: Sequence[slice]) -> Iterator[Piece]:
        quantity, kept = QUANTITIES[name], self._model.watched.kept(name)
        ends = f"0 {quantity.low}, 1 {quantity.high}"
        if quantity.is_signed:
            ends = f"blue {quantity.low}, red {quantity.high}"
        yield from self._title(quantity.title, ends)
        for part in parts:
            yield self._text(part)
            for unit in self._model.units:
                yield 1, partial(self._draw_unit, name, unit, part)
            if kept is not None:
                yield STRIP + 0.2, partial(self._draw_kept, kept, part)
            yield GAP, lambda _x, _y: None

    def _draw_unit(self, name: str, unit: int, part: slice, x: float, y: float) -> None:
        values = self._model.watched.quantities[name][:, unit]
        colours = STATES if QUANTITIES[name].is_signed else SHARES
        row = shades(colours, shares_of_colours(name, values))
        self._cells(x).row(y, str(unit), [*row[part]], format_extent(values))

    def _draw_kept(self, kept: NDArray[np.float64], part: slice, x: float, y: float) -> None:
        bars = kept[part].tolist()
        self._cells(x).strip(y + 0.2, "all", bars, [BARS] * len(bars), format_extent(kept))

    def _predictions(self, parts: Sequence[slice]) -> Iterator[Piece]:
        watched = self._model.watched
        note = f"{watched.bits.mean():.3f} bits per character"
        yield from self._title("surprise and guesses", note)
        for part in parts:
            yield STRIP + 0.1, partial(self._draw_bits, part)
            yield self._text(part)
            for rank in range(len(watched.guesses[0])):
                yield 1, partial(self._draw_guesses, rank, part)
            yield GAP, lambda _x, _y: None

    def _draw_bits(self, part: slice, x: float, y: float) -> None:
        bits = self._model.watched.bits[part]
        # Bars of the first step would be white.
        colours = [COLOURS[step][0] if step else BARS for step in map(step_of, bits.tolist())]
        heights = (bits / self._highest).tolist()
        self._cells(x).strip(y, "bits", heights, colours, f" 0 to {self._highest:.1f}")

    def _draw_guesses(self, rank: int, part: slice, x: float, y: float) -> None:
        found = [guesses[rank] for guesses in self._model.watched.guesses[:-1][part]]
        likely = np.array([guess.probability for guess in found])
        self._cells(x).row(y, str(rank + 1), [*shades(SHARES, likely)])
        letters = ["white" if share > DARK_SHARE else "black" for share in likely]
        self._cells(x).text(y, [guess.character for guess in found], letters)
