import math
from collections.abc import Iterable
from itertools import product

import numpy as np
import pytest

from tests.networks import TOKENS, random_network
from textgen.data.vocabulary import UNICODE
from textgen.evaluation.scoring import NumpyScorer, charge_unknown, posteriors
from textgen.settings import CellName


def test_with_unknown_characters_the_probabilities_of_all_of_unicode_add_up_to_one() -> None:
    nats = np.full(7, math.log(7), np.float32)
    charged = charge_unknown(nats, np.arange(7, dtype=np.int32), 7).astype(float)
    assert sum(1 for code in range(0x110000) if not 0xD800 <= code < 0xE000) == UNICODE
    others = UNICODE - 6
    assert np.exp(-charged[1:]).sum() + others * np.exp(-charged[0]) == pytest.approx(1, rel=1e-5)
    # Two characters are left of which it may be either.
    unknown = np.zeros(1, np.int32)
    assert charge_unknown(np.zeros(1, np.float32), unknown, UNICODE - 1)[0] == np.float32(
        math.log(2)
    )
    assert charged[0] == pytest.approx(math.log(7) + math.log(others), rel=1e-6)


def test_posteriors_follow_the_theorem_of_bayes() -> None:
    assert posteriors(np.array([1e6, 1e6 + math.log(3)])) == pytest.approx([0.75, 0.25])
    rows = posteriors(np.array([[0.0, math.log(4), 0.0], [5.0, 5000.0, 5.0]]))
    assert rows == pytest.approx(np.array([[4 / 9, 1 / 9, 4 / 9], [0.5, 0, 0.5]]))


def test_pieces_with_the_state_carried_equal_the_whole() -> None:
    whole = NumpyScorer(*random_network(), 3).read(TOKENS)
    scorer = NumpyScorer(*random_network(), 3)
    parts = [scorer.read(TOKENS[begin : begin + 20]) for begin in (0, 20, 40)]
    assert np.array_equal(np.concatenate(parts), whole)
    alone = scorer.read_each([TOKENS[:20], TOKENS[20:40]])
    assert np.array_equal(alone[0], whole[:20])
    assert not np.allclose(alone[1], whole[20:40])


def test_what_is_read_before_the_first_character_decides_how_surprising_it_is() -> None:
    first, second = (NumpyScorer(*random_network(), start).read(TOKENS) for start in (3, 4))
    assert first[0] != second[0]


def test_a_text_that_tells_nothing_leaves_the_priors_and_one_that_tells_multiplies_them() -> None:
    priors = np.array([0.2, 0.8])
    np.testing.assert_allclose(posteriors(np.array([[7.0, 7.0]]), priors), [priors])
    # The first model is four times as likely to write it: 0.2 * 4 = 0.8.
    np.testing.assert_allclose(posteriors(np.array([1.0, 1 + np.log(4)]), priors), [0.5, 0.5])


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_the_probabilities_of_all_documents_sum_to_one(cell: CellName) -> None:
    # Ids: the unknown character, two characters, and the end of a document.
    settings, parameters = random_network(vocab_size=4, cell=cell)
    end, longest = 3, 5
    scorer = NumpyScorer(settings, parameters, start=end)

    def probability(documents: Iterable[tuple[int, ...]]) -> float:
        nats = scorer.read_each([np.array(ids, np.int32) for ids in documents])
        return sum(float(np.exp(-one.sum(dtype=np.float64))) for one in nats)

    total = 0.0
    for length in range(longest + 1):
        total += probability((*ids, end) for ids in product(range(end), repeat=length))
        # What is left are the documents that go on after so many characters.
        longer = probability(product(range(end), repeat=length + 1))
        assert longer < 1
        assert total + longer == pytest.approx(1, abs=1e-5)
    assert total > 0.3  # the bound tells something
