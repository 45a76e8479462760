import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.generation.remarks import remark, remarks
from textgen.settings import SamplingSettings

KNOWN = Vocabulary("abcdez \n")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"only": "abc"}, []),
        ({"only": "abx"}, ["only: the model does not know 'x'"]),
        (
            {"only": "a-e"},
            [
                "only: 'a-e' is the three characters 'a', '-' and 'e'; for the range write abcde; "
                "the model does not know '-'"
            ],
        ),
        ({"only": "z-a b"}, ["only: the model does not know '-'"]),
        ({"forbid": "x\u00e9yx"}, ["forbid: the model does not know 'x', '\u00e9' and 'y'"]),
        (
            {"words": ["abe", "caf\u00e9", "b\u00e9", "add"]},
            ["words: 2 of 4 words, such as 'caf\u00e9', are left out, since the model"],
        ),
        ({"stop": ["a", "\u20ac1"]}, ["stop: the text never ends at '\u20ac1', since the model"]),
        ({"only": "a1", "stop": ["1"]}, ["only: the model does not", "stop: the text never"]),
        ({"starts": ["a", "b"], "temperature": 0.5}, []),
    ],
)
def test_what_a_model_does_not_know_is_named(given: dict[str, object], expected: list[str]) -> None:
    found = remarks(SamplingSettings.from_json(given), KNOWN)
    assert len(found) == len(expected)
    assert all(map(str.startswith, found, expected)), found


def test_few_characters_are_named_and_many_are_counted() -> None:
    many = SamplingSettings(forbid="".join(map(chr, range(0x100, 0x100 + 50))))
    found = remark("forbid", many, KNOWN)
    assert found.endswith("'\u0107' and 42 more")
    assert remark("only", many, KNOWN) == ""
