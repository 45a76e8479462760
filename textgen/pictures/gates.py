"""A drawing of what layers do with a text: heat maps of gates and states, surprise and guesses."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from textgen.errors import UsageError
from textgen.interpretation.gates import (
    QUANTITIES,
    Watched,
    format_extent,
    shares_of_colours,
)
from textgen.pictures.cells import (
    BARS,
    GATES,
    LEFT,
    NARROWEST,
    PROBABILITIES,
    RIGHT,
    STATES,
    STRIP,
    Cells,
    cell_width,
    explain_colours,
    shades,
)
from textgen.pictures.coloured_text import COLOURS, draw_legend, step_of
from textgen.pictures.page import Page
from textgen.pictures.style import own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Longest text in one picture, in characters.
MAX_DRAWN = 300
# Columns for the cells of all models side by side, and between two models.
ROOM, BETWEEN = 84, 4
# Heights in lines: of a small gap, and above a title.
GAP, ABOVE = 0.4, 1.2
NOTE = (
    "Beside each row: its lowest and its highest value in this text. A state is scaled row by row: "
    "white is nearest to 0, and the strongest colour is farthest from it."
)


class Shown(NamedTuple):
    """What a layer of a model did with a text, and what to draw of it.

    Attributes:
        watched: what the layer did at each character.
        units: units of the layer to draw, counted from 0; each is a row.
        names: names of the quantities, at least one.
        title: title of the model.
    """

    watched: Watched
    units: Sequence[int]
    names: Sequence[str]
    title: str


@own_style()
def draw_gates(models: Sequence[Shown]) -> "Figure":
    """Draw a block for each quantity, and below them the surprise and the guesses.

    Several models are drawn side by side. A text that is too long for one line is cut into parts of
    equal length, each with all rows.

    Args:
        models: at least one; all read texts of one length, of at most 300 characters.

    Raises:
        UsageError: if the text is too long.
    """
    length = len(models[0].watched.text)
    if length > MAX_DRAWN:
        raise UsageError(f"a picture shows at most {MAX_DRAWN} characters, got {length:,}")
    cell = cell_width({character for model in models for character in _characters(model)})
    most = max(int(ROOM / len(models) / cell), 1)
    size = -(-length // -(-length // most))
    parts = [slice(begin, min(begin + size, length)) for begin in range(0, length, size)]
    across = max(LEFT + size * cell + RIGHT, NARROWEST)
    page = Page()
    columns = [
        _Column(page, number * (across + BETWEEN), across, cell, parts, model)
        for number, model in enumerate(models)
    ]
    line = max(column.heading() for column in columns)
    line = page.note(0, line + GAP, NOTE, len(columns) * (across + BETWEEN) - BETWEEN)
    line = max(column.quantities(line) for column in columns)
    highest = max(1.0, *(float(model.watched.bits.max()) for model in models))
    for column in columns:
        column.predictions(line + ABOVE, highest)
    return page.figure()


def _characters(model: Shown) -> set[str]:
    guessed = (guess.character for column in model.watched.guesses for guess in column)
    return {*model.watched.text, *guessed}


class _Column:
    """The part of a page that belongs to one model."""

    def __init__(
        self, page: Page, x: float, across: float, cell: float, parts: Sequence[slice], model: Shown
    ) -> None:
        self._page, self._x, self._across = page, x, across
        self._cells, self._parts, self._model = Cells(page, x, cell), parts, model

    def heading(self) -> float:
        """Write the title of the model; return the line below it."""
        return self._page.heading(self._x, 0, self._model.title, self._across)

    def quantities(self, y: float) -> float:
        """Draw all quantities below line `y`; return the line below them."""
        for name in self._model.names:
            y = self._quantity(y + ABOVE, name)
        return y

    def _quantity(self, y: float, name: str) -> float:
        watched, quantity = self._model.watched, QUANTITIES[name]
        zero, one = ("", "") if quantity.is_signed else ("0 ", "1 ")
        colours = STATES if quantity.is_signed else GATES
        y = self._page.title(self._x, y, quantity.title)
        explain_colours(self._page, self._x, y, zero + quantity.low, colours, one + quantity.high)
        y += 1 + GAP
        values, kept = watched.quantities[name], watched.kept(name)
        rows = [shades(colours, shares_of_colours(name, values[:, k])) for k in self._model.units]
        for part in self._parts:
            self._cells.text(y, watched.text[part])
            y += 1.05
            for unit, row in zip(self._model.units, rows, strict=True):
                self._cells.row(y, str(unit), [*row[part]], format_extent(values[:, unit]))
                y += 1
            if kept is not None:
                bars = kept[part].tolist()
                grey = [BARS] * len(bars)
                self._cells.strip(y + 0.2, "all", bars, grey, format_extent(kept))
                y += STRIP + 0.2
            y += GAP
        if kept is not None:
            mean = f"all: the mean of all {values.shape[1]} units, as bars from 0 to 1"
            y = self._page.note(self._x, y - GAP, mean, self._across)
        return y

    def predictions(self, y: float, highest: float) -> None:
        """Draw the surprise and the guesses from line `y` on; a whole bar is `highest` bits."""
        watched = self._model.watched
        mean = f"surprise and guesses: {watched.bits.mean():.3f} bits per character"
        y = self._page.title(self._x, y, mean)
        draw_legend(self._page, self._x, y)
        y += 1.5
        explain_colours(self._page, self._x, y, "probability of a guess: 0", PROBABILITIES, "1")
        y += 1 + GAP
        heights = (watched.bits / highest).tolist()
        # Bars of the first step would be white.
        steps = [step_of(bits) for bits in watched.bits.tolist()]
        colours = [COLOURS[step][0] if step else BARS for step in steps]
        guesses = watched.guesses[:-1]
        likely = np.array([[guess.probability for guess in found] for found in guesses]).T
        backs = shades(PROBABILITIES, likely)
        for part in self._parts:
            self._cells.strip(y, "bits", heights[part], colours[part], f" 0 to {highest:.1f}")
            y += STRIP + 0.1
            self._cells.text(y, watched.text[part])
            y += 1.05
            for rank, back in enumerate(backs):
                self._cells.row(y, str(rank + 1), [*back[part]])
                letters = ["white" if share > 0.5 else "black" for share in likely[rank, part]]
                self._cells.text(y, [found[rank].character for found in guesses[part]], letters)
                y += 1
            y += GAP
