import string
import unicodedata

import pytest

from textgen.data.nearest import FAMILIES, SPELLED, nearest, respell
from textgen.errors import UnknownCharacterError

PRINTABLE = string.printable


@pytest.mark.parametrize(
    ("character", "written"),
    [
        ("e", "e"),
        ("\u00e9", "e"),
        ("\u00c9", "E"),
        ("\u1ec7", "e"),  # two accents
        ("\ufb01", "fi"),
        ("\u00bd", "1/2"),
        ("\u00b2", "2"),
        ("\u2122", "TM"),
        ("\u00df", "ss"),
        ("\u00e6", "ae"),
        ("\u00d8", "O"),
        ("\u0142", "l"),
        ("\u0131", "i"),
        ("\uff21", "A"),
        ("\uff01", "!"),
        ("\u0663", "3"),
        ("\u2019", "'"),
        ("\u201c", '"'),
        ("\u00ab", '"'),
        ("\u2032", "'"),
        ("\u00b4", "'"),
        ("\u2014", "--"),
        ("\u2013", "-"),
        ("\u2212", "-"),
        ("\u2026", "..."),
        ("\u2022", "*"),
        ("\u3002", "."),
        ("\u00a0", " "),
        ("\u2003", " "),
        ("\u3000", " "),
        ("\u2028", "\n"),
        ("\x85", "\n"),
        ("\u00ad", ""),
        ("\u200b", ""),
        ("\ufeff", ""),
        ("\ufe0f", ""),
        ("\u0301", ""),
    ],
)
def test_typographic_characters_have_the_plain_ones_near(character: str, written: str) -> None:
    assert nearest(character, PRINTABLE) == written


@pytest.mark.parametrize(
    ("character", "known", "written"),
    [
        ("E", "abcde", "e"),
        ("e", "ABCDE", "E"),
        ("\u00c9", "abcde", "e"),
        ("\u00e9", "ABCDE", "E"),
        ("\u00c9", "e\u00e9", "\u00e9"),  # one step, not two
        ("\u1e9e", "s", "ss"),
        ("\u00df", "S", "SS"),
        ("\t", " \n", " "),
        ("\t", "ab\n", "\n"),
        (" ", "ab\n", "\n"),
        ("\n", "ab ", " "),
        ("'", "\u2018\u2019", "\u2019"),
        ('"', "\u201c\u201d", "\u201c"),
        ("\u201e", "\u201c\u201d", "\u201c"),
        ("\u00bb", "\u201c\u201d", "\u201d"),
        ("-", "\u2013\u2014", "\u2013"),
        ("\u2014", "-\u2013", "\u2013"),
        ("\u2026", "...", "..."),
        ("\u00e9", "e\u0301", "e\u0301"),  # a text of composed letters, a model of their parts
    ],
)
def test_what_is_nearest_depends_on_what_is_known(character: str, known: str, written: str) -> None:
    assert nearest(character, known) == written


@pytest.mark.parametrize("character", ["\u6f22", "\U0001f642", "\u2211", "\0", "\ud800", "\uac00"])
def test_nothing_is_near_to_a_character_unlike_all_known(character: str) -> None:
    assert nearest(character, PRINTABLE) is None


@pytest.mark.slow
def test_of_all_characters_those_known_stay_and_others_become_known_ones() -> None:
    known = set("abcdefghij ,.'\n")
    found = 0
    for point in range(0x3100):
        character = chr(point)
        written = nearest(character, known)
        if character in known:
            assert written == character
        elif written is not None:
            assert set(written) <= known
            found += 1
    assert found > 500


def test_every_accented_latin_letter_of_europe_has_its_letter() -> None:
    for point in range(0xC0, 0x180):
        character = chr(point)
        if character.isalpha() and "LATIN" in unicodedata.name(character):
            written = nearest(character, string.ascii_letters + "'*")
            assert written or character in "\u0138\u014a\u014b", character  # kra and eng


def test_no_mark_stands_in_two_families() -> None:
    marks = "".join("".join(family) for family in FAMILIES)
    assert len(set(marks)) == len(marks)
    assert not any(character in spelled for character, spelled in SPELLED.items())


def test_a_text_is_written_with_known_characters() -> None:
    text = "\u201cNa\u00efve caf\u00e9\u201d\u2014\u2019tis \u00bd of\u00a0it\u2026"
    assert respell(text, PRINTABLE) == '"Naive cafe"--\'tis 1/2 of it...'
    assert respell("plain", PRINTABLE) == "plain"
    assert respell("", PRINTABLE) == ""


def test_a_line_end_of_two_characters_becomes_one() -> None:
    assert respell("a\r\nb\rc\n", "abc\n") == "a\nb\nc\n"
    assert respell("a\r\nb", "ab\r\n") == "a\r\nb"


def test_a_letter_and_its_accent_become_the_accented_letter_where_that_is_known() -> None:
    assert respell("cafe\u0301", "cafe\u00e9") == "caf\u00e9"
    assert respell("cafe\u0301", "cafe") == "cafe"
    assert respell("cafe\u0301", "cafe\u0301") == "cafe\u0301"


@pytest.mark.parametrize(
    ("text", "known", "written"),
    [
        # A text of parts, a model of composed characters.
        ("\u1112\u1161\u11ab", "\ud55c", "\ud55c"),
        ("\u304b\u3099", "\u304c", "\u304c"),
        ("\u304b\u309b", "\u304c", "\u304c"),  # the voicing mark that stands by itself
        ("\u30cf\uff9f", "\u30d1", "\u30d1"),
        ("\uff76\uff9e", "\u30ac", "\u30ac"),  # both of half width
        ("a\u0308\u0304", "\u01df", "\u01df"),
        ("e\u0301", "\u00e9", "\u00e9"),
        ("e\u0301", "\u00c9", "\u00c9"),
        # A text of composed characters, a model of their parts.
        ("\ud55c", "\u1112\u1161\u11ab", "\u1112\u1161\u11ab"),
        ("\u304c", "\u304b\u3099", "\u304b\u3099"),
        ("\u00e9", "e\u0301", "e\u0301"),
        # Each character is looked at by itself, even where another one has no composed form.
        ("e\u0301x\u0301", "\u00e9x", "\u00e9x"),
        ("\u1112\u1161\u11ab e\u0301", "\ud55c e", "\ud55c e"),
    ],
)
def test_a_character_and_its_marks_are_composed_before_they_are_replaced(
    text: str, known: str, written: str
) -> None:
    assert respell(text, known) == written


def test_a_decomposed_syllable_with_nothing_near_is_named_as_a_whole() -> None:
    with pytest.raises(UnknownCharacterError, match=r"U\+D55C. at position 3") as caught:
        respell("ab\u1112\u1161\u11ab", "ab")
    assert caught.value.character == "\ud55c"
    assert "nearest," not in str(caught.value)


def test_the_first_character_with_nothing_near_is_named_with_its_place() -> None:
    with pytest.raises(UnknownCharacterError, match=r"'\u6f22' .* position 5") as caught:
        respell("\u2026\u00e9ab\u6f22\U0001f642\u6f22", PRINTABLE)
    assert (caught.value.character, caught.value.position) == ("\u6f22", 4)
    assert caught.value.rule == "nearest"
