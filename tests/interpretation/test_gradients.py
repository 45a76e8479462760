import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import random_network
from textgen.generation.numpy_engine import NumpyEngine
from textgen.interpretation import gradients
from textgen.interpretation.gradients import LEAD, GradientNorms, measure_gradients
from textgen.network.model import network_function, zero_states
from textgen.training.loss import cross_entropy


def norms(values: list[float]) -> GradientNorms:
    return GradientNorms(np.array(values), np.array([values]), 1)


@pytest.mark.slow
@pytest.mark.parametrize(("cell", "projected"), [("lstm", "all"), ("gru", "last"), ("rnn", "last")])
def test_the_norms_are_those_of_automatic_differentiation(
    cell: str, projected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gradients, "ROWS", 3)
    settings, parameters = random_network(cell=cell, projected=projected)
    tokens = np.random.default_rng(2).integers(0, 7, LEAD + 40).astype(np.uint8)
    found = measure_gradients(settings, parameters, tokens, reach=4, places=1)
    assert found.places == 3
    apply = network_function(settings)
    read = jax.jit(apply)
    weights = {name: jnp.asarray(array) for name, array in parameters.items()}

    def loss(push: jax.Array, states: Any, rest: jax.Array, target: jax.Array) -> jax.Array:
        pushed = tuple(
            state._replace(hidden=state.hidden + push[layer]) for layer, state in enumerate(states)
        )
        logits, _ = apply(weights, rest[None], pushed)
        return cross_entropy(logits[-1, 0], target)

    gradient = jax.jit(jax.grad(loss))
    for back in (1, 4):
        expected = []
        for start in (0, 17, 34):
            window = jnp.asarray(tokens[start : start + LEAD + 6], jnp.int32)
            split = LEAD + 5 - back
            _, states = read(weights, window[None, :split], zero_states(settings, 1))
            push = jnp.zeros((2, settings.hidden_size))
            expected.append(gradient(push, states, window[split:-1], window[-1]))
        each = np.linalg.norm(expected, axis=-1)  # [positions, layers]
        assert found.layers[:, back] == pytest.approx(each.mean(axis=0), rel=1e-4)
        together = np.linalg.norm(each, axis=-1)
        assert found.norms[back] == pytest.approx(together.mean(), rel=1e-4)


@pytest.mark.slow
def test_at_its_own_character_the_gradient_is_that_of_the_softmax() -> None:
    settings, parameters = random_network(num_layers=1)
    tokens = np.zeros(LEAD + 4, np.uint8)
    found = measure_gradients(settings, parameters, tokens, reach=2, places=1)
    engine = NumpyEngine(settings, parameters)
    logits = engine.logits(engine.read(np.zeros(LEAD + 3, np.int32), engine.zero_states()))
    error = np.exp(logits) / np.exp(logits).sum() - np.eye(7)[0]
    expected = np.linalg.norm(parameters["projection.kernel"] @ error)
    assert found.norms[0] == pytest.approx(expected, rel=1e-4)


def test_what_has_nearly_vanished_is_still_measured() -> None:
    settings, parameters = random_network(cell="rnn", num_layers=1)
    parameters["layers.0.recurrent_kernel"] *= np.float32(1e-6)
    tokens = np.random.default_rng(2).integers(0, 7, LEAD + 40).astype(np.uint8)
    found = measure_gradients(settings, parameters, tokens, reach=5, places=1)
    assert 1e-33 < found.norms[5] < 1e-27  # its square is 0 in float32


def test_half_lives_are_read_between_two_characters() -> None:
    halving = norms([9.0, *(8.0 * 0.5**k for k in range(10))])
    assert halving.half_life == pytest.approx(2)
    assert halving.characters_until(0.25) == pytest.approx(3)
    assert halving.characters_until(2**-1.5) == pytest.approx(2.5)
    assert norms([1.0, 1.0, 0.9, 0.9]).half_life == math.inf
    assert norms([1.0, 1.0, 0.0, 0.0]).half_life < 2
