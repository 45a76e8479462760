import pytest

from textgen.readable import one_line, visible
from textgen.terminal.display.render import format_bits, format_duration, format_table


def test_no_control_character_is_left_in_what_is_shown() -> None:
    every = "".join(map(chr, [*range(0x300), *range(0x2000, 0x2070), 0xD800, 0x1F600]))
    shown = visible(every)
    assert {c for c in shown if ord(c) < 0x20} == {"\n", "\t"}
    assert not any(0x7F <= ord(c) < 0xA0 for c in shown)
    assert not set(shown) & set(
        "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f"
    )
    shown.encode()  # no lone surrogate either


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("caf\u00e9 \u4e2d \U0001f600\n\tx", "caf\u00e9 \u4e2d \U0001f600\n\tx"),
        ("\x1b]52;c;eA==\x07", "\u241b]52;c;eA==\u2407"),
        ("a\x7fb\x9bc", "a\u2421b<U+009B>c"),
        ("\u202eabc", "<U+202E>abc"),
        ("[/x] :smile:", "[/x] :smile:"),
    ],
)
def test_controls_become_visible_and_the_rest_stays(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_message_is_one_line() -> None:
    assert one_line("two\nlines\tand \x1b") == "two lines and \u241b"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1 min 00 s"), (200, "3 min 20 s"), (7500, "2 h 05 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


def test_a_loss_that_is_missing_is_a_dash() -> None:
    assert (format_bits(None), format_bits(2.0416)) == ("-", "2.042")


def test_numbers_of_a_table_stand_to_the_right() -> None:
    table = format_table([("name", "n"), ("a", "5"), ("bcdef", "1,234")])
    assert table == "name       n\na          5\nbcdef  1,234"
