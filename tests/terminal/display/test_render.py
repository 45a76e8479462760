import pytest

from textgen.readable import one_line, visible, width
from textgen.terminal.display.render import (
    format_bits,
    format_duration,
    format_labelled,
    format_table,
)


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


RUNS = [
    ("run", "bits/char", "perplexity", "characters", "what it is"),
    ("fables", "2.0416", "4.117", "1,234,567", "the fables of Aesop, retold for children"),
    ("\u6570\u5b66", "-", "1,234.5", "12", ""),
]


def test_a_table_is_as_wide_as_it_needs_to_be_where_there_is_no_limit() -> None:
    assert format_table(RUNS).split("\n") == [
        "run     bits/char  perplexity  characters  what it is",
        "fables     2.0416       4.117   1,234,567  the fables of Aesop, retold for children",
        "\u6570\u5b66            -     1,234.5          12",
    ]
    assert format_table(RUNS, 83) == format_table(RUNS)


def test_the_text_of_the_last_column_is_wrapped_beside_the_others() -> None:
    assert format_table(RUNS, 70).split("\n")[1:] == [
        "fables     2.0416       4.117   1,234,567  the fables of Aesop, retold",
        "                                           for children",
        "\u6570\u5b66            -     1,234.5          12",
    ]


def test_a_table_that_does_not_fit_becomes_a_list() -> None:
    assert format_table(RUNS, 24).split("\n") == [
        "fables",
        "  bits/char: 2.0416",
        "  perplexity: 4.117",
        "  characters: 1,234,567",
        "  what it is: the fables",
        "  of Aesop, retold for",
        "  children",
        "\u6570\u5b66",
        "  perplexity: 1,234.5",
        "  characters: 12",
    ]
    numbers = [row[1:4] for row in RUNS]
    assert format_table(numbers, 25, num_names=2).split("\n")[0] == "2.0416  4.117"


@pytest.mark.parametrize("columns", range(20, 100, 3))
def test_no_word_or_number_of_a_table_is_broken_at_any_width(columns: int) -> None:
    shown = format_table(RUNS, columns)
    assert max(map(width, shown.split("\n"))) <= columns
    assert {word for row in RUNS[1:] for cell in row for word in cell.split()} - {"-"} <= {
        *shown.split()
    }


def test_a_label_stands_beside_its_text_or_above_it() -> None:
    pairs = [("text", "the fables of Aesop, retold"), ("", "  for children"), ("seed", "3")]
    assert format_labelled(pairs, None).split("\n") == [
        "text  the fables of Aesop, retold",
        "        for children",
        "seed  3",
    ]
    assert format_labelled(pairs, 30).split("\n") == [
        "text  the fables of Aesop,",
        "      retold",
        "        for children",
        "seed  3",
    ]
    assert format_labelled(pairs, 20).split("\n") == [
        "text",
        "  the fables of",
        "  Aesop, retold",
        "    for children",
        "seed",
        "  3",
    ]
