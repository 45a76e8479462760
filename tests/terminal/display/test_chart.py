import re

import numpy as np
import pytest

from textgen.terminal.display.chart import Chart, Line, draw_chart, format_legend, format_tick

FALLING = [(0.0, 4.0), (2.0, 2.0), (8.0, 0.0)]


def draw(
    *lines: Line,
    levels: tuple[tuple[float, str], ...] = (),
    columns: int = 20,
    rows: int = 5,
    plain: bool = True,
    colours: bool = False,
) -> list[str]:
    chart = Chart(lines=lines, levels=levels, x_title="steps", y_title="bits", low=0.0, high=4.0)
    return draw_chart(chart, columns, rows, plain=plain, colours=colours)


def test_a_plain_chart_is_letters_between_two_axes_with_round_ticks() -> None:
    assert draw(Line(points=FALLING, letter="A", star=(8.0, 0.0))) == [
        "bits",
        "4 +AA",
        "  |  A",
        "2 +   AAAAA",
        "  |        AAAAA",
        "0 +             AAA*",
        "  ++---+---+---+---+",
        "   0   2   4   6   8",
        "               steps",
    ]


def test_a_character_holds_two_by_four_dots_of_a_line() -> None:
    # 8 by 16 dots: in each character two to the left above two to the right.
    diagonal = [(0.0, 4.0), (8.0, 0.0)]
    assert draw(Line(points=diagonal, letter=""), columns=7, rows=4, plain=False) == [
        "bits",
        "4 \u2524\u28a3",
        "  \u2502 \u28a3",
        "2 \u2524  \u28a3",
        "0 \u2524   \u28a3",
        "  \u2514\u252c\u2500\u252c\u2500",
        "   0 5",
        "   steps",
    ]
    # Of the 16 dots one after the other each third: the first, the fourth, the seventh ...
    dotted = Line(points=diagonal, letter="", is_dotted=True)
    cells = [row[3:].strip() for row in draw(dotted, columns=7, rows=4, plain=False)[1:5]]
    assert cells == ["\u2881", "\u2820", "\u2802", "\u2881"]


def test_what_lies_above_is_marked_and_levels_are_named_beside_each_other() -> None:
    steep = Line(points=[(1.0, 9.0), (4.0, 1.0), (8.0, 1.0)], letter="a")
    assert draw(steep, levels=((3.0, "n-gram"), (3.1, "xz"), (8.0, "far")))[1:6] == [
        "4 +  ^   a",
        "  |------a-xz-n-gram",
        "2 +       a",
        "  |        aaaaaaaaa",
        "0 +",
    ]


def test_a_point_out_of_all_proportion_is_no_long_way_to_go() -> None:
    far = draw(Line(points=[(0.0, 1e15), (8.0, 1.0)], letter="a"))
    assert far[1].startswith("4 +^")
    assert far[4].endswith("a")


def test_lines_that_lie_over_each_other_take_turns() -> None:
    flat = [(1.0, 1.0), (8.0, 1.0)]
    lines = Line(points=flat, letter="a"), Line(points=flat, letter="B")
    (row,) = (row for row in draw(*lines) if "aB" in row)
    assert set(row[5:]) == {"a", "B"}
    # In dots each line has its letters here and there.
    (row,) = (row for row in draw(*lines, columns=60, plain=False) if "a" in row)
    assert re.sub("[^aB]", "", row) in ("aBaBaBaBaB", "BaBaBaBaBa", "aBaBaBaBaBa", "BaBaBaBaBaB")


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("columns", [12, 20, 33, 80, 200])
def test_no_chart_is_wider_than_its_terminal_and_colours_add_no_column(
    columns: int, plain: bool
) -> None:
    random = np.random.default_rng(columns)
    for scale in (1e-3, 7.0, 3e4, 2e9):
        x = np.sort(random.uniform(0, scale, 9)).tolist()
        lines = [
            Line(points=list(zip(x, random.uniform(0, 6, 9), strict=True)), letter=a, colour="36")
            for a in "aB"
        ]
        levels = ((3.3, "n-gram"), (1.0, "xz"))
        bare = draw(*lines, levels=levels, columns=columns, rows=8, plain=plain)
        assert max(map(len, bare)) <= columns
        assert not plain or "".join(bare).isascii()
        painted = draw(*lines, levels=levels, columns=columns, rows=8, plain=plain, colours=True)
        stripped = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in painted]
        assert [row.rstrip() for row in stripped] == bare
        assert painted != bare
        ticks = [label for label in " ".join(bare[-2:]).split() if label[0].isdecimal()]
        assert ticks[0] == "0"
        assert len(set(ticks)) == len(ticks)


def test_ticks_are_written_as_short_as_they_tell_each_other_apart() -> None:
    assert format_tick(0.3, 0.1, 1.0) == "0.3"
    assert format_tick(2.05, 0.05, 2.6) == "2.05"
    assert format_tick(1_500, 500, 4_350) == "1,500"
    assert format_tick(20_000, 5_000, 44_000) == "20k"
    assert format_tick(1.5e6, 5e5, 8e6) == "1.5M"
    assert format_tick(3e9, 1e9, 8e9) == "3G"
    assert format_tick(0, 1e9, 8e9) == "0"


def test_a_legend_fills_its_lines_and_breaks_what_is_too_long_for_one() -> None:
    entries = [("-", "", "one"), ("=", "36", "two"), ("*", "", "a name of many words")]
    assert format_legend(entries, 40, colours=False) == "- one   = two   * a name of many words"
    assert format_legend(entries[:2], 13, colours=False) == "- one   = two"
    assert format_legend(entries[:2], 12, colours=False) == "- one\n= two"
    assert format_legend(entries, 14, colours=True) == (
        "- one   \x1b[36m=\x1b[0m two\n* a name of\n  many words"
    )


@pytest.mark.parametrize("plain", [False, True])
def test_every_line_has_its_letter_in_the_chart(plain: bool) -> None:
    flat = [(1.0, 1.0), (8.0, 1.0)]
    short = [(1.0, 4.0), (1.1, 2.0)]
    lines = [Line(points=flat, letter=letter) for letter in "ABCDE"]
    lines += [Line(points=short, letter="F"), Line(points=short, letter="G")]
    shown = "".join(row[3:] for row in draw(*lines, columns=40, plain=plain)[1:6])
    assert set("ABCDEFG") <= {*shown}
