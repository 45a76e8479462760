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


# One time step of an array [T, ...].
_take = partial(jax.lax.dynamic_index_in_dim, keepdims=False, allow_negative_indices=False)
_put = partial(jax.lax.dynamic_update_index_in_dim, axis=0, allow_negative_indices=False)


# A product of few rows with a kernel of more numbers than this is faster the other way round, and
# so is any of one row.
LARGE_KERNEL = 2**20


def _both_ways(kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a kernel and its transpose, made once: in a loop XLA would make it at every step."""
    return kernel, jax.lax.optimization_barrier(kernel.T)


def _multiply(rows: jax.Array, kernel: jax.Array, transposed: jax.Array) -> jax.Array:
    """Return rows [B, I] times a kernel [I, J], which is given as its transpose [J, I] too."""
    if kernel.size > LARGE_KERNEL or rows.shape[0] == 1:
        columns: jax.Array = jax.lax.optimization_barrier(transposed @ rows.T)
        return columns.T
    return rows @ kernel


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def run_cell(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[jax.Array, State]:
    """Run a cell along a sequence: for each t, from x_t W_x + b and h W_h and the state before.

    Args:
        cell: the cell.
        projections: x W_x of every time step, float [T, B, G].
        bias: b, float [G].
        recurrent_kernel: W_h, float [H, G].
        state: the state before the first step, each member [B, H].

    Returns:
        The outputs, float [T, B, H], and the state after the last step.
    """
    kernels = _both_ways(recurrent_kernel)

    def step(state: State, projection: jax.Array) -> tuple[State, jax.Array]:
        combined = cell.combine(projection + bias, _multiply(state.hidden, *kernels))
        after = _take_step(cell, combined, state)
        return after, after.hidden

    last, outputs = jax.lax.scan(step, state, projections)
    return outputs, last


def _take_step(cell: Cell, combined: jax.Array, state: State) -> State:
    hidden = state.hidden.shape[-1]
    scale = cell.scale_row(hidden).astype(combined.dtype)
    return cell.step(combined * jnp.append(scale, scale[cell.num_shared * hidden :]), state)


def _forward(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[tuple[jax.Array, State], Any]:
    length, _, width = projections.shape
    kernels = _both_ways(recurrent_kernel)
    # What the cell is given takes the place of the projections, and its gradient will take that
    # place in turn: one large array for a layer instead of three.
    extra = recurrent_kernel.shape[0] * (cell.num_gates - cell.num_shared)
    combined = jnp.pad(projections, ((0, 0), (0, 0), (0, extra))) if extra else projections
    history = jax.tree.map(
        lambda member: jnp.zeros((length + 1, *member.shape), member.dtype).at[0].set(member), state
    )

    def step(carry: Any, place: jax.Array) -> tuple[Any, None]:
        state, combined, history = carry
        projection = _take(combined, place)[:, :width]
        row = cell.combine(projection + bias, _multiply(state.hidden, *kernels))
        combined = _put(combined, row, index=place)
        # Read back: if the row were used twice, XLA would copy the whole array at every step.
        after = _take_step(cell, _take(combined, place), state)
        history = jax.tree.map(lambda h, member: _put(h, member, index=place + 1), history, after)
        return (after, combined, history), None

    carry = (state, combined, history)
    (last, combined, history), _ = jax.lax.scan(step, carry, jnp.arange(length))
    return (history.hidden[1:], last), (recurrent_kernel, combined, history)


def _backward(cell: Cell, kept: Any, gradients: tuple[jax.Array, State]) -> Any:
    recurrent_kernel, combined, history = kept
    output_gradients, last_gradient = gradients
    hidden, width = recurrent_kernel.shape
    kernel, transposed = _both_ways(recurrent_kernel)

    def recurrent_part(gradient: jax.Array) -> jax.Array:
        if cell.num_shared == cell.num_gates:
            return gradient
        shared = hidden * cell.num_shared
        return jnp.concatenate([gradient[..., :shared], gradient[..., width:]], axis=-1)

    def step(carry: Any, inputs: Any) -> tuple[Any, None]:
        gradient, combined = carry
        place, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        before = jax.tree.map(lambda member: _take(member, place), history)
        _, pull_back = jax.vjp(partial(_take_step, cell), _take(combined, place), before)
        d_combined, d_state = pull_back(gradient)
        through_kernel = _multiply(recurrent_part(d_combined), transposed, kernel)
        gradient = d_state._replace(hidden=d_state.hidden + through_kernel)
        return (gradient, _put(combined, d_combined, index=place)), None

    places = jnp.arange(len(combined))
    (first_gradient, combined), _ = jax.lax.scan(
        step, (last_gradient, combined), (places, output_gradients), reverse=True
    )
    d_kernel = kernel_gradient(history.hidden[:-1], recurrent_part(combined))
    d_projections = combined[..., :width]
    return d_projections, jnp.sum(d_projections, axis=(0, 1)), d_kernel, first_gradient


run_cell.defvjp(_forward, _backward)


def kernel_gradient(inputs: jax.Array, gradient: jax.Array) -> jax.Array:
    """Return the gradient of a kernel [I, G] from its inputs [..., I] and outputs' [..., G]."""
    # As matrices: of an einsum over two axes XLA would first transpose the larger operand.
    rows, columns = inputs.shape[-1], gradient.shape[-1]
    return inputs.reshape(-1, rows).T @ gradient.reshape(-1, columns)


@jax.custom_vjp
def product(inputs: jax.Array, kernel: jax.Array) -> jax.Array:
    """Return x W of inputs, float [..., I], and a kernel [I, G]."""
    return inputs @ kernel


def _product_forward(inputs: jax.Array, kernel: jax.Array) -> Any:
    return inputs @ kernel, (inputs, kernel)


def _product_backward(kept: Any, gradient: jax.Array) -> Any:
    inputs, kernel = kept
    return gradient @ kernel.T, kernel_gradient(inputs, gradient)


product.defvjp(_product_forward, _product_backward)


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
