import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from textgen.pictures.cells import CELL, WIDE_CELL, Cells, cell_width, explain_colours, shades
from textgen.pictures.page import Page


def test_cells_are_as_wide_as_their_widest_character() -> None:
    assert cell_width({"a", "\n", "\u00e9"}) == CELL
    assert cell_width({"a", "\x1b"}) == WIDE_CELL


def test_shares_become_colours() -> None:
    assert shades("gray", np.array([[0.0, 1.0]])).tolist() == [["#000000", "#ffffff"]]
    shares = np.linspace(0, 1, 600).reshape(2, 3, 100)
    found = shades("RdBu_r", shares)
    expected = [to_hex(colour) for colour in colormaps["RdBu_r"](shares.ravel())]
    assert found.shape == shares.shape
    assert found.ravel().tolist() == expected


def test_a_row_has_its_label_before_it_and_its_numbers_after_it() -> None:
    page = Page()
    cells = Cells(page, 10, 2)
    cells.row(3, "17", ["red", "blue"], "0 1")
    cells.text(3, "ab", ["black", "white"])
    boxes = [(box.x, box.width, box.colour) for box in page.boxes]
    assert boxes == [(16, 2, "red"), (18, 2, "blue"), (16, 4, "none")]
    words = {word.text: (word.x, word.align, word.colour) for word in page.words}
    assert words["17"][:2] == (15, "right")
    assert words["0 1"][:2] == (20.5, "left")
    assert words["b"] == (19, "center", "white")


def test_the_ends_of_a_colour_map_are_named() -> None:
    page = Page()
    explain_colours(page, 0, 0, "closed", "gray", "open")
    inside = [box for box in page.boxes if box.edge == "none"]
    assert (inside[0].colour, inside[-1].colour) == ("#000000", "#ffffff")
    closed, opened = page.words
    assert closed.x < inside[0].x
    assert opened.x > inside[-1].x + inside[-1].width
