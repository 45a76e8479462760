import io

import pytest
from matplotlib.figure import Figure

from textgen.pictures.fonts import glyph_of
from textgen.pictures.page import COLUMN, LINE, MARGIN, Page
from textgen.pictures.style import own_style


def test_a_page_is_as_large_as_what_is_on_it() -> None:
    page = Page()
    page.box(2, 1, 8, 3, "red")
    page.text(20, 5, "right", align="right")
    assert (page.width, page.height) == (20, 6)
    size = page.figure().get_size_inches().tolist()
    assert size == pytest.approx([20 * COLUMN + 2 * MARGIN, 6 * LINE + 2 * MARGIN])


def test_letters_side_by_side_are_written_in_runs_of_one_colour() -> None:
    page = Page()
    text = "ab\u65e5cd\u0416e"
    colours = ["black", "white", "white", "white", "white", "white", "black"]
    page.glyphs(3, 0, [*map(glyph_of, text)], colours)
    at = {word.text: word.x for word in page.words}
    assert {"a": 3, "b": 4, "cd\u0416": 7, "e": 10}.items() <= at.items()


def extents(figure: Figure) -> list[tuple[str, float, float, float, float]]:
    """Return each text with its left, right, lower and upper end, in columns and lines."""
    (axes,) = figure.axes
    found = []
    with own_style():
        figure.savefig(io.BytesIO(), format="png")
        for text in axes.texts:
            box = text.get_window_extent().transformed(axes.transData.inverted())
            found.append((text.get_text(), box.x0, box.x1, *sorted((box.y0, box.y1))))
    return found


def test_letters_stand_in_their_cells() -> None:
    page = Page()
    text = "office-mmm-fi-WWW-|||-ffi"
    page.glyphs(0, 0, [*map(glyph_of, text)], ["black"] * len(text))
    page.glyph(0, 1, 2, glyph_of("\u200d"))
    line, *digits = extents(page.figure())
    assert line[0] == text
    assert line[1] == pytest.approx(0, abs=0.3)
    assert line[2] == pytest.approx(len(text), abs=0.3)
    assert line[3] > -0.1
    for _, left, right, top, bottom in digits:
        assert 0 <= left < right <= 2
        assert 1 <= top < bottom <= 2


def test_headings_and_notes_are_wrapped() -> None:
    page = Page()
    below = page.heading(0, 0, "a heading of many words " * 3, 40)
    below = page.note(0, below, "a note of many words " * 5, 40)
    assert below > 4
    for _, _, right, _, bottom in extents(page.figure()):
        assert right <= 40
        assert bottom <= below
