import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.readable import StreamWrapper, width, wrap, wrap_lines

# Letters, spaces, tabs, newlines, wide characters, combining ones, and marks of several kinds.
TEXTS = st.text("abcde  \t\n\u6570\u5b66\u3002\u300c\u300d\u0301\u1100\u1161\U0001f600\u200d.-")


def test_lines_are_broken_between_words_and_inside_of_long_ones() -> None:
    assert wrap("one two seventeen", 7) == ["one two", "sevente", "en"]
    wide = wrap("\u6570\u5b66\u6570\u5b66 one", 5)
    assert wide == ["\u6570\u5b66", "\u6570\u5b66", "one"]
    assert max(map(width, wide)) == 4


@given(TEXTS, st.integers(2, 30))
def test_no_line_is_too_wide_and_only_white_space_changes(text: str, columns: int) -> None:
    lines = wrap_lines(text, columns).split("\n")
    assert max(map(width, lines)) <= columns
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert len(lines) >= text.count("\n") + 1


@given(TEXTS, st.integers(2, 30), st.lists(st.integers(0, 30)))
def test_the_lines_do_not_depend_on_the_pieces_in_which_a_text_arrives(
    text: str, columns: int, sizes: list[int]
) -> None:
    wrapper, written, rest = StreamWrapper(columns), "", text
    for size in sizes:
        written += wrapper.feed(rest[:size])
        rest = rest[size:]
    written += wrapper.feed(rest) + wrapper.flush()
    assert written == wrap_lines(text, columns)


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("the text's own\nline\n\nand more", ["the text's", "own", "line", "", "and more"]),
        ("  if a is b: c", ["  if a is", "  b: c"]),
        ("\tab cd ef", ["     ab cd", "     ef"]),
        # A deep indentation leaves half of the width.
        ("         abc def", ["     abc", "     def"]),
        ("abc " + "x" * 23 + " y", ["abc", "x" * 10, "x" * 10, "xxx y"]),
        # No line begins with a full stop or ends with an opening bracket.
        ("\u6570\u5b66\u6570\u5b66\u6570\u3002", ["\u6570\u5b66\u6570\u5b66", "\u6570\u3002"]),
        ("\u6570\u5b66\u6570\u5b66\u300c\u6570", ["\u6570\u5b66\u6570\u5b66", "\u300c\u6570"]),
        # The last syllable is decomposed: its vowel stays with its consonant.
        ("\ud55c\uad6d\ud55c\uad6d\u1100\u1161", ["\ud55c\uad6d\ud55c\uad6d\u1100\u1161"]),
        # A family is one picture, although its parts together are wider than a line.
        ("abcdefg \U0001f468\u200d\U0001f469", ["abcdefg", "\U0001f468\u200d\U0001f469"]),
    ],
)
def test_a_text_keeps_its_lines_and_its_indentation(text: str, lines: list[str]) -> None:
    assert wrap_lines(text, 10).split("\n") == lines


def test_a_word_waits_for_its_end_unless_it_is_wider_than_a_line() -> None:
    wrapper = StreamWrapper(10)
    assert [wrapper.feed(piece) for piece in ("on", "e t", "wo", " ", "\u6570", "\u5b66")] == [
        "",
        "one",
        "",
        " two",
        "",
        " \u6570",
    ]
    assert wrapper.flush() == "\n\u5b66"
    assert [wrapper.feed(piece) for piece in ("", "x" * 8, "x", "y", " ")] == [
        "",
        "",
        "",
        "",
        "\nxxxxxxxxxy",
    ]


def test_the_width_may_change_from_line_to_line() -> None:
    wrapper = StreamWrapper(10)
    written = wrapper.feed("one two three four five\n")
    wrapper.columns = 20
    written += wrapper.feed("one two three four five\n")
    assert written == "one two\nthree four\nfive\none two three four\nfive\n"
