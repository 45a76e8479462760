import numpy as np
import pytest

from textgen.data import text_labels as module
from textgen.data.text_labels import TextLabels
from textgen.errors import CorpusError


def test_values_are_numbered_as_they_appear_and_an_empty_one_is_left_out() -> None:
    labels = TextLabels(["author", "year"])
    for pair in (("b", "1851"), ("a", ""), (" b ", "1813")):
        labels.add(pair, "t.csv")
    assert [list(values) for values in labels.values] == [["b", "a"], ["1851", "1813"]]
    np.testing.assert_array_equal(labels.numbers(), [[1, 1], [2, 0], [1, 2]])
    np.testing.assert_array_equal(labels.only(np.array([2, 0])).numbers(), [[1, 2], [1, 1]])


def test_composed_and_decomposed_letters_are_one_value() -> None:
    labels = TextLabels(["author"])
    for value in ("Zo\u00eb", "Zoe\u0308"):
        labels.add((value,), "t.csv")
    assert labels.numbers().tolist() == [[1], [1]]


def test_a_field_that_is_no_label_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CorpusError, match="'text' has a value of 101 characters, at most 100"):
        TextLabels(["text"]).add(("x" * 101,), "t.csv")
    monkeypatch.setattr(module, "MAX_LABELS", 3)
    labels = TextLabels(["color", "id"])
    labels.add(("red", "1"), "t.csv")
    labels.add(("red", "2"), "t.csv")
    with pytest.raises(CorpusError, match=r"'id' has 3 different values, and all .* may have 3"):
        labels.add(("red", "3"), "t.csv")


def test_the_texts_of_each_value_are_counted() -> None:
    labels = TextLabels(["author", "year"])
    for pair in (("b", "1851"), ("a", ""), ("b", "1813")):
        labels.add(pair, "t.csv")
    author, year = labels.fields()
    assert (author.values, author.documents) == (("a", "b"), (1, 2))
    assert (year.values, year.documents) == (("1813", "1851"), (1, 1))
    assert TextLabels([]).fields() == ()
