"""Steps on a text while it is read; tests/evaluation/test_protocols.py checks the formula."""

import numpy as np
import pytest

from tests.networks import random_network
from textgen.network.model import network_function, zero_states
from textgen.training.online import SEGMENTS_AT_ONCE, Learner, OnlineTraining

MODEL, PARAMETERS = random_network()
ONLINE = OnlineTraining(network_function(MODEL), MODEL, 6)
TEXT = np.random.default_rng(3).integers(0, 7, 6 * 5 + 1).astype(np.int32)
LEARNER = Learner(0.01, 0.1)


def bytes_of(arrays: dict[str, object]) -> dict[str, bytes]:
    return {name: np.asarray(array).tobytes() for name, array in arrays.items()}


@pytest.mark.slow
def test_segments_one_by_one_give_the_same_bytes_as_all_at_once() -> None:
    roots = ONLINE.roots(PARAMETERS, TEXT)
    (segments,) = ONLINE.cut(TEXT)
    whole, _, losses = ONLINE.adapt(
        PARAMETERS, zero_states(MODEL, 1), PARAMETERS, roots, segments, LEARNER
    )
    weights, states, found = PARAMETERS, zero_states(MODEL, 1), []
    for number in range(len(segments)):
        one = segments[number : number + 1]
        weights, states, nats = ONLINE.adapt(weights, states, PARAMETERS, roots, one, LEARNER)
        found.append(np.asarray(nats))
    assert bytes_of(weights) == bytes_of(whole)
    assert np.concatenate(found).tobytes() == np.asarray(losses).tobytes()
    assert bytes_of(weights) != bytes_of(PARAMETERS)


def test_reading_gives_the_losses_of_steps_of_no_size() -> None:
    roots = ONLINE.roots(PARAMETERS, TEXT)
    (segments,) = ONLINE.cut(TEXT)
    states, nats = ONLINE.read(PARAMETERS, zero_states(MODEL, 1), segments)
    weights, after, losses = ONLINE.adapt(
        PARAMETERS, zero_states(MODEL, 1), PARAMETERS, roots, segments, Learner(0.0, 0.0)
    )
    np.testing.assert_allclose(nats, losses, atol=1e-6)
    np.testing.assert_allclose(states[1].hidden, after[1].hidden, atol=1e-6)
    assert bytes_of(weights) == bytes_of(PARAMETERS)


def test_segments_share_an_id_and_the_last_may_be_shorter() -> None:
    tokens = np.arange(6 * SEGMENTS_AT_ONCE + 9)
    first, second, rest = ONLINE.cut(tokens)
    assert first.shape == (SEGMENTS_AT_ONCE, 7)
    assert second.tolist() == [[*range(6 * SEGMENTS_AT_ONCE, 6 * SEGMENTS_AT_ONCE + 7)]]
    assert rest.tolist() == [[*tokens[-3:]]]


def test_the_mean_squares_can_be_interrupted() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        ONLINE.roots(PARAMETERS, TEXT, stop)
