"""A drawing of units that follow features of a text, each over an example."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textgen.interpretation.gates import format_extent, shares_of_colours
from textgen.interpretation.units import Example
from textgen.pictures.cells import (
    BARS,
    DARK_STATE,
    LEFT,
    NARROWEST,
    RIGHT,
    STATES,
    Cells,
    cell_width,
    explain_colours,
    shades,
)
from textgen.pictures.fonts import SANS, drawable
from textgen.pictures.page import Page, times_slide
from textgen.pictures.style import GREY, own_style

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Heights in lines: of the bars of a feature, of an example with what is below it, and of about all
# above the examples.
FEATURE, EXAMPLE, HEADER = 0.9, 5.0, 6.0
# Columns between two columns of examples.
APART = 6


@own_style()
def draw_features(examples: Sequence[Example], title: str, memory: str) -> "Figure":
    """Draw each example: the text in the colours of the unit, and bars of the feature below.

    Args:
        examples: at least one, with texts of equal length.
        title: title of the picture.
        memory: name of the state that the colours show, `cell` or `hidden`.
    """
    page, count = Page(), len(examples)
    cell = cell_width({character for one in examples for character in one.text})
    across = max(LEFT + len(examples[0].text) * cell + RIGHT, NARROWEST)
    # The columns with which the letters are largest on a slide.
    columns = min(
        range(1, count + 1),
        key=lambda columns: times_slide(
            columns * (across + APART), HEADER + EXAMPLE * -(-count // columns)
        ),
    )
    rows = -(-count // columns)
    y = page.heading(0, 0, title, across)
    note = (
        f"Letters are coloured by the {memory} state of the unit, row by row: pale is nearest to "
        "0, and the strongest colour is farthest from it. The bars show the feature. Beside both: "
        "the lowest and the highest value."
    )
    y = page.note(0, y + 0.3, note, across) + 0.3
    explain_colours(page, 0, y, "below 0", STATES, "above 0")
    for number, example in enumerate(examples):
        x, top = number // rows * (across + APART), y + 1.7 + number % rows * EXAMPLE
        _draw_example(page, x, top, cell, example, memory)
    return page.figure()


def _draw_example(
    page: Page, x: float, y: float, cell: float, example: Example, memory: str
) -> None:
    found, text, state, values = example
    feature, cells = found.feature, Cells(page, x, cell)
    page.title(x, y, feature.name)
    where = f"{feature.meaning}: layer {found.layer}, unit {found.unit}, r = {found.tested:+.2f}"
    page.text(x, y + 1.2, drawable(where), colour=GREY, family=SANS)
    y += 2.3
    shares = shares_of_colours(memory, state)
    letters = ["white" if abs(share - 0.5) > DARK_STATE else "black" for share in shares]
    cells.row(y, "unit", list(shades(STATES, shares)), format_extent(state))
    cells.text(y, text, letters)
    y += 1.1
    highest = max(float(values.max()), 1.0)
    extent = f"{values.min():6g} {values.max():6g}"
    heights = (values / highest).tolist()
    cells.strip(y, "text", heights, [BARS] * len(text), extent, FEATURE)
