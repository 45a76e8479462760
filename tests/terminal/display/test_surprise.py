"""Surprise in marks and colours."""

import json
import re

import pytest

from textgen.readable import width
from textgen.terminal.display.surprise import (
    COLOURS,
    colour_of,
    format_legend,
    format_surprise,
    format_text,
)

ESCAPE = re.compile(r"\x1b\[[0-9;]*m")


def test_surprise_is_shown_in_marks_or_colours_and_drives_no_terminal() -> None:
    text, bits = "ab\u754c\tc\n\x1bd", [0.5, 1.5, 3.0, 5.0, 9.0, 12.0, 0.0, 2.0]
    assert format_surprise(text, bits, None, colours=0) == (
        "ab\u754c\u2409c\u21b5\n.13 59+\n\u241bd\n.2\n"
        "below each character: its surprise in bits (. is less than 1, + is 10 or more)\n"
        "4.125 bits per character, 8 characters"
    )
    narrow = format_surprise("abcdef", [1.0] * 6, 4, colours=0)
    assert narrow.startswith("abcd\n1111\nef\n11\n")
    coloured = format_surprise(text, bits, 80, colours=16)
    assert coloured.startswith(
        "a\x1b[91mb\x1b[0m\x1b[4;91m\u754c\x1b[0m\x1b[97;41m\u2409\x1b[0m"
        "\x1b[1;4;97;41mc\u21b5\x1b[0m\n\u241b\x1b[4;91md\x1b[0m\nsurprise in bits:"
    )
    assert "0-1" in coloured
    assert "7 or more" in coloured
    assert json.dumps(coloured).count("\\u001b[") == coloured.count("\x1b[")


def brightness(code: int) -> tuple[int, int, int]:
    """Return red, green and blue in [0, 5] of one of the 216 colours of the cube."""
    return (code - 16) // 36, (code - 16) // 6 % 6, (code - 16) % 6


def test_the_colours_are_of_one_hue_and_rank_from_pale_to_strong() -> None:
    shades = []
    for colour in COLOURS[256][1:]:
        codes = colour.removeprefix("1;").split(";")
        letters, back = brightness(int(codes[2])), brightness(int(codes[5]))
        assert abs(sum(letters) - sum(back)) >= 4  # the letters can be read
        shades.append(back)
    # Orange-red: more red than green, and no more blue than green; less of both at each step.
    assert all(red >= green >= blue for red, green, blue in shades)
    assert all(red >= 4 for red, _, _ in shades)
    paleness = [green + blue for _, green, blue in shades]
    assert paleness == sorted(paleness, reverse=True)
    assert len({*shades}) == 4
    assert max(map(sum, shades)) <= 9  # none is nearly white
    assert colour_of(0.9, 256) == colour_of(0.9, 16) == ""
    # With 16 colours, there is red alone.
    assert all({*colour.split(";")} <= {"91", "41", "4", "1", "97"} for colour in COLOURS[16][1:])


@pytest.mark.parametrize("columns", [20, 40, 100])
@pytest.mark.parametrize("colours", [0, 16, 256])
def test_shown_text_and_legend_are_wrapped_at_words_and_lose_nothing(
    columns: int, colours: int
) -> None:
    signs = "\u6570\u5b66" * 3 + "\u3002"
    text = f"the quick brown fox  jumps over the lazy dog {signs}\nand sleeps"
    shown = ESCAPE.sub("", format_text(text, [2.0] * len(text), columns, colours=colours))
    lines = shown.split("\n")[:: 1 if colours else 2]
    assert "".join(lines) == text.replace("\n", "\u21b5")
    assert all(line[-1] in " \u21b5\u3002\u6570\u5b66" for line in lines[:-1])
    legend = ESCAPE.sub("", format_legend(columns, colours=colours))
    assert max(map(width, [*lines, *legend.split("\n")])) <= columns
    assert len(format_legend(None, colours=colours).split("\n")) == 1
