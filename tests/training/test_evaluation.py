import math
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from textgen.network.model import create_model, zero_states
from textgen.settings import ModelSettings
from textgen.training.devices import make_mesh
from textgen.training.evaluation import CHUNK, WINDOW, Evaluator, bits_per_character

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
