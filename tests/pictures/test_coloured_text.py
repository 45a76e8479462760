from itertools import groupby, pairwise

import numpy as np
import pytest

from textgen.pictures import coloured_text
from textgen.pictures.coloured_text import COLOURS, break_lines, draw_coloured_text, step_of
from textgen.pictures.fonts import glyph_of
from textgen.pictures.page import Page


def lines_of(text: str, columns: int) -> list[str]:
    return [text[part] for part in break_lines([*map(glyph_of, text)], text, columns)]


def test_lines_are_broken_between_words_and_nothing_is_lost() -> None:
    assert lines_of("one two three\n\n  four", 8) == ["one two ", "three\n", "\n", "  four"]
    assert lines_of("seventeen of", 6) == ["sevent", "een of"]
    assert lines_of("ab cdefghij", 6) == ["ab ", "cdefgh", "ij"]
    assert lines_of("a", 6) == ["a"]
    # A newline or a space may stand beyond the last column.
    assert lines_of("abcdef\ngh ij kl", 5) == ["abcde", "f\n", "gh ij ", "kl"]


@pytest.mark.parametrize("columns", [3, 8, 30])
def test_lines_of_any_text_fit(columns: int) -> None:
    text = "\u65e5\u672c\u8a9e\u306e a\u0301\x1b\U0001f468\u200d word\tand\n\n" * 3 + "x" * 40
    lines = lines_of(text, columns)
    assert "".join(lines) == text
    for line in lines:
        assert sum(glyph_of(character).columns for character in line.rstrip(" \n")) <= columns


def test_colours_go_in_one_hue_from_none_to_strong() -> None:
    assert [step_of(bits) for bits in (0, 0.99, 1, 2, 3.9, 4, 6.9, 7, 99)] == [
        *(0, 0, 1, 2, 2, 3, 3, 4, 4)
    ]
    shades = [[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour, _ in COLOURS]
    assert shades[0] == [255, 255, 255]
    # Each step has less green and less blue than the one before, and red is strongest in all.
    for (_, *before), (red, *after) in pairwise(shades):
        assert before[0] > after[0]
        assert before[1] > after[1]
        assert red > max(after)


@pytest.fixture
def pages(monkeypatch: pytest.MonkeyPatch) -> list[Page]:
    """Keep the pages that are drawn."""
    kept: list[Page] = []

    class KeptPage(Page):
        def __init__(self) -> None:
            super().__init__()
            kept.append(self)

    monkeypatch.setattr(coloured_text, "Page", KeptPage)
    return kept


def test_each_character_stands_on_the_colour_of_its_surprise(pages: list[Page]) -> None:
    bits = np.array([[0.5, 1.5, 0, 8, 8], [3, 5, 0.1, 0, 0]])
    draw_coloured_text("ab cd", bits, ["one", "two"])
    (page,) = pages
    words = [word.text for word in page.words]
    assert words[0] == "Surprise of each of 5 characters"
    assert words[1:7] == [
        "surprise in bits: ",
        *("0\u20131", "1\u20132", "2\u20134", "4\u20137"),
        "7 or more",
    ]
    # The strongest colour has white letters, so that they are another run.
    assert words[7:] == ["one", "ab ", "cd", "two", "ab cd"]
    cells = [box for box in page.boxes if box.edge == "none"]
    found = [
        (box.x, COLOURS.index((box.colour, "black" if box.colour != COLOURS[4][0] else "white")))
        for box in cells
    ]
    assert found == [(1, 1), (3, 4), (4, 4), (0, 2), (1, 3)]
    tops = [top for top, _ in groupby(box.y for box in cells)]
    assert len(tops) == 2
    assert tops[0] + 2 < tops[1]


def test_many_short_lines_are_set_in_columns(pages: list[Page]) -> None:
    text = "name\n" * 100
    draw_coloured_text(text, np.full((1, 500), 2.0), ["one"])
    (page,) = pages
    assert page.width <= 110
    assert page.height < 40
    assert len({(box.x, box.y) for box in page.boxes if box.edge == "none"}) == 500
