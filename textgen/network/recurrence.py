"""A cell along a sequence, with a backward pass of its own.

Automatic differentiation of a scan adds up the gradient of the recurrent kernel inside the loop: a
read-modify-write of the whole matrix at every time step. Here the reverse scan emits only the
gradient of the pre-activations, and the gradient of the kernel is one large product after it.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from textgen.network.cells import Cell

State = Any  # a cell's named tuple of arrays [B, H]


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_cell(
    cell: Cell, projections: jax.Array, recurrent_kernel: jax.Array, state: State
) -> tuple[jax.Array, State]:
    """Run a cell along a sequence: for each t, state = step(projections[t], state.h @ W, state).

    The two projections must enter the cell as their sum alone: the backward pass keeps that sum,
    recomputes the point-wise part of the step from it, and shares one gradient between the two.

    Args:
        cell: the cell.
        projections: W_x x + b of every time step, scaled for the cell, float [T, B, G].
        recurrent_kernel: W, scaled likewise, float [H, G].
        state: the state before the first step, each member [B, H].

    Returns:
        The outputs, float [T, B, H], and the state after the last step.
    """
    (outputs, last), _ = _forward(cell, projections, recurrent_kernel, state)
    return outputs, last


def _forward(
    cell: Cell, projections: jax.Array, recurrent_kernel: jax.Array, state: State
) -> tuple[tuple[jax.Array, State], Any]:
    def step(state: State, projection: jax.Array) -> tuple[State, Any]:
        total = projection + state.hidden @ recurrent_kernel
        after = cell.step(total, jnp.zeros_like(total), state)
        return after, (after.hidden, total, state)

    last, (outputs, totals, states) = jax.lax.scan(step, state, projections)
    return (outputs, last), (recurrent_kernel, totals, states)


def _backward(cell: Cell, kept: Any, gradients: tuple[jax.Array, State]) -> Any:
    recurrent_kernel, totals, states = kept
    output_gradients, last_gradient = gradients

    def step(gradient: State, inputs: Any) -> tuple[State, jax.Array]:
        total, state, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        _, pull_back = jax.vjp(lambda a, s: cell.step(a, jnp.zeros_like(a), s), total, state)
        d_total, d_state = pull_back(gradient)
        through_kernel = d_total @ recurrent_kernel.T
        return d_state._replace(hidden=d_state.hidden + through_kernel), d_total

    first_gradient, d_totals = jax.lax.scan(
        step, last_gradient, (totals, states, output_gradients), reverse=True
    )
    d_kernel = jnp.einsum("tbh,tbg->hg", states.hidden, d_totals)
    return d_totals, d_kernel, first_gradient


run_cell.defvjp(_forward, _backward)


# Above this many characters the one-hot product costs more than the scatter it replaces.
MAX_ONE_HOT = 512


@jax.custom_vjp
def look_up(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """Return the rows of a table, float [V, G], at ids, int [...], as float [..., G].

    Its gradient is a product with the one-hot ids where V is small: a scatter runs on one core.
    """
    return table[tokens]


def _look_up_forward(
    table: jax.Array, tokens: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return table[tokens], (table, tokens)


def _look_up_backward(
    kept: tuple[jax.Array, jax.Array], gradient: jax.Array
) -> tuple[jax.Array, None]:
    table, tokens = kept
    tokens, gradient = tokens.reshape(-1), gradient.reshape(-1, gradient.shape[-1])
    if table.shape[0] > MAX_ONE_HOT:
        return jnp.zeros_like(table).at[tokens].add(gradient), None
    return jax.nn.one_hot(tokens, table.shape[0], dtype=gradient.dtype).T @ gradient, None


look_up.defvjp(_look_up_forward, _look_up_backward)
