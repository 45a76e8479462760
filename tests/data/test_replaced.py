"""What is told about characters that are read as others."""

import pytest

from textgen.data.replaced import describe_replaced, find_replaced
from textgen.data.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("known", "text", "replaced"),
    [
        ("abc", "cab", {}),
        ('ae"', "\u00e9a\u201c\u00e9", {"\u00e9": "e", "\u201c": '"'}),
        ("ae", "a\u200be", {"\u200b": ""}),
        ("ae", "a\U0001f642", {}),  # it has no replacement
        # The same letter in one code point or in two.
        ("\u00e9", "e\u0301", {}),
        ("e\u0301", "\u00e9", {}),
        ("e", "e\u0301", {"\u00e9": "e"}),
    ],
)
def test_a_replaced_character_is_found_whatever_form_it_has(
    known: str, text: str, replaced: dict[str, str]
) -> None:
    assert find_replaced(text, Vocabulary(known)) == replaced


def test_few_characters_are_named_and_many_are_counted() -> None:
    assert describe_replaced({"\u00e9": "e"}).endswith("it reads '\u00e9' as 'e'")
    named = describe_replaced({"\u00e9": "e", "\u200b": "", "\u201c": '"'})
    assert named.endswith("'\u00e9' as 'e', '\\u200b' as nothing and '\u201c' as '\"'")
    many = describe_replaced({chr(0x100 + number): "a" for number in range(30)})
    assert many.endswith(" and 22 more as others")
    assert len(many) < 250
