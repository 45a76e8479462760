import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.indexes import index_of, longest_by_search, longest_of
from textgen.data import text_index
from textgen.data.sorted_entries import STEPS, step_for

SMALL = st.lists(st.integers(0, 2), min_size=1, max_size=80)
# Some texts repeat themselves, as lists and tables do.
TEXTS = SMALL | st.tuples(st.lists(st.integers(0, 2), min_size=1, max_size=9)).map(
    lambda one: one[0] * 12
)


@st.composite
def queries(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Draw a text, and a query that holds a part of it; -1 stands for what is unknown."""
    text = draw(TEXTS)
    begin = draw(st.integers(0, len(text)))
    part = text[begin : begin + draw(st.integers(0, 40))]
    before, after = (draw(st.lists(st.integers(-1, 2), max_size=25)) for _ in range(2))
    return text, before + part + after


def arrays(text: list[int], query: list[int]) -> tuple[np.ndarray, np.ndarray]:
    asked = np.array(query, np.int64)
    asked[asked == 0] = -1  # the id 0 is that of the unknown character
    return np.array(text, np.uint8), asked


@pytest.mark.slow
@given(queries(), st.integers(1, 24))
def test_stretches_are_those_that_a_search_without_an_index_finds(
    drawn: tuple[list[int], list[int]], least: int
) -> None:
    ids, query = arrays(*drawn)
    matches = index_of(ids, step_for(least)).find(query, least)
    assert not matches.is_frequent.any()
    expected = longest_by_search(ids, query, least)
    assert longest_of(matches, len(query)).tolist() == expected.tolist()
    for begin, end, position in zip(matches.begins, matches.ends, matches.positions, strict=True):
        assert ids[position : position + end - begin].tolist() == query[begin:end].tolist()
        wider = (matches.begins <= begin) & (matches.ends >= end)
        assert (matches.ends - matches.begins)[wider].tolist() == [end - begin] * wider.sum()


@pytest.mark.slow
@pytest.mark.parametrize("most", [0, 12])
def test_every_copied_id_is_found_where_not_all_places_are_followed(
    most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "MOST_PAIRS", most)
    frequent = 0

    @given(queries(), st.integers(1, 24))
    def check(drawn: tuple[list[int], list[int]], least: int) -> None:
        nonlocal frequent
        ids, query = arrays(*drawn)
        matches = index_of(ids, step_for(least)).find(query, least)
        frequent += int(matches.is_frequent.any())
        expected, found = longest_by_search(ids, query, least), longest_of(matches, len(query))
        assert (found > 0).tolist() == (expected > 0).tolist()
        assert (found <= expected).all()

    check()
    assert frequent > 5


@pytest.mark.parametrize("step", STEPS)
def test_a_stretch_of_the_least_length_is_found_and_one_less_is_not(step: int) -> None:
    ids = np.random.default_rng(1).integers(1, 200, 400).astype(np.uint8)
    least = 20
    for begin in range(100, 100 + step):
        for size in (least, least - 1):
            query = np.concatenate([[-1], ids[begin : begin + size], [-1]]).astype(np.int64)
            found = index_of(ids, step).find(query, least)
            expected = [(1, 1 + least, begin)] if size == least else []
            pairs = zip(found.begins, found.ends, found.positions, strict=True)
            assert [tuple(map(int, one)) for one in pairs] == expected


def test_all_places_of_a_stretch_are_told_in_order() -> None:
    part = np.arange(1, 31)
    ids = np.concatenate([[40], part, [41], part, [42, 43], part, [44]]).astype(np.uint8)
    found = index_of(ids, 8).find(part.astype(np.int64), 20)
    assert found.positions.tolist() == [1, 32, 64]
    assert set(found.begins) == {0}
    assert set(found.ends) == {30}


def test_the_text_itself_is_one_stretch() -> None:
    ids = np.random.default_rng(2).integers(1, 5, 3000).astype(np.uint16)
    found = index_of(ids, 8).find(ids.astype(np.int64), 20)
    assert (found.begins.tolist(), found.ends.tolist()) == ([0], [3000])


@pytest.mark.parametrize("size", [0, 1, 19])
def test_a_query_shorter_than_a_stretch_has_none(size: int) -> None:
    ids = np.arange(1, 100).astype(np.uint8)
    found = index_of(ids, 8).find(ids[:size].astype(np.int64), 20)
    assert len(found.begins) == 0


def test_a_long_query_is_looked_up_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = np.random.default_rng(4).integers(1, 4, 500).astype(np.uint8)
    query = np.random.default_rng(5).permutation(np.tile(ids, 2)).astype(np.int64)
    query[100:180] = ids[40:120]
    whole = index_of(ids, 4).find(query, 9)
    monkeypatch.setattr(text_index, "LOOKED_UP", 7)
    parts = index_of(ids, 4).find(query, 9)
    for one, other in zip(whole, parts, strict=True):
        assert one.tolist() == other.tolist()


def test_of_many_places_one_is_followed_for_each_number_of_ids_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(text_index, "MOST_PAIRS", 0)
    query = np.arange(1, 26)  # an entry is at its index 7
    first = [30, *query[:20], 31, 32, 33]  # agrees in 7 ids before the entry and 13 after it
    second = [34, 35, *query[1:], 36, 37, 38, 39, 40, 41]  # agrees in 6 before it and 18 after it
    ids = np.array([*first, *second], np.uint8)
    found = index_of(ids, 8).find(query.astype(np.int64), 20)
    assert found.is_frequent.any()
    assert (found.begins.tolist(), found.ends.tolist()) == ([0, 1], [20, 25])
