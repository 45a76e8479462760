"""The parameters that cuDNN reads, against JAX's own reference; its results, on a GPU."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.experimental.rnn import lstm_ref, unpack_lstm_weights

from tests.networks import random_network
from textgen.network.cells import LSTM, LSTMState
from textgen.network.cudnn import pack_weights, run_lstm
from textgen.network.model import network_function, zero_states
from textgen.network.products import product
from textgen.network.recurrence import run_cell
from textgen.runtime.accelerators import find_accelerator
from textgen.settings import Computation, Direction

T, B, WIDTH, H = 7, 3, 5, 4
FOUND = find_accelerator()
ON_A_GPU = pytest.mark.skipif(
    FOUND is None or not FOUND.has_cudnn, reason="cuDNN needs an NVIDIA GPU"
)


def problem() -> tuple[Any, ...]:
    random = np.random.default_rng(0)
    shapes = (T, B, WIDTH), (WIDTH, 4 * H), (H, 4 * H), (4 * H,), (B, H), (B, H)
    *arrays, hidden, cell = (jnp.asarray(random.normal(size=one), jnp.float32) for one in shapes)
    return *arrays, LSTMState(hidden, cell)


def by_scan(inputs: Any, input_kernel: Any, recurrent_kernel: Any, bias: Any, state: Any) -> Any:
    return run_cell(LSTM, product(inputs, input_kernel), bias, recurrent_kernel, state)


@pytest.mark.slow
def test_packed_weights_mean_the_same_to_the_reference_of_jax() -> None:
    inputs, input_kernel, recurrent_kernel, bias, state = problem()
    packed = pack_weights(input_kernel, recurrent_kernel, bias)
    assert packed.shape == ((WIDTH + H + 2) * 4 * H,)
    weights = unpack_lstm_weights(packed, WIDTH, H, 1, False)
    found, hidden, cell = lstm_ref(
        inputs.transpose(1, 0, 2),
        state.hidden[None],
        state.cell[None],
        *weights,
        jnp.full(B, T, jnp.int32),
        WIDTH,
        H,
        1,
        0.0,
        False,
    )
    outputs, last = by_scan(*problem())
    np.testing.assert_allclose(found.transpose(1, 0, 2), outputs, atol=1e-6)
    np.testing.assert_allclose(hidden[0], last.hidden, atol=1e-6)
    np.testing.assert_allclose(cell[0], last.cell, atol=1e-6)


@ON_A_GPU
def test_a_layer_on_cudnn_equals_a_scan_and_so_do_its_gradients() -> None:
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(T, B, H)), jnp.float32)

    def differentiated(run: Any) -> Any:
        def loss(*arguments: Any) -> Any:
            outputs, last = run(*arguments)
            total = jnp.sum(outputs * weights) + sum(jnp.sum(jnp.sin(one)) for one in last)
            return total, (outputs, last)

        with jax.default_matmul_precision("highest"):
            return jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3, 4), has_aux=True))(*problem())

    expected, found = (jax.tree.leaves(differentiated(run)) for run in (by_scan, run_lstm))
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@ON_A_GPU
@pytest.mark.parametrize("direction", ["forward", "both"])
def test_a_network_on_cudnn_has_the_logits_and_gradients_of_a_scan(direction: Direction) -> None:
    settings, parameters = random_network(direction=direction, num_layers=2)
    tokens = np.random.default_rng(2).integers(0, 7, (B, T)).astype(np.int32)
    counted = {"count": T - 1} if direction == "both" else {}

    def differentiated(computation: Computation) -> Any:
        apply = network_function(settings, computation)

        def loss(parameters: Any) -> Any:
            logits, states = apply(parameters, tokens, zero_states(settings, B), **counted)
            return jnp.sum(jnp.sin(logits)), (logits, states)

        with jax.default_matmul_precision("highest"):
            return jax.jit(jax.grad(loss, has_aux=True))(parameters)

    expected, found = map(differentiated, (Computation(), Computation("float32", "cudnn")))
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-4)
