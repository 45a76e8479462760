import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.indexes import entries_of
from textgen.data import sorted_entries
from textgen.data.sorted_entries import DEPTH, STEPS, step_for


@pytest.mark.parametrize("dtype", ["<u1", "<u2", "<u4"])
@given(st.lists(st.integers(0, 3), min_size=1, max_size=90), st.sampled_from(STEPS))
def test_entries_are_in_the_order_of_the_ids_after_them(
    dtype: str, tokens: list[int], step: int
) -> None:
    spread = [one * 85 * 257 if dtype != "<u1" else one * 85 for one in tokens]
    ids = np.array(spread, np.int64).astype(dtype)
    padded = [*ids.tolist(), *[0] * DEPTH]
    every = range(0, len(tokens), step)
    expected = sorted(every, key=lambda begin: padded[begin : begin + DEPTH])
    assert (entries_of(ids, step).astype(int) * step).tolist() == expected


def test_entries_that_are_sorted_in_parts_are_in_the_same_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ids = np.random.default_rng(3).integers(0, 3, 700).astype(np.uint8)
    whole = entries_of(ids, 2)
    monkeypatch.setattr(sorted_entries, "AT_ONCE", 16)
    monkeypatch.setattr(sorted_entries, "SAMPLED", 50)
    assert entries_of(ids, 2).tolist() == whole.tolist()


@pytest.mark.parametrize(("least", "step"), [(20, 8), (15, 8), (14, 4), (7, 4), (5, 2), (1, 1)])
def test_the_step_is_the_longest_with_which_a_stretch_holds_a_step(least: int, step: int) -> None:
    assert step_for(least) == step
    assert 2 * step - 1 <= least
