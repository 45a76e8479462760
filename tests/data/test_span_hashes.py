import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data import span_hashes as module
from textgen.data.span_hashes import span_hashes

TEXTS = st.lists(st.lists(st.integers(0, 3), max_size=6), min_size=1, max_size=12)


@pytest.mark.slow
@given(TEXTS, st.sampled_from([1, 4, 9, 2**20]))
def test_hashes_are_equal_where_the_stretches_are(texts: list[list[int]], at_once: int) -> None:
    ids = np.array([one for text in texts for one in text] or [0], np.uint8)
    sizes = np.array(list(map(len, texts)))
    ends = np.cumsum(sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_ONCE", at_once)
        hashes = span_hashes(ids, np.stack([ends - sizes, ends], axis=1), 4).tolist()
    for one, first in zip(texts, hashes, strict=True):
        for other, second in zip(texts, hashes, strict=True):
            assert (one == other) == (first == second)


def test_a_stretch_has_the_same_hash_alone_and_among_others() -> None:
    ids = np.random.default_rng(0).integers(0, 50, 5000).astype(np.uint16)
    spans = np.array([[0, 3000], [3000, 3001], [3001, 5000]])
    together = span_hashes(ids, spans, 50)
    assert together.tolist() == [int(span_hashes(ids, spans[n : n + 1], 50)[0]) for n in range(3)]


@pytest.mark.parametrize("at_once", [7, 2**20])
def test_a_hash_is_the_polynomial_of_its_ids(at_once: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    ids = np.random.default_rng(0).integers(0, 9, 100).astype(np.uint8)
    weights = np.random.default_rng(0).integers(1, 2**63, 9, np.uint64).tolist()
    spans = np.array([[3, 3], [3, 20], [45, 46], [46, 99], [100, 100]])
    for (begin, end), found in zip(spans.tolist(), span_hashes(ids, spans, 9), strict=True):
        terms = (weights[one] * module.BASE**i for i, one in enumerate(ids[begin:end].tolist()))
        assert int(found) == (end - begin + sum(terms)) % 2**64
