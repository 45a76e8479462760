import hashlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.labels import (
    LABEL_DTYPE,
    LabelField,
    PlacedLabels,
    format_shares,
    label_shares,
    label_weights,
    labels_path,
    named,
    open_labels,
    typed_labels,
)
from textgen.errors import DamagedError, UsageError

AUTHOR = LabelField("author", ("austen", "melville", "a,b", "c:2"), (5, 4, 1, 1))
YEAR = LabelField("year", ("1813", "1851"), (5, 6))
FIELDS = (AUTHOR, YEAR)
END = 3


def test_weights_stand_in_the_order_of_the_ids() -> None:
    shares = label_shares(FIELDS, {"year": "1851", "author": {"melville": 3, "austen": 1}})
    np.testing.assert_array_equal(label_weights(FIELDS, shares), [0.25, 0.75, 0, 0, 0, 1])
    assert label_weights(FIELDS, {}).sum() == 0


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2).filter(sum))
def test_the_shares_of_a_mixture_are_proportions_that_add_up_to_one(weights: list[float]) -> None:
    given = dict(zip(("austen", "melville"), weights, strict=True))
    shares = label_shares(FIELDS, {"author": given})["author"]
    assert sum(shares.values()) == pytest.approx(1)
    for name, weight in given.items():
        assert shares.get(name, 0) * sum(weights) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("typed", "weights"),
    [
        ("author=austen", [1, 0, 0, 0]),
        ("author=austen:3, melville:1", [0.75, 0.25, 0, 0]),
        ("author=austen,melville", [0.5, 0.5, 0, 0]),
        ("author=a,b", [0, 0, 1, 0]),  # a value with a comma of its own
        ("author=c:2,austen:1", [0.5, 0, 0, 0.5]),  # a value with a colon of its own
        ("author=austen:0.5", [1, 0, 0, 0]),
    ],
)
def test_labels_are_read_as_they_are_typed(typed: str, weights: list[float]) -> None:
    shares = typed_labels(FIELDS, [typed])
    np.testing.assert_allclose(label_weights(FIELDS, shares), [*weights, 0, 0])


def test_shares_are_shown_in_percent() -> None:
    typed = ["author=austen:1,melville:2", "year=1813"]
    shown = ["author=austen 33.3 %, melville 66.7 %", "year=1813"]
    assert format_shares(typed_labels(FIELDS, typed)) == shown


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (["austen"], "a label is written FIELD=VALUE, got 'austen'"),
        (["author="], "a label is written FIELD=VALUE"),
        (["autor=austen"], "there is no label 'autor'; this run has author, year"),
        (["author=Melvile"], "author has no value 'Melvile'; .* with melville, austen, a,b, c:2$"),
        (["author=austen:0"], "the weights of author must be at least 0, and one of them above 0"),
        (["author=austen,austen:2"], "the value 'austen' of author is given twice"),
        (["year=1813", "year=1851"], "the label 'year' is given twice; mix values"),
    ],
)
def test_labels_that_there_are_not_are_refused_in_one_line(typed: list[str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        typed_labels(FIELDS, typed)


def test_a_run_without_labels_says_so() -> None:
    with pytest.raises(UsageError, match="trained without labels; train with --label"):
        typed_labels((), ["author=austen"])
    assert typed_labels((), []) == {}


def test_weights_that_are_no_numbers_are_refused() -> None:
    for weights in ({"austen": -1.0, "melville": 2.0}, {"austen": float("nan")}, {}):
        with pytest.raises(UsageError, match="must be at least 0"):
            label_shares(FIELDS, {"author": weights})


def test_a_message_names_what_is_near_first_and_counts_the_rest() -> None:
    names = [f"writer {number}" for number in range(20)] + ["Zola"]
    listed = named(names, "zola")
    assert listed.startswith("Zola, writer 0, ")
    assert listed.endswith("and 13 more")


def test_a_position_has_the_labels_of_its_document_and_so_has_the_end_symbol_before_it() -> None:
    tokens = np.array([END, 1, 2, END, END, 1, END], np.uint8)
    placed = PlacedLabels(tokens, END, np.array([[1, 5], [2, 0], [3, 6]]))
    found = placed.at(np.arange(7)).tolist()
    assert found == [[1, 5], [1, 5], [1, 5], [2, 0], [3, 6], [3, 6], [0, 0]]
    np.testing.assert_array_equal(placed.at(np.array([[5], [0]])), [[[3, 6]], [[1, 5]]])


def test_a_file_of_labels_is_read_whole_or_not_at_all(tmp_path: Path) -> None:
    path = labels_path(tmp_path / "corpus.tokens")
    labels = np.array([[1, 5], [2, 0]], LABEL_DTYPE)
    path.write_bytes(labels.tobytes())
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    np.testing.assert_array_equal(open_labels(path, 2, FIELDS, sha256), labels)
    with pytest.raises(DamagedError, match="8 bytes, expected 12"):
        open_labels(path, 3, FIELDS, sha256)
    with pytest.raises(DamagedError, match="a label that the run does not have"):
        open_labels(path, 2, (AUTHOR, LabelField("none", (), ())), sha256)
    path.write_bytes(labels[::-1].tobytes())
    with pytest.raises(DamagedError, match="SHA-256"):
        open_labels(path, 2, FIELDS, sha256)
    path.unlink()
    with pytest.raises(DamagedError, match="missing"):
        open_labels(path, 2, FIELDS, sha256)


def test_a_field_survives_json_and_a_broken_one_is_refused() -> None:
    assert LabelField.from_json(AUTHOR.to_json()) == AUTHOR
    for change in ({"values": ["a", "a", "b", "c"]}, {"documents": [1]}, {"name": 3}):
        with pytest.raises(ValueError, match="bad labels"):
            LabelField.from_json(AUTHOR.to_json() | change)
