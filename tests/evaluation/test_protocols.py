import math
from collections.abc import Iterator
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from textgen.evaluation.protocols import (
    CHUNK,
    WINDOW,
    DynamicEvaluator,
    DynamicSettings,
    Evaluator,
    Learner,
    bits_per_character,
)
from textgen.network.model import create_model, zero_states
from textgen.runtime.devices import make_mesh
from textgen.settings import ModelSettings

MODEL = ModelSettings(vocab_size=7, embedding_size=5, hidden_size=6, num_layers=2, dropout_rate=0.5)
TOKENS = np.random.default_rng(0).integers(1, 7, 700).astype(np.uint8)


@cache
def model() -> Any:
    apply, parameters = create_model(MODEL, seed=0)
    sharper = {name: 3 * np.asarray(array) for name, array in parameters.items()}
    return jax.jit(apply), sharper


def nats(tokens: np.ndarray) -> np.ndarray:
    """The loss of every character but the first, read at one go: the slow, obvious way."""
    apply, parameters = model()
    inputs = jnp.asarray(tokens[None, :-1], jnp.int32)
    logits, _ = apply(parameters, inputs, zero_states(MODEL, 1))
    log_probabilities = np.asarray(jax.nn.log_softmax(logits[:, 0].astype(jnp.float32)))
    return -log_probabilities[np.arange(len(tokens) - 1), tokens[1:]]


@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("length", [2, CHUNK, CHUNK + 1, 700])
def test_the_stream_loss_is_the_mean_over_the_whole_text(devices: int, length: int) -> None:
    apply, parameters = model()
    evaluator = Evaluator(apply, MODEL, make_mesh(devices, 2))
    found = evaluator.stream(parameters, TOKENS[:length])
    assert found == pytest.approx(float(nats(TOKENS[:length]).mean()), abs=1e-5)


def test_several_streams_count_every_character_once_after_a_lead_in() -> None:
    apply, parameters = model()
    evaluator = Evaluator(apply, MODEL, make_mesh(2, 2))
    # Three pieces of 233; the second and third begin 128 characters early, from the zero state.
    total = nats(TOKENS[:234]).sum()
    total += nats(TOKENS[233 - CHUNK : 467])[CHUNK:].sum()
    total += nats(TOKENS[466 - CHUNK : 700])[CHUNK:].sum()
    found = evaluator.stream(parameters, TOKENS, streams=3)
    assert found == pytest.approx(total / 699, abs=1e-5)


def test_a_limit_scores_the_beginning_of_each_piece() -> None:
    apply, parameters = model()
    evaluator = Evaluator(apply, MODEL, make_mesh(1, 1))
    total = nats(TOKENS[:51]).sum() + nats(TOKENS[350 - CHUNK : 401])[CHUNK:].sum()
    found = evaluator.stream(parameters, TOKENS, streams=2, limit=100)
    assert found == pytest.approx(total / 100, abs=1e-5)


@pytest.mark.parametrize("length", [131, 201, 700])
def test_a_short_text_in_many_streams_is_read_from_its_own_start(length: int) -> None:
    apply, parameters = model()
    evaluator = Evaluator(apply, MODEL, make_mesh(2, 2))
    predictions = length - 1
    streams = -(-predictions // CHUNK)
    piece = -(-predictions // streams)
    total = 0.0
    for first in range(0, predictions, piece):
        begin = max(first - CHUNK, 0)
        total += nats(TOKENS[begin : min(first + piece, predictions) + 1])[first - begin :].sum()
    found = evaluator.stream(parameters, TOKENS[:length], streams=64)
    assert found == pytest.approx(total / predictions, abs=1e-5)


@pytest.mark.parametrize("devices", [1, 2])
def test_the_window_loss_starts_again_every_256_characters(devices: int) -> None:
    apply, parameters = model()
    evaluator = Evaluator(apply, MODEL, make_mesh(devices, 2))
    pieces = [nats(TOKENS[at : at + WINDOW + 1]) for at in range(0, 699, WINDOW)]
    assert [len(piece) for piece in pieces] == [256, 256, 187]
    for batch_size in (1, 2, 64):
        found = evaluator.window(parameters, TOKENS, batch_size=batch_size)
        assert found == pytest.approx(float(np.concatenate(pieces).mean()), abs=1e-5)


def test_bits_are_nats_divided_by_ln_2() -> None:
    assert bits_per_character(math.log(8)) == pytest.approx(3)


def slow_dynamic_losses(
    segment_size: int, learner: Learner, training: np.ndarray, text: np.ndarray
) -> np.ndarray:
    """Dynamic evaluation as its paper puts it, one segment after the other."""
    apply, parameters = model()

    def segments(tokens: np.ndarray) -> Iterator[np.ndarray]:
        for begin in range(0, len(tokens) - 1, segment_size):
            yield tokens[begin : begin + segment_size + 1].astype(np.int32)

    def loss(weights: Any, states: Any, segment: np.ndarray) -> Any:
        logits, states = apply(weights, segment[None, :-1], states)
        chosen = jax.nn.log_softmax(logits[:, 0])[jnp.arange(len(segment) - 1), segment[1:]]
        return -jnp.mean(chosen), (states, -chosen)

    gradient = jax.jit(jax.value_and_grad(loss, has_aux=True))
    states, squares = zero_states(MODEL, 1), []
    for segment in segments(training):
        (_, (states, _)), gradients = gradient(parameters, states, segment)
        squares.append({name: np.asarray(g) ** 2 for name, g in gradients.items()})
    roots = {name: np.sqrt(np.mean([s[name] for s in squares], axis=0)) for name in parameters}
    mean = np.mean(np.concatenate([root.ravel() for root in roots.values()]))

    weights, states, losses = dict(parameters), zero_states(MODEL, 1), []
    for segment in segments(text):
        (_, (states, nats)), gradients = gradient(weights, states, segment)
        losses.append(np.asarray(nats))
        for name, root in roots.items():
            step = np.asarray(gradients[name]) / (root + 0.1 * mean)
            back = np.minimum(learner.decay * root / mean, 1)
            moved = weights[name] - learner.learning_rate * step
            weights[name] = moved + back * (parameters[name] - weights[name])
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
    apply, parameters = model()
    pieces = DynamicEvaluator(apply, MODEL, settings).measure(parameters, training, text)
    nats = np.concatenate(list(pieces))
    count, loss = len(nats), float(nats.mean())
    assert count == len(text) - 1
    return loss


def test_dynamic_evaluation_is_that_of_its_papers() -> None:
    learners = Learner(3e-3, 0.05), Learner(0.02, 0.0), Learner(1e-3, 0.2)
    settings = DynamicSettings(segment=7, learners=learners, switch=0.1)
    # Shorter than the text from which mean squares are taken, so that all of it is.
    training, text = TOKENS[:300], TOKENS[300:520]
    dynamic_model = DynamicEvaluator(model()[0], MODEL, settings)
    parameters = model()[1]
    before = {name: array.copy() for name, array in parameters.items()}
    nats = np.concatenate(list(dynamic_model.measure(parameters, training, text)))
    assert len(nats) == len(text) - 1
    expected = np.stack([slow_dynamic_losses(7, learner, training, text) for learner in learners])
    assert np.ptp(expected.mean(axis=1)) > 0.01
    np.testing.assert_allclose(nats, mix_slowly(expected, 0.1), rtol=1e-3, atol=1e-4)
    for name, array in before.items():
        np.testing.assert_array_equal(parameters[name], array)


def test_dynamic_evaluation_that_does_not_move_is_the_stream_loss() -> None:
    settings = DynamicSettings(segment=20, learners=(Learner(0.0, 0.0), Learner(0.0, 0.5)))
    found = dynamic_loss(settings, TOKENS, TOKENS)
    assert found == pytest.approx(float(nats(TOKENS).mean()), abs=1e-5)


def test_dynamic_evaluation_learns_what_a_text_repeats() -> None:
    again = np.tile(TOKENS[:12], 60)
    settings = DynamicSettings(segment=6, learners=(Learner(0.02, 0.0),))
    learnt = dynamic_loss(settings, TOKENS, again)
    assert learnt < 0.6 * float(nats(again).mean())
    # Beside a copy that learns nothing, the average soon follows the one that does.
    both = DynamicSettings(segment=6, learners=(Learner(0.0, 0.0), Learner(0.02, 0.0)))
    assert dynamic_loss(both, TOKENS, again) < 1.1 * learnt
