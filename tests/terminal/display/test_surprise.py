"""Surprise in marks and colours."""

import json

from textgen.terminal.display.surprise import format_surprise


def test_surprise_is_shown_in_marks_or_colours_and_drives_no_terminal() -> None:
    text, bits = "ab\u754c\tc\n\x1bd", [0.5, 1.5, 3.0, 5.0, 9.0, 12.0, 0.0, 2.0]
    assert format_surprise(text, bits, 80, colours=False) == (
        "ab\u754c\u2409c\u21b5\n.13 59+\n\u241bd\n.2\n"
        "below each character: its surprise in bits (. is less than 1, + is 10 or more)\n"
        "4.125 bits per character, 8 characters"
    )
    narrow = format_surprise("abcdef", [1.0] * 6, 4, colours=False)
    assert narrow.startswith("abcd\n1111\nef\n11\n")
    coloured = format_surprise(text, bits, 80, colours=True)
    assert coloured.startswith(
        "a\x1b[30;46mb\x1b[0m\x1b[30;42m\u754c\x1b[0m\x1b[30;43m\u2409\x1b[0m"
        "\x1b[37;41mc\u21b5\x1b[0m\n\u241b\x1b[30;42md\x1b[0m\nsurprise in bits:"
    )
    assert "0-1" in coloured
    assert "7 or more" in coloured
    assert json.dumps(coloured).count("\\u001b[") == coloured.count("\x1b[")
