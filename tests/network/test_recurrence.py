"""The recurrence against a plain loop, finite differences and Flax's own cells."""

import subprocess
import sys
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from tests.networks import MINIMAL
from textgen.network import recurrence
from textgen.network.cells import CELLS, GRU, LSTM, RNN, Cell
from textgen.network.products import MAX_ONE_HOT, look_up, product
from textgen.network.recurrence import is_transposed, run_cell

T, B, H = 7, 3, 5
EVERY_CELL = pytest.mark.parametrize("cell", [*CELLS.values(), MINIMAL], ids=lambda cell: cell.name)


def arrays(random: Any, *shape: int) -> Any:
    return jnp.asarray(random.normal(size=shape), jnp.float32)


def problem(cell: Cell, seed: int = 0) -> tuple[Any, ...]:
    random, gates = np.random.default_rng(seed), cell.num_gates * H
    members = [arrays(random, B, H) for _ in cell.state_type._fields]
    return (
        arrays(random, T, B, gates),
        arrays(random, gates),
        arrays(random, H, gates),
        cell.state_type(*members),
    )


def plain_loop(cell: Cell, projections: Any, bias: Any, kernel: Any, state: Any) -> Any:
    def step(state: Any, projection: Any) -> tuple[Any, Any]:
        state = cell.step(cell.combine(projection + bias, state.hidden @ kernel), state)
        return state, state.hidden

    state, outputs = jax.lax.scan(step, state, projections)
    return outputs, state


def scalar(run: Any) -> Any:
    """Return a loss that depends on every output and on all of the last state."""
    weights = arrays(np.random.default_rng(9), T, B, H)

    def loss(*arguments: Any) -> Any:
        outputs, last = run(*arguments)
        return jnp.sum(outputs * weights) + sum(jnp.sum(jnp.sin(member)) for member in last)

    return loss


@pytest.mark.slow
@EVERY_CELL
@pytest.mark.parametrize("large", [False, True])
def test_outputs_and_gradients_are_those_of_a_plain_loop(
    cell: Cell, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if large:  # as if the kernel were a large one
        monkeypatch.setattr(recurrence, "is_transposed", lambda rows, size: True)

    def run_and_differentiate(run: Any) -> Any:
        gradient = jax.grad(scalar(run), argnums=(0, 1, 2, 3))
        return jax.jit(lambda *arguments: (run(*arguments), gradient(*arguments)))(*problem(cell))

    ours, found = run_and_differentiate(partial(run_cell, cell))
    plain, expected = run_and_differentiate(partial(plain_loop, cell))
    for left, right in zip(jax.tree.leaves(ours), jax.tree.leaves(plain), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
    for left, right in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert float(jnp.abs(right).max()) > 1e-3
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.parametrize(
    ("found", "alone"),
    [
        (["X86_V3"], True),
        (["X86_V3", "X86_V4", "AVX512_ICL"], False),
        (["AVX2", "FMA3"], True),
        (["AVX2", "AVX512F"], False),
        (["NEON", "ASIMD"], False),
        ([], False),
        (None, False),  # NumPy tells nothing
    ],
)
def test_the_instructions_of_the_processor_decide_which_products_are_transposed(
    found: list[str] | None, alone: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {"baseline": ["SSE2"], "found": found, "not found": ["AVX2"]}
    config = {} if found is None else {"SIMD Extensions": known}
    monkeypatch.setattr(np, "show_config", lambda mode: config)
    monkeypatch.setattr(recurrence, "has_avx2_alone", recurrence.has_avx2_alone.__wrapped__)
    shapes = [(32, 256), (32, 512), (32, 192), (25, 512), (25, 1024), (1, 16)]
    transposed = [is_transposed(rows, 4 * hidden**2) for rows, hidden in shapes]
    assert transposed == [alone, alone, False, False, True, True]


@EVERY_CELL
def test_two_halves_with_the_state_carried_equal_the_whole(cell: Cell) -> None:
    projections, bias, kernel, state = problem(cell, 1)
    whole, last = run_cell(cell, projections, bias, kernel, state)
    first, middle = run_cell(cell, projections[:3], bias, kernel, state)
    second, end = run_cell(cell, projections[3:], bias, kernel, middle)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-6)
    for left, right in zip(end, last, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def flax_lstm(module: Any, random: Any) -> tuple[Any, Any]:
    bias = module.dense_h.bias[...] = arrays(random, 4 * H)
    return (module.dense_i.kernel[...], module.dense_h.kernel[...]), bias


def flax_gru(module: Any, random: Any) -> tuple[Any, Any]:
    # Flax adds a second bias to the recurrent projection of the candidate. It stays 0 here.
    bias = module.dense_i.bias[...] = arrays(random, 3 * H)
    return (module.dense_i.kernel[...], module.dense_h.kernel[...]), bias


def flax_rnn(module: Any, random: Any) -> tuple[Any, Any]:
    bias = module.dense_i.bias[...] = arrays(random, H)
    return (module.dense_i.kernel[...], module.dense_h.kernel[...]), bias


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cell", "flax_class", "copy"),
    [
        (LSTM, nnx.OptimizedLSTMCell, flax_lstm),
        (GRU, nnx.GRUCell, flax_gru),
        (RNN, nnx.SimpleCell, flax_rnn),
    ],
    ids=CELLS,
)
def test_copied_weights_give_what_flax_gives(cell: Cell, flax_class: Any, copy: Any) -> None:
    random, width = np.random.default_rng(2), 4
    module = flax_class(width, H, rngs=nnx.Rngs(0))
    # Flax arranges the gates in the same order.
    (input_kernel, recurrent_kernel), bias = copy(module, random)
    inputs = arrays(random, T, B, width)
    start = cell.state_type(*(arrays(random, B, H) for _ in cell.state_type._fields))
    # Flax carries (cell, hidden) for an LSTM, and the hidden state alone for the other cells.
    carry = tuple(reversed(start)) if cell is LSTM else start.hidden
    expected = []
    for step in inputs:
        carry, output = module(carry, step)
        expected.append(output)

    outputs, last = run_cell(cell, product(inputs, input_kernel), bias, recurrent_kernel, start)
    np.testing.assert_allclose(outputs, jnp.stack(expected), atol=1e-6)
    np.testing.assert_allclose(last[-1], carry[0] if cell is LSTM else carry, atol=1e-6)


@pytest.mark.slow
def test_gradients_equal_finite_differences_in_float64() -> None:
    code = """
import jax; jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp, numpy as np
from textgen.network.cells import CELLS
from textgen.network import recurrence
from textgen.network.products import product
from textgen.network.recurrence import is_transposed, run_cell
T, B, I, H = 5, 2, 2, 3
for cell in CELLS.values():
    random, gates = np.random.default_rng(3), cell.num_gates * H
    shapes = [(T, B, I), (I, gates), (gates,), (H, gates), (B, H), (B, H)]
    shapes = shapes[:4 + len(cell.state_type._fields)]
    arguments = [random.normal(size=shape) for shape in shapes]
    weights = random.normal(size=(T, B, H))
    @jax.jit
    def loss(x, w, b, u, *members):
        outputs, last = run_cell(cell, product(x, w), b, u, cell.state_type(*members))
        return jnp.sum(outputs * weights) + jnp.sum(last[-1] ** 2)
    gradients = jax.grad(loss, argnums=range(len(shapes)))(*map(jnp.asarray, arguments))
    worst = 0.0
    for number, array in enumerate(arguments):
        for index in np.ndindex(array.shape):
            step, sides = 1e-6, []
            for sign in (1, -1):
                moved = [a.copy() for a in arguments]
                moved[number][index] += sign * step
                sides.append(float(loss(*map(jnp.asarray, moved))))
            found = float(gradients[number][index])
            worst = max(worst, abs((sides[0] - sides[1]) / (2 * step) - found))
    assert gradients[0].dtype == np.float64
    assert worst < 1e-7, (cell.name, worst)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("rows", [6, MAX_ONE_HOT + 1])
def test_the_gradient_of_a_look_up_counts_each_use(rows: int) -> None:
    table = jnp.asarray(np.random.default_rng(4).normal(size=(rows, 3)), jnp.float32)
    tokens = jnp.array([[5, 0, 5], [5, 2, 1]])
    weights = jnp.arange(18, dtype=jnp.float32).reshape(2, 3, 3)
    np.testing.assert_array_equal(look_up(table, tokens), table[tokens])
    found = jax.grad(lambda t: jnp.sum(look_up(t, tokens) * weights))(table)
    expected = jax.grad(lambda t: jnp.sum(t[tokens] * weights))(table)
    np.testing.assert_allclose(found, expected, atol=1e-6)
