from pathlib import Path

import numpy as np
import pytest

import textgen
from textgen.errors import SettingError, UnknownCharacterError, UsageError

LINE = "the lazy dog sleeps on.\n"


def test_a_score_is_what_a_generator_of_the_run_says(tiny_run: Path) -> None:
    found = textgen.score(LINE, "fox")
    bits = textgen.load("fox").score(LINE)
    np.testing.assert_allclose(found.bits, bits, rtol=1e-5)
    assert found.bits_per_character == pytest.approx(bits.mean())
    assert found.perplexity == pytest.approx(2 ** bits.mean())
    assert (found.text, found.unknown, found.bits.dtype) == (LINE, 0, np.float64)
    again = textgen.open_run().score(LINE)
    np.testing.assert_array_equal(again.bits, found.bits)


def test_unknown_characters_are_counted_skipped_or_refused(tiny_run: Path) -> None:
    assert textgen.score("a\u4e2d\u4e2d").unknown == 2
    skipped = textgen.score("a\u4e2db", on_unknown="skip")
    assert (skipped.text, len(skipped.bits)) == ("ab", 2)
    with pytest.raises(UnknownCharacterError):
        textgen.score("\u4e2d", on_unknown="error")
    with pytest.raises(UsageError, match="the model knows no character of the text"):
        textgen.score("\u4e2d", on_unknown="skip")


def test_nothing_and_no_text_are_refused(tiny_run: Path) -> None:
    with pytest.raises(UsageError, match="the text is empty; there is nothing to score"):
        textgen.score("")
    with pytest.raises(SettingError, match="text must be a text, got 3"):
        textgen.score(3)  # type: ignore[arg-type]


def test_a_network_of_both_directions_is_refused(two_way_run: Path) -> None:
    with pytest.raises(UsageError, match=r"textgen\.score needs a run that reads forward"):
        textgen.score("fox", "two-ways")


def test_labels_change_the_score(labelled_run: Path) -> None:
    low, high = (
        textgen.score("abca", "kinds", labels={"kind": kind}).bits.sum() for kind in ("low", "high")
    )
    assert low < high
