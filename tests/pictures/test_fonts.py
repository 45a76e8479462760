import pytest

from textgen.pictures import fonts
from textgen.pictures.fonts import drawable, font_of, glyph_of


def test_a_character_is_drawn_itself_or_as_a_sign_or_as_its_code() -> None:
    shown = [tuple(glyph_of(character)) for character in "a\n \t\u00e9\u0416"]
    assert shown == [
        ("a", 1, False),
        ("\u21b5", 1, False),
        ("\u2423", 1, False),
        ("\u21e5", 1, False),
        ("\u00e9", 1, False),
        ("\u0416", 1, False),
    ]
    hidden = [tuple(glyph_of(character)) for character in "\x1b\u200d\u202e\U0010ffff"]
    assert hidden == [
        ("1B", 2, True),
        ("200D", 2, True),
        ("202E", 2, True),
        ("10FFFF", 3, True),
    ]
    assert glyph_of("\u0301").text == "\u25cc\u0301"  # a mark needs something to stand on


def test_titles_hold_no_character_that_cannot_be_drawn() -> None:
    assert drawable("caf\u00e9 $x$ \x1b[2J\U0010ffff") == "caf\u00e9 $x$ <U+001B>[2J<U+10FFFF>"


def test_a_font_of_the_machine_is_used_where_it_has_the_character(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # This font comes with matplotlib, and has characters in its private area.
    monkeypatch.setattr(fonts, "installed_fallbacks", lambda: ("STIXNonUnicode",))
    font_of.cache_clear()
    assert font_of("\ue000") == "STIXNonUnicode"
    assert font_of("a") == fonts.MONO
    font_of.cache_clear()
