import math
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import random_network
from textgen.data.labels import PlacedLabels
from textgen.evaluation.protocols import (
    CHUNK,
    WINDOW,
    DynamicEvaluator,
    DynamicSettings,
    Evaluator,
    bits_per_character,
)
from textgen.network.model import network_function, zero_states
from textgen.network.parameters import with_labels
from textgen.runtime.devices import make_mesh
from textgen.training.online import Learner

MODEL, PARAMETERS = random_network(hidden_size=6, dropout_rate=0.5)
APPLY = jax.jit(network_function(MODEL))
TOKENS = np.random.default_rng(0).integers(1, 7, 700).astype(np.uint8)
# Length to which texts are filled up, so that reading them is compiled once.
LONGEST = 768


@jax.jit
def log_probabilities(inputs: Any) -> Any:
    logits, _ = APPLY(PARAMETERS, inputs[None], zero_states(MODEL, 1))
    return jax.nn.log_softmax(logits[:, 0])


def nats(tokens: np.ndarray) -> np.ndarray:
    """Return the loss of every character but the first, read at one go: the slow, obvious way."""
    inputs = np.zeros(LONGEST, np.int32)
    inputs[: len(tokens) - 1] = tokens[:-1]
    return -np.asarray(log_probabilities(inputs))[np.arange(len(tokens) - 1), tokens[1:]]


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("length", [2, CHUNK, CHUNK + 1, 700])
def test_the_stream_loss_is_the_mean_over_the_whole_text(devices: int, length: int) -> None:
    evaluator = Evaluator(APPLY, MODEL, make_mesh(devices, 2))
    found = evaluator.stream(PARAMETERS, TOKENS[:length])
    assert found == pytest.approx(float(nats(TOKENS[:length]).mean()), abs=1e-5)


def test_several_streams_count_every_character_once_after_a_lead_in() -> None:
    evaluator = Evaluator(APPLY, MODEL, make_mesh(2, 2))
    # Three pieces of 233; the second and third begin 128 characters early, from the zero state.
    total = nats(TOKENS[:234]).sum()
    total += nats(TOKENS[233 - CHUNK : 467])[CHUNK:].sum()
    total += nats(TOKENS[466 - CHUNK : 700])[CHUNK:].sum()
    found = evaluator.stream(PARAMETERS, TOKENS, streams=3)
    assert found == pytest.approx(total / 699, abs=1e-5)


def test_a_limit_scores_the_beginning_of_each_piece() -> None:
    evaluator = Evaluator(APPLY, MODEL, make_mesh(1, 1))
    total = nats(TOKENS[:51]).sum() + nats(TOKENS[350 - CHUNK : 401])[CHUNK:].sum()
    found = evaluator.stream(PARAMETERS, TOKENS, streams=2, limit=100)
    assert found == pytest.approx(total / 100, abs=1e-5)


@pytest.mark.parametrize("length", [131, 201, 700])
def test_a_short_text_in_many_streams_is_read_from_its_own_start(length: int) -> None:
    evaluator = Evaluator(APPLY, MODEL, make_mesh(2, 2))
    predictions = length - 1
    streams = -(-predictions // CHUNK)
    piece = -(-predictions // streams)
    total = 0.0
    for first in range(0, predictions, piece):
        begin = max(first - CHUNK, 0)
        total += nats(TOKENS[begin : min(first + piece, predictions) + 1])[first - begin :].sum()
    found = evaluator.stream(PARAMETERS, TOKENS[:length], streams=64)
    assert found == pytest.approx(total / predictions, abs=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_the_window_loss_starts_again_every_256_characters(devices: int) -> None:
    evaluator = Evaluator(APPLY, MODEL, make_mesh(devices, 2))
    pieces = [nats(TOKENS[at : at + WINDOW + 1]) for at in range(0, 699, WINDOW)]
    assert [len(piece) for piece in pieces] == [256, 256, 187]
    for batch_size in (1, 2, 64):
        found = evaluator.window(PARAMETERS, TOKENS, batch_size=batch_size)
        assert found == pytest.approx(float(np.concatenate(pieces).mean()), abs=1e-5)


def test_bits_are_nats_divided_by_ln_2() -> None:
    assert bits_per_character(math.log(8)) == pytest.approx(3)


def segments(tokens: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for begin in range(0, len(tokens) - 1, size):
        yield tokens[begin : begin + size + 1].astype(np.int32)


@jax.jit
def slow_gradient(weights: Any, states: Any, segment: Any) -> Any:
    """Return the losses of a segment, the states after it, and the gradient of the mean loss."""

    def loss(weights: Any) -> Any:
        logits, after = APPLY(weights, segment[None, :-1], states)
        chosen = jax.nn.log_softmax(logits[:, 0])[jnp.arange(len(segment) - 1), segment[1:]]
        return -jnp.mean(chosen), (-chosen, after)

    gradients, (nats, after) = jax.grad(loss, has_aux=True)(weights)
    return nats, after, gradients


def slow_dynamic_losses(
    size: int, learner: Learner, training: np.ndarray, text: np.ndarray
) -> np.ndarray:
    """Dynamic evaluation as its paper puts it, one segment after the other."""
    states, squares = zero_states(MODEL, 1), []
    for segment in segments(training, size):
        _, states, gradients = slow_gradient(PARAMETERS, states, segment)
        squares.append({name: np.asarray(g) ** 2 for name, g in gradients.items()})
    roots = {name: np.sqrt(np.mean([s[name] for s in squares], axis=0)) for name in PARAMETERS}
    mean = np.mean(np.concatenate([root.ravel() for root in roots.values()]))

    weights, states, losses = dict(PARAMETERS), zero_states(MODEL, 1), []
    for segment in segments(text, size):
        nats, states, gradients = slow_gradient(weights, states, segment)
        losses.append(np.asarray(nats))
        for name, root in roots.items():
            step = np.asarray(gradients[name]) / (root + 0.1 * mean)
            back = np.minimum(learner.decay * root / mean, 1)
            moved = weights[name] - learner.learning_rate * step
            weights[name] = moved + back * (PARAMETERS[name] - weights[name])
    return np.concatenate(losses)


def mix_slowly(losses: np.ndarray, switch: float) -> np.ndarray:
    """Average probabilities with fixed shares, as their paper puts it; losses are [copies, N]."""
    copies, count = losses.shape
    shares, mixed = np.full(copies, 1 / copies), np.empty(count)
    for place, probabilities in enumerate(np.exp(-losses.T.astype(np.float64))):
        probability = shares @ probabilities
        mixed[place] = -np.log(probability)
        shares = (1 - switch) * shares * probabilities / probability + switch / copies
    return mixed


def dynamic_loss(settings: DynamicSettings, training: np.ndarray, text: np.ndarray) -> float:
    pieces = DynamicEvaluator(APPLY, MODEL, settings).measure(PARAMETERS, training, text)
    nats = np.concatenate(list(pieces))
    count, loss = len(nats), float(nats.mean())
    assert count == len(text) - 1
    return loss


# The gradients of the whole training text give the mean squares, since it is this short. Of both
# texts, the last segment of 7 characters is cut short.
TRAINING, TEXT = TOKENS[:300], TOKENS[300:520]


@pytest.mark.slow
def test_dynamic_evaluation_is_that_of_its_papers() -> None:
    learners = Learner(3e-3, 0.05), Learner(0.02, 0.0), Learner(1e-3, 0.2)
    settings = DynamicSettings(segment=7, learners=learners, switch=0.1)
    before = {name: array.copy() for name, array in PARAMETERS.items()}
    evaluator = DynamicEvaluator(APPLY, MODEL, settings)
    nats = np.concatenate(list(evaluator.measure(PARAMETERS, TRAINING, TEXT)))
    assert len(nats) == len(TEXT) - 1
    expected = np.stack([slow_dynamic_losses(7, learner, TRAINING, TEXT) for learner in learners])
    assert np.ptp(expected.mean(axis=1)) > 0.01
    np.testing.assert_allclose(nats, mix_slowly(expected, 0.1), rtol=1e-3, atol=1e-4)
    for name, array in before.items():
        np.testing.assert_array_equal(PARAMETERS[name], array)


@pytest.mark.slow
def test_dynamic_evaluation_that_does_not_move_is_the_stream_loss() -> None:
    settings = DynamicSettings(segment=7, learners=(Learner(0.0, 0.0), Learner(0.0, 0.5)))
    found = dynamic_loss(settings, TRAINING, TEXT)
    assert found == pytest.approx(float(nats(TEXT).mean()), abs=1e-5)


@pytest.mark.slow
def test_dynamic_evaluation_learns_what_a_text_repeats() -> None:
    # Two calls of 64 whole segments, so that one program is compiled.
    again = np.resize(TOKENS[:12], 1 + 2 * 64 * 6)
    settings = DynamicSettings(segment=6, learners=(Learner(0.02, 0.0),))
    learnt = dynamic_loss(settings, TOKENS, again)
    assert learnt < 0.6 * float(nats(again).mean())
    # Beside a copy that learns nothing, the average soon follows the one that does.
    both = DynamicSettings(segment=6, learners=(Learner(0.0, 0.0), Learner(0.02, 0.0)))
    assert dynamic_loss(both, TOKENS, again) < 1.1 * learnt


@pytest.mark.slow
def test_a_text_with_labels_is_measured_document_by_document() -> None:
    settings, parameters = random_network(hidden_size=6, num_labels=3)
    end, ids = 6, [1, 3, 0]
    documents = [TOKENS[at : at + 90] % end for at in (0, 90, 180)]
    tokens = np.array([end, *(one for d in documents for one in (*d, end))], np.uint8)
    placed = PlacedLabels(tokens, end, np.array(ids)[:, None])
    evaluator = Evaluator(network_function(settings), settings, make_mesh(2, 2))
    total, states, begin = 0.0, zero_states(settings, 1), 0
    for document, label in zip(documents, ids, strict=True):
        weights = np.eye(4, dtype=np.float32)[label][1:]
        plain, merged = with_labels(settings, parameters, weights)
        read = tokens[begin : begin + len(document) + 2].astype(np.int32)
        logits, states = network_function(plain)(dict(merged), read[None, :-1], states)
        scores = jax.nn.log_softmax(logits[:, 0])
        total -= float(scores[np.arange(len(read) - 1), read[1:]].sum())
        begin += len(document) + 1
    found = evaluator.stream(parameters, tokens, labels=placed)
    assert found == pytest.approx(total / (len(tokens) - 1), abs=1e-5)
    assert found != pytest.approx(evaluator.stream(parameters, tokens), abs=1e-3)
    short = evaluator.window(parameters, tokens[:257], labels=placed)
    assert short == pytest.approx(evaluator.stream(parameters, tokens[:257], labels=placed))
    part = evaluator.part(parameters, tokens[:100], placed)
    assert part == pytest.approx(evaluator.stream(parameters, tokens[:100], labels=placed))
