"""Copies found by an index are those that a search of the whole text finds."""

from typing import Any

import numpy as np
import pytest

from tests.data.indexes import index_of
from textgen.data import text_index
from textgen.generation import copies
from textgen.generation.copies import find_copies, longest_copies
from textgen.generation.copy_measures import indexed_copies, longest_indexed_copies

Tokens = np.ndarray[Any, Any]


def texts_of(training: Tokens, seed: int) -> list[Tokens]:
    """Texts that are pieces of the training text of many lengths, and new ones."""
    random, texts = np.random.default_rng(seed), []
    for length in (0, 1, 5, 8, 9, 10, 11, 14, 15, 16, 19, 20, 21, 40, 200):
        begin = int(random.integers(0, len(training) - 200))
        new = random.integers(1, int(training.max()) + 1, 30)
        texts.append(np.concatenate([new[:10], training[begin : begin + length], new[10:]]))
        texts.append(training[begin : begin + length].astype(np.int64))
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("most_pairs", [20, 2**22])
@pytest.mark.parametrize("symbols", [1, 2, 30])
def test_an_index_finds_what_a_search_finds(
    symbols: int, most_pairs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_index, "MOST_PAIRS", most_pairs)
    training = np.random.default_rng(1).integers(1, symbols + 1, 600).astype(np.uint8)
    training[300:500] = training[:200]
    texts = texts_of(training, symbols)
    index = index_of(training, 8)
    found = indexed_copies(index, texts, 20)
    for one, other in zip(found, find_copies(training, texts, 20), strict=True):
        assert one.tolist() == other.tolist()
    expected = longest_copies(training, texts)
    assert longest_indexed_copies(index, training, texts, most_searched=600) == expected
    known = longest_indexed_copies(index, training, texts, most_searched=599)
    assert known == [length if length >= 10 else None for length in expected]


class Counting:
    """Ids that count how often a part of them is read."""

    def __init__(self, ids: Tokens) -> None:
        self.ids, self.nbytes, self.reads = ids, ids.nbytes, 0

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Tokens:
        return self.ids

    def __getitem__(self, index: Any) -> Any:
        self.reads += 1
        return self.ids[index]


def test_a_search_ends_when_all_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "CHUNK", 50)
    training = Counting(np.arange(1, 1001, dtype=np.uint16))
    text = training.ids[60:90]
    assert find_copies(training, [text], 5)[0].all()
    assert training.reads == 2  # it is in the second chunk
    assert longest_copies(training, [text], most=7) == [7]


def test_the_search_for_the_longest_copy_ends_with_the_first_copy_of_each_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(copies, "CHUNK", 100)
    ids = np.random.default_rng(1).integers(1, 21, 2000)
    old, new = ids[:30], np.full(30, 21)
    mixed = np.concatenate([old, new])
    for texts, one_each, reads in (
        ([mixed], False, 20),  # most of its runs stand nowhere
        ([mixed], True, 1),
        ([old, mixed], True, 1),
        ([old, new], True, 20),
    ):
        training = Counting(ids)
        found = find_copies(training, texts, 10, one_each=one_each)
        assert [each.any() for each in found] == [text is not new for text in texts]
        assert training.reads == reads
