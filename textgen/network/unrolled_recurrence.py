"""A cell run along a sequence, with its own backward pass, arranged for accelerators.

It computes what `recurrence.run_cell` does. On a GPU a step of a layer costs mostly the time to
start its kernels. The arrangement there has fewer of them, several steps in one iteration of the
loop, and nothing that is overwritten, so that kernels seldom wait for each other. On an H200 it
takes 60 to 90 % of the time of `run_cell` (benchmarks/notebook/2026-11-27-gpu.md). On a CPU it is
slower.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from textgen.network.cells import Cell
from textgen.network.products import kernel_gradient, multiply, narrow
from textgen.settings import Precision

State = Any  # a cell's named tuple, whose members are float [B, H]

# Steps in one iteration of a compiled loop. On an H200, 16 are no faster and compile longer.
UNROLL = 8


@partial(jax.custom_vjp, nondiff_argnums=(0, 1))
def run_cell_unrolled(
    cell: Cell,
    precision: Precision,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[jax.Array, State]:
    """Run a cell along a sequence; other arguments and the results are those of `run_cell`.

    Args:
        cell: cell of the layer.
        precision: numbers that products read. With `bfloat16`, all states, sums and results are
            still float32. The pre-activations and their gradients are rounded too when the backward
            pass has yet to read them.
        projections: x W_x at every time step, float32 [T, B, G].
        bias: b, float32 [G].
        recurrent_kernel: W_h, float32 [H, G].
        state: state before the first step, each member [B, H].

    Returns:
        The outputs, float32 [T, B, H], and the state after the last step.
    """
    return _forward(cell, precision, projections, bias, recurrent_kernel, state)[0]


def _forward(
    cell: Cell,
    precision: Precision,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[tuple[jax.Array, State], Any]:
    kernel = narrow(recurrent_kernel, precision)

    def step(carry: Any, projection: jax.Array) -> tuple[Any, Any]:
        before, hidden = carry
        row = cell.combine(projection + bias, multiply(hidden, kernel, precision))
        after = cell.step(row, before)
        # An output is rounded once, for the next product and for the gradient of the kernel.
        rounded = narrow(after.hidden, precision)
        return (after, rounded), (narrow(row, precision), before, hidden, after.hidden)

    begin = state, narrow(state.hidden, precision)
    (last, _), (*kept, outputs) = jax.lax.scan(step, begin, projections, unroll=UNROLL)
    return (outputs, last), (recurrent_kernel, *kept)


def _backward(
    cell: Cell, precision: Precision, kept: Any, gradients: tuple[jax.Array, State]
) -> Any:
    recurrent_kernel, rows, states, hidden = kept
    output_gradients, last_gradient = gradients
    transposed = narrow(recurrent_kernel, precision).T
    width = recurrent_kernel.shape[1]

    def step(gradient: State, inputs: Any) -> tuple[State, jax.Array]:
        row, before, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        _, pull_back = jax.vjp(cell.step, row.astype(jnp.float32), before)
        d_row, d_state = pull_back(gradient)
        d_row = narrow(d_row, precision)
        through_kernel = multiply(cell.recurrent_part(d_row), transposed, precision)
        return d_state._replace(hidden=d_state.hidden + through_kernel), d_row

    first_gradient, d_rows = jax.lax.scan(
        step, last_gradient, (rows, states, output_gradients), reverse=True, unroll=UNROLL
    )
    d_kernel = kernel_gradient(hidden, cell.recurrent_part(d_rows), precision)
    d_projections = d_rows[..., :width].astype(jnp.float32)
    return d_projections, jnp.sum(d_projections, axis=(0, 1)), d_kernel, first_gradient


run_cell_unrolled.defvjp(_forward, _backward)
