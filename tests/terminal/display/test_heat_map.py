import pytest

from textgen.readable import width
from textgen.terminal.display.colours import Tile
from textgen.terminal.display.heat_map import (
    BARS,
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


def shade(value: float) -> str:
    return Scale(0, 1, marked(SHADES, is_plain=False)).tile(value, 1).text


def test_a_gate_is_darker_the_more_it_is_open() -> None:
    values = (-1, 0, 0.19, 0.21, 0.5, 0.61, 0.79, 0.81, 1, 2)
    assert "".join(map(shade, values)) == "   \u2591\u2592\u2593\u2593\u2588\u2588\u2588"
    colours = Scale(0, 1, coloured(SHARES))
    assert [colours.tile(value, 1).colour for value in (0, 0.5, 1)] == [
        SHARES[0],
        SHARES[len(SHARES) // 2],
        SHARES[-1],
    ]


def luminance(code: int) -> float:
    """Return the relative luminance of one of the 256 colours of a terminal (WCAG 2.2)."""
    if code >= 232:
        levels = [8 + 10 * (code - 232)] * 3
    else:
        levels = [(0, 95, 135, 175, 215, 255)[(code - 16) // 6**k % 6] for k in (2, 1, 0)]
    parts = [c / 255 / 12.92 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in levels]
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]


def contrast(one: float, other: float) -> float:
    low, high = sorted((one, other))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [SHARES, SIGNED])
def test_colours_are_legible_and_stand_out_of_light_and_dark_terminals(
    colours: tuple[str, ...],
) -> None:
    grounds = []
    for colour in colours:
        _, _, letters, _, _, ground = map(int, colour.split(";"))
        grounds.append(luminance(ground))
        assert contrast(luminance(letters), grounds[-1]) > 4.5
        assert contrast(grounds[-1], 0) > 2
        assert contrast(grounds[-1], 1) > 1.25
    # Strong colours are far from 0, in the middle of signed numbers and at one end of shares.
    middle = len(SIGNED) // 2 if colours is SIGNED else 0
    assert grounds[middle:] == sorted(grounds[middle:], reverse=True)
    assert grounds[: middle + 1] == sorted(grounds[: middle + 1])


def test_a_state_is_marked_by_its_sign_and_size() -> None:
    scale = Scale(-2, 2, marked(SIGNED_MARKS, is_plain=False))
    assert "".join(scale.tile(v, 1).text for v in (-9, -2, -1, -0.5, 0, 0.5, 1, 2, 9)) == (
        "\u2261\u2261=-\u00b7+*##"
    )
    ascii_scale = Scale(-2, 2, marked(SIGNED_MARKS, is_plain=True))
    assert "".join(ascii_scale.tile(v, 1).text for v in (-2, -0.7, 0, 0.7, 2)) == "=-.+#"
    colours = Scale(-1, 1, coloured(SIGNED))
    assert colours.tile(0, 1).colour == SIGNED[len(SIGNED) // 2]
    assert colours.tile(-1, 1).colour == SIGNED[0]
    assert colours.tile(1, 1).colour == SIGNED[-1]
    assert len(SIGNED) % 2 == len(SIGNED_MARKS[0]) % 2 == len(SIGNED_MARKS[1]) % 2 == 1


def test_a_scale_without_extent_is_in_the_middle() -> None:
    assert Scale(0.5, 0.5, marked(BARS, is_plain=True)).tile(0.5, 3).text == "555"


def test_a_bar_shows_all_steps_from_low_to_high() -> None:
    assert Scale(0, 1, marked(BARS, is_plain=True)).bar() == "0123456789"
    bar = Scale(0, 1, coloured(SIGNED)).bar()
    assert bar.count("\x1b[38") == len(SIGNED)


def test_what_stands_for_a_character_takes_room_and_does_nothing() -> None:
    every = [chr(code) for code in (*range(0x300), 0x301, 0x200B, 0x202E, 0x4E2D, 0xD800)]
    for shown in map(sign, every):
        assert width(shown) >= 1
        assert not set(shown) & {*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0))}
    assert [sign(c) for c in "a\n\t\x1b\u0301\u200d"] == [
        "a",
        "\u21b5",
        "\u2409",
        "\u241b",
        "<U+0301>",
        "<U+200D>",
    ]


def rows_of(text: str, columns: int) -> list[str]:
    signs = [sign(character) for character in text]
    rows = [
        Row("7", [Tile("x" * width(shown)) for shown in signs]),
        Row("", [Tile(" " * width(shown)) for shown in signs]),
    ]
    return list(format_rows(signs, rows, columns))


def test_a_text_is_cut_into_as_few_bands_as_fit_of_one_width() -> None:
    assert rows_of("abc\ndefghijk", 80) == ["     abc\u21b5defghijk", "   7 xxxxxxxxxxxx"]
    assert rows_of("abcdefghijklmnopqr", 17) == [
        "     abcdefghi",
        "   7 xxxxxxxxx",
        "     jklmnopqr",
        "   7 xxxxxxxxx",
    ]


@pytest.mark.parametrize("columns", [1, 13, 14, 20, 37, 80])
@pytest.mark.parametrize("text", ["ab\u4e2dc\u6587\n" * 9, "\u4e2d" * 31, "a", "\x9b\u200d" * 3])
def test_bands_hold_the_whole_text_within_the_columns(text: str, columns: int) -> None:
    lines = rows_of(text, columns)
    assert "".join(line[5:] for line in lines[::2]) == "".join(map(sign, text))
    assert all(width(line) <= max(columns, 5 + 8) for line in lines)
    for above, below in zip(lines[::2], lines[1::2], strict=True):
        assert width(above) == width(below)  # wide characters too


def test_parts_flow_into_lines() -> None:
    parts = [("one", 3), ("\x1b[1m  \x1b[0m", 2), ("three", 5)]
    assert list(flow(parts, 80)) == ["one \x1b[1m  \x1b[0m three"]
    assert list(flow(parts, 7, indent="  ")) == ["one \x1b[1m  \x1b[0m", "  three"]
