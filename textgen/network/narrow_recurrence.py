"""A cell run along a sequence with products of bfloat16, with its own backward pass.

It computes what `recurrence.run_cell` does, arranged for an accelerator, where a step of a small
layer costs the time to start its kernels. Each step rounds its output once, for the product of the
next step and for the gradient of the recurrent kernel. What is kept for the backward pass is
written once and not overwritten, so that fewer kernels wait for each other.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from textgen.network.cells import Cell
from textgen.network.products import kernel_gradient, multiply, narrow

State = Any  # a cell's named tuple, whose members are float [B, H]

# Steps in one iteration of a compiled loop.
UNROLL = 8


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_narrow_cell(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[jax.Array, State]:
    """Run a cell along a sequence; arguments and results are those of `recurrence.run_cell`.

    Operands of products are rounded to bfloat16. All states, sums and results are float32. The
    pre-activations and their gradients are kept in bfloat16 until the backward pass has used them.
    """
    return _forward(cell, projections, bias, recurrent_kernel, state)[0]


def _forward(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[tuple[jax.Array, State], Any]:
    kernel = narrow(recurrent_kernel)

    def step(carry: Any, projection: jax.Array) -> tuple[Any, Any]:
        before, hidden = carry
        row = cell.combine(projection + bias, multiply(hidden, kernel, "bfloat16"))
        after = cell.step(row, before)
        return (after, narrow(after.hidden)), (narrow(row), before, hidden, after.hidden)

    begin = state, narrow(state.hidden)
    (last, _), (*kept, outputs) = jax.lax.scan(step, begin, projections, unroll=UNROLL)
    return (outputs, last), (recurrent_kernel, *kept)


def _backward(cell: Cell, kept: Any, gradients: tuple[jax.Array, State]) -> Any:
    recurrent_kernel, rows, states, hidden = kept
    output_gradients, last_gradient = gradients
    transposed = narrow(recurrent_kernel).T
    width = recurrent_kernel.shape[1]

    def step(gradient: State, inputs: Any) -> tuple[State, jax.Array]:
        row, before, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        _, pull_back = jax.vjp(cell.step, row.astype(jnp.float32), before)
        d_row, d_state = pull_back(gradient)
        d_row = narrow(d_row)
        through_kernel = multiply(cell.recurrent_part(d_row), transposed, "bfloat16")
        return d_state._replace(hidden=d_state.hidden + through_kernel), d_row

    first_gradient, d_rows = jax.lax.scan(
        step, last_gradient, (rows, states, output_gradients), reverse=True, unroll=UNROLL
    )
    d_kernel = kernel_gradient(hidden, cell.recurrent_part(d_rows), "bfloat16")
    d_projections = d_rows[..., :width].astype(jnp.float32)
    return d_projections, jnp.sum(d_projections, axis=(0, 1)), d_kernel, first_gradient


run_narrow_cell.defvjp(_forward, _backward)
