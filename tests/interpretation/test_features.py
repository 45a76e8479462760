import numpy as np
import pytest

from textgen.interpretation import features
from textgen.interpretation.features import FEATURES


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("line_position", "ab\n\nc d", [1, 2, 0, 0, 1, 2, 3]),
        ("line_start", "ab c\nd e", [1, 1, 0, 0, 0, 1, 0, 0]),
        ("line_start", "a\n b\n\nc", [1, 0, 0, 0, 0, 0, 1]),
        ("line_end", "abcdefg\n\nh", [0, 0, 1, 1, 1, 1, 1, 1, 0, 0]),
        ("indentation", "  a b\n\tc\n d", [1, 2, 2, 2, 2, 0, 1, 1, 0, 1, 1]),
        ("paragraph_position", "a\nb\n\ncd", [1, 2, 3, 4, 0, 1, 2]),
        ("sentence_position", "ab. C!d", [1, 2, 0, 1, 2, 0, 1]),
        ("word_position", "ab, c4d", [1, 2, 0, 0, 1, 2, 3]),
        ("space", "a \t\n.", [0, 1, 1, 1, 0]),
        ("capital", "aB\u00c91", [0, 1, 1, 0]),
        ("in_name", "Ab cD E", [1, 1, 0, 0, 0, 0, 1]),
        ("in_capitals", "ABc DE F1", [0, 1, 0, 0, 0, 1, 0, 0, 0]),
        ("vowel", "aB\u00e9 y", [1, 0, 1, 0, 0]),
        ("consonant", "aB\u00e7 y1", [0, 1, 1, 0, 1, 0]),
        ("repeated", "aab  b", [0, 1, 0, 0, 1, 0]),
        ("digit", "a1 \u0663", [0, 1, 0, 1]),
        ("punctuation", "a, (\u2014", [0, 1, 0, 1, 1]),
        ("in_quotes", 'a"b"c', [0, 1, 1, 0, 0]),
        ("in_quotes", "\u201ca\u201d \u201cb\n\nc", [1, 1, 0, 0, 1, 1, 1, 0, 0]),
        ("bracket_depth", ")a(b[c])d", [0, 0, 1, 1, 2, 2, 1, 0, 0]),
    ],
)
def test_features_worked_by_hand(name: str, text: str, expected: list[int]) -> None:
    values = getattr(features, name)(text)
    assert values.dtype == np.float64
    assert values.tolist() == expected


@pytest.mark.parametrize("feature", FEATURES, ids=lambda feature: feature.name)
def test_every_feature_gives_a_number_for_every_character(feature: features.Feature) -> None:
    for text in ("", "x", "\n", "\n\n\n", '"' * 3, "\u4e2d\U0001f600 \u0301\ud800"):
        assert feature.measure(text).shape == (len(text),)
    assert len(feature.meaning) <= 40  # the table has no more room in 80 columns
