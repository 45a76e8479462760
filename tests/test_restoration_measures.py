"""What the benchmark of both directions counts: planted mistakes, and how right suggestions are."""

import numpy as np
import pytest
from restoration_measures import mean_of, mended, plant, precision, windows

from textgen.restoration.mistakes import Kind, Mistake


def suggestion(
    position: int, kind: Kind, found: tuple[int, ...], meant: tuple[int, ...]
) -> Mistake:
    return Mistake(position, kind, found, meant, 1.0, 1.0)


def test_planted_mistakes_are_mended_by_their_corrections() -> None:
    source = np.random.default_rng(0)
    text = source.integers(1, 20, 20_000).astype(np.int32)
    damaged, planted = plant(text, 20, seed=1)
    assert 80 <= len(planted) <= 120
    assert {one.kind for one in planted} == {"wrong", "missing", "added", "swapped"}
    whole = damaged
    for one in reversed(planted):
        end = one.position + len(one.found)
        assert whole[one.position : end].tolist() == [*one.found]
        whole = np.concatenate([whole[: one.position], np.int32([*one.meant]), whole[end:]])
    assert np.array_equal(whole, text)


def test_precision_counts_until_half_of_the_mistakes_are_found() -> None:
    text = np.arange(100, dtype=np.int32)
    planted = [
        suggestion(10, "wrong", (10,), (50,)),
        suggestion(40, "added", (40,), ()),
        suggestion(70, "missing", (), (5,)),
        suggestion(90, "swapped", (90, 91), (91, 90)),
    ]
    right, misplaced = planted[0], suggestion(30, "wrong", (30,), (1,))
    wrong_meaning = suggestion(41, "wrong", (41,), (9,))
    # Two of three suggestions are at the place of a mistake, and one of three corrects it.
    assert precision(text, planted, [right, misplaced, wrong_meaning]) == [1 / 3, 2 / 3]
    # What comes after half of them were found does not count.
    assert precision(text, planted, [right, planted[1], misplaced]) == [1.0, 1.0]
    assert precision(text, planted, [right, right]) == []


def test_a_correction_written_another_way_is_as_right() -> None:
    text = np.array([1, 2, 2, 3], np.int32)
    first, second = (suggestion(at, "added", (2,), ()) for at in (1, 2))
    assert mended(text, first, 0, 4) == mended(text, second, 0, 4)


def test_the_mean_and_the_share_that_is_right() -> None:
    logits = np.log([[[0.5, 0.25, 0.25]], [[0.25, 0.25, 0.5]]])
    found = mean_of(logits, np.array([[0], [1]], np.int32))
    assert found.nats == pytest.approx((np.log(2) + np.log(4)) / 2)
    assert (found.right, found.characters) == (0.5, 2)


def test_windows_are_scored_once_each_with_what_stands_before() -> None:
    text = np.arange(1000, dtype=np.int32)
    ids, is_scored = windows(text)
    assert ids.shape == (384, 3)
    assert ids[is_scored].T.ravel().tolist() == [*range(128, 896)]
