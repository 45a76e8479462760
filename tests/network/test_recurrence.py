"""The recurrence against a plain loop, finite differences and Flax's own cell."""

import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from textgen.network.cells import LSTM, LSTMState
from textgen.network.parameters import gate_scale_row
from textgen.network.recurrence import MAX_ONE_HOT, look_up, run_cell

T, B, H = 7, 3, 5


def problem(seed: int = 0) -> tuple[Any, ...]:
    random = np.random.default_rng(seed)
    projections = random.normal(size=(T, B, 4 * H)).astype(np.float32)
    kernel = random.normal(size=(H, 4 * H)).astype(np.float32)
    state = LSTMState(*random.normal(size=(2, B, H)).astype(np.float32))
    return jnp.asarray(projections), jnp.asarray(kernel), LSTMState(*map(jnp.asarray, state))


def plain_loop(projections: Any, kernel: Any, state: Any) -> Any:
    outputs = []
    for projection in projections:
        state = LSTM.step(projection, state.hidden @ kernel, state)
        outputs.append(state.hidden)
    return jnp.stack(outputs), state


def scalar(run: Any) -> Any:
    """A loss that every output and both members of the last state enter, each with its weight."""
    weights = jnp.asarray(np.random.default_rng(9).normal(size=(T, B, H)), jnp.float32)

    def loss(projections: Any, kernel: Any, state: Any) -> Any:
        outputs, last = run(projections, kernel, state)
        return jnp.sum(outputs * weights) + jnp.sum(last.hidden**2) + jnp.sum(jnp.sin(last.cell))

    return loss


def test_outputs_and_gradients_are_those_of_a_plain_loop() -> None:
    arguments = problem()
    ours = lambda *a: run_cell(LSTM, *a)  # noqa: E731
    for left, right in zip(
        jax.tree.leaves(ours(*arguments)), jax.tree.leaves(plain_loop(*arguments)), strict=True
    ):
        np.testing.assert_allclose(left, right, atol=1e-6)
    found = jax.grad(scalar(ours), argnums=(0, 1, 2))(*arguments)
    expected = jax.grad(scalar(plain_loop), argnums=(0, 1, 2))(*arguments)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert float(jnp.abs(right).max()) > 1e-3
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_two_halves_with_the_state_carried_equal_the_whole() -> None:
    projections, kernel, state = problem(1)
    whole, last = run_cell(LSTM, projections, kernel, state)
    first, middle = run_cell(LSTM, projections[:3], kernel, state)
    second, end = run_cell(LSTM, projections[3:], kernel, middle)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-6)
    np.testing.assert_allclose(end.cell, last.cell, atol=1e-6)


def test_copied_weights_give_what_flax_gives() -> None:
    random = np.random.default_rng(2)
    width = 4
    flax_cell = nnx.OptimizedLSTMCell(width, H, rngs=nnx.Rngs(0))
    inputs = jnp.asarray(random.normal(size=(T, B, width)), jnp.float32)
    dense_input, dense_hidden = flax_cell.dense_i, flax_cell.dense_h
    bias = jnp.asarray(random.normal(size=4 * H), jnp.float32)
    dense_hidden.bias[...] = bias
    start = LSTMState(*map(jnp.asarray, random.normal(size=(2, B, H)).astype(np.float32)))

    carry, expected = (start.cell, start.hidden), []
    for step in inputs:
        carry, output = flax_cell(carry, step)
        expected.append(output)

    scale = gate_scale_row(LSTM, H)  # Flax's gates stand in our order: i, f, g, o.
    projections = inputs @ (dense_input.kernel[...] * scale) + bias * scale
    outputs, last = run_cell(LSTM, projections, dense_hidden.kernel[...] * scale, start)
    np.testing.assert_allclose(outputs, jnp.stack(expected), atol=1e-6)
    np.testing.assert_allclose(last.cell, carry[0], atol=1e-6)


def test_gradients_equal_finite_differences_in_float64() -> None:
    code = """
import jax; jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np
from textgen.network.cells import LSTM, LSTMState
from textgen.network.recurrence import run_cell
random = np.random.default_rng(3)
T, B, H = 5, 2, 3
arguments = [random.normal(size=shape) for shape in [(T, B, 4*H), (H, 4*H), (B, H), (B, H)]]
weights = random.normal(size=(T, B, H))
@jax.jit
def loss(p, w, h, c):
    outputs, last = run_cell(LSTM, p, w, LSTMState(h, c))
    return jnp.sum(outputs * weights) + jnp.sum(last.cell ** 2)
gradients = jax.grad(loss, argnums=(0, 1, 2, 3))(*map(jnp.asarray, arguments))
worst = 0.0
for number, array in enumerate(arguments):
    for place in np.ndindex(array.shape):
        step, sides = 1e-6, []
        for sign in (1, -1):
            moved = [a.copy() for a in arguments]
            moved[number][place] += sign * step
            sides.append(float(loss(*map(jnp.asarray, moved))))
        worst = max(worst, abs((sides[0]-sides[1]) / (2*step) - float(gradients[number][place])))
assert gradients[0].dtype == np.float64
assert worst < 1e-7, worst
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("rows", [6, MAX_ONE_HOT + 1])
def test_the_gradient_of_a_look_up_counts_each_use(rows: int) -> None:
    table = jnp.asarray(np.random.default_rng(4).normal(size=(rows, 3)), jnp.float32)
    tokens = jnp.array([[5, 0, 5], [5, 2, 1]])
    weights = jnp.arange(18, dtype=jnp.float32).reshape(2, 3, 3)
    np.testing.assert_array_equal(look_up(table, tokens), table[tokens])
    found = jax.grad(lambda t: jnp.sum(look_up(t, tokens) * weights))(table)
    expected = jax.grad(lambda t: jnp.sum(t[tokens] * weights))(table)
    np.testing.assert_allclose(found, expected, atol=1e-6)
