from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jax
import numpy as np
import pytest

from tests.networks import random_network
from textgen.generation.filters import softmax
from textgen.generation.numpy_engine import NumpyEngine
from textgen.serve.loops import Loops, Pace
from textgen.serve.reading import MOST_LOGITS, Reader, piece_size
from textgen.serve.weights import LEAST_DIVIDED, Weights, mesh_for
from textgen.settings import CellName

SOURCE = np.random.default_rng(2)


def read_all(
    weights: Weights, texts: Sequence[Any], *, is_scored: bool
) -> tuple[list[Any], list[Any], list[Any]]:
    """Read texts to their ends; return their states, log-probabilities and likeliest characters."""
    with ThreadPoolExecutor(1) as executor:
        loops = Loops(executor, lambda: None)
        reader = Reader(loops, Pace())
        states: list[Any] = [weights.zero_states()] * len(texts)
        done = [0] * len(texts)
        logprobs: list[list[float]] = [[] for _ in texts]
        tops: list[list[dict[int, float]]] = [[] for _ in texts]
        while left := [n for n, text in enumerate(texts) if done[n] < len(text)]:
            rows = [(texts[n][done[n] :], states[n]) for n in left]
            pieces = reader.read(weights, rows, 0.001, is_scored=is_scored)
            for n, piece in zip(left, pieces, strict=False):
                done[n] += piece.length
                states[n] = piece.states
                logprobs[n] += piece.logprobs.tolist()
                tops[n] += [
                    dict(zip(ids.tolist(), found.tolist(), strict=True))
                    for ids, found in zip(piece.top, piece.top_logprobs, strict=True)
                ]
    return states, logprobs, tops


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 3, 20])
@pytest.mark.parametrize("is_scored", [False, True])
def test_texts_of_different_lengths_are_read_side_by_side(count: int, is_scored: bool) -> None:
    settings, parameters = random_network(hidden_size=6, projected="all")
    weights, engine = Weights(settings, parameters, "a"), NumpyEngine(settings, parameters)
    texts = [SOURCE.integers(0, 7, 1 + 31 * n % 101).astype(np.int32) for n in range(count)]
    states, logprobs, tops = read_all(weights, texts, is_scored=is_scored)
    for text, state, own, top in zip(texts, states, logprobs, tops, strict=True):
        nats, after = engine.read_scored(text, engine.zero_states())
        for one, other in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
            np.testing.assert_allclose(one, other, atol=1e-5)
        if is_scored:
            np.testing.assert_allclose(own, -nats, atol=1e-5)
            assert all(sum(map(np.exp, place.values())) == pytest.approx(1) for place in top)
        else:
            assert own == top == []


@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_the_likeliest_characters_are_those_of_the_network(cell: CellName) -> None:
    settings, parameters = random_network(cell=cell, vocab_size=30)
    weights, engine = Weights(settings, parameters, "a"), NumpyEngine(settings, parameters)
    text = SOURCE.integers(0, 30, 9).astype(np.int32)
    _, _, (top,) = read_all(weights, [text], is_scored=True)
    state = engine.zero_states()
    for token, place in zip(text, top, strict=True):
        chances = softmax(engine.logits(state))
        likeliest = np.argsort(-chances)[:20]
        assert [*place] == likeliest.tolist()
        np.testing.assert_allclose(np.exp([*place.values()]), chances[likeliest], rtol=1e-4)
        state = engine.read(np.array([token]), state)


def test_a_large_vocabulary_is_scored_in_short_pieces() -> None:
    settings, parameters = random_network(vocab_size=2**17, hidden_size=2)
    weights = Weights(settings, parameters, "a")
    for rows in (1, 16, 256):
        size = piece_size(weights, rows, is_scored=True)
        assert size == max(MOST_LOGITS // 2**17 // rows, 1)
        assert piece_size(weights, rows, is_scored=False) >= size


def test_few_rows_and_large_networks_stay_on_one_device() -> None:
    settings, _ = random_network()
    large, _ = random_network(hidden_size=512)
    assert mesh_for(settings, LEAST_DIVIDED).size == 2
    assert mesh_for(settings, LEAST_DIVIDED - 1).size == 1
    assert mesh_for(settings, 64, table_bytes=2**29).size == 1
    assert mesh_for(large, 64).size == 1
