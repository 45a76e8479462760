"""The recurrence for accelerators against that for a CPU, on whatever these tests run."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import MINIMAL
from textgen.network.cells import CELLS, Cell
from textgen.network.recurrence import run_cell
from textgen.network.unrolled_recurrence import UNROLL, run_cell_unrolled

# A text that is no multiple of the steps of one iteration.
T, B, H = UNROLL + 3, 3, 8
EVERY_CELL = pytest.mark.parametrize("cell", [*CELLS.values(), MINIMAL], ids=lambda cell: cell.name)


def problem(cell: Cell) -> tuple[Any, ...]:
    random, gates = np.random.default_rng(0), cell.num_gates * H

    def arrays(*shape: int) -> Any:
        return jnp.asarray(random.normal(size=shape) / 2, jnp.float32)

    members = [arrays(B, H) for _ in cell.state_type._fields]
    return arrays(T, B, gates), arrays(gates), arrays(H, gates), cell.state_type(*members)


def results(run: Any, cell: Cell) -> list[Any]:
    """Return the outputs, the last state, and the gradient of a loss that depends on all of it."""
    weights = jnp.asarray(np.random.default_rng(9).normal(size=(T, B, H)), jnp.float32)

    def loss(*arguments: Any) -> Any:
        outputs, last = run(*arguments)
        total = jnp.sum(outputs * weights) + sum(jnp.sum(jnp.sin(member)) for member in last)
        return total, (outputs, last)

    with jax.default_matmul_precision("highest"):  # or a GPU would round float32 to TF32
        arguments = problem(cell)
        differentiated = jax.jit(jax.grad(loss, argnums=(0, 1, 2, 3), has_aux=True))
        return jax.tree.leaves(differentiated(*arguments))


@pytest.mark.slow
@EVERY_CELL
def test_outputs_and_gradients_in_float32_are_those_of_the_recurrence_for_a_cpu(cell: Cell) -> None:
    expected = results(partial(run_cell, cell), cell)
    found = results(partial(run_cell_unrolled, cell, "float32"), cell)
    for left, right in zip(found, expected, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.slow
@EVERY_CELL
def test_in_bfloat16_they_differ_by_its_rounding_and_are_float32(cell: Cell) -> None:
    expected = results(partial(run_cell, cell), cell)
    found = results(partial(run_cell_unrolled, cell, "bfloat16"), cell)
    for left, right in zip(found, expected, strict=True):
        # Each operand is off by at most 2^-9; what is kept of a step too.
        difference = float(jnp.linalg.norm(left - right) / jnp.linalg.norm(right))
        assert 1e-5 < difference < 0.02
        assert left.dtype == jnp.float32
