"""A cell run along a sequence, with its own backward pass.

Automatic differentiation of a scan adds to the gradient of the recurrent kernel at every time step,
which reads and writes the whole matrix each time. Here the reverse scan returns only the gradients
of the pre-activations. One large product after the scan gives the gradient of the kernel.
"""

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from textgen.network.cells import Cell
from textgen.network.products import kernel_gradient
from textgen.network.unrolled_recurrence import run_cell_unrolled
from textgen.settings import Precision

State = Any  # a cell's named tuple, whose members are float [B, H]

# Read and write one time step of an array [T, ...].
_take = partial(jax.lax.dynamic_index_in_dim, keepdims=False, allow_negative_indices=False)
_put = partial(jax.lax.dynamic_update_index_in_dim, axis=0, allow_negative_indices=False)

# Products with kernels of more numbers than this are computed transposed.
LARGE_KERNEL = 2**20
# With AVX2 those of this many or more are, if their rows fill vectors: see `is_transposed`.
LARGE_KERNEL_FOR_AVX2, ROWS_FOR_AVX2 = 2**18, 4


def _with_transpose(kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a kernel [I, J] and its transpose [J, I].

    The barrier keeps XLA from transposing the kernel again at every step of a loop.
    """
    return kernel, jax.lax.optimization_barrier(kernel.T)


@cache
def has_avx2_alone() -> bool:
    """Return whether this processor has the instructions of AVX2, but not those of AVX-512."""
    # NumPy leaves out what is empty.
    known = np.show_config(mode="dicts").get("SIMD Extensions", {})
    names = {*known.get("baseline", ()), *known.get("found", ())}
    # NumPy calls them by the level of x86-64 that they belong to since version 2.4.
    has_avx512 = any(name == "X86_V4" or name.startswith("AVX512") for name in names)
    return not names.isdisjoint({"X86_V3", "AVX2"}) and not has_avx512


def is_transposed(rows: int, size: int) -> bool:
    """Return whether a product of rows and a kernel is computed as W^T x^T, since that is faster.

    Which of the two XLA computes faster depends on the instructions of the processor.

    Args:
        rows: number of rows.
        size: how many numbers the kernel holds.
    """
    if has_avx2_alone() and size >= LARGE_KERNEL_FOR_AVX2 and rows % ROWS_FOR_AVX2 == 0:
        return True
    return size > LARGE_KERNEL or rows == 1


def _multiply(rows: jax.Array, kernel: jax.Array, transposed: jax.Array) -> jax.Array:
    """Return the product of rows [B, I] and a kernel [I, J], whose transpose is [J, I]."""
    if is_transposed(rows.shape[0], kernel.size):
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
    """Run a cell along a sequence.

    At each time step t the cell reads the projections x_t W_x + b and h W_h, where h is the output
    of step t - 1. G stands for `cell.num_gates` * H.

    Args:
        cell: cell of the layer.
        projections: x W_x at every time step, float [T, B, G].
        bias: b, float [G].
        recurrent_kernel: W_h, float [H, G].
        state: state before the first step, each member [B, H].

    Returns:
        The outputs, float [T, B, H], and the state after the last step.
    """
    kernels = _with_transpose(recurrent_kernel)

    def step(state: State, projection: jax.Array) -> tuple[State, jax.Array]:
        pre_activations = cell.combine(projection + bias, _multiply(state.hidden, *kernels))
        after = cell.step(pre_activations, state)
        return after, after.hidden

    last, outputs = jax.lax.scan(step, state, projections)
    return outputs, last


def run_recurrence(cell: Cell, precision: Precision, *arguments: Any) -> tuple[jax.Array, State]:
    """Do what `run_cell` does, in the arrangement that suits the devices and the precision.

    Args:
        cell: cell of the layer.
        precision: numbers that products read; see `run_cell_unrolled`.
        arguments: the other arguments of `run_cell`.
    """
    if precision == "float32" and jax.default_backend() == "cpu":
        return run_cell(cell, *arguments)
    return run_cell_unrolled(cell, precision, *arguments)


def _forward(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
) -> tuple[tuple[jax.Array, State], Any]:
    length, _, width = projections.shape
    kernels = _with_transpose(recurrent_kernel)
    # The pre-activations overwrite the projections, and in the backward pass their gradients
    # overwrite the pre-activations: a layer needs one large array instead of three.
    extra = recurrent_kernel.shape[0] * (cell.num_gates - cell.num_shared)
    pre_activations = jnp.pad(projections, ((0, 0), (0, 0), (0, extra))) if extra else projections
    history = jax.tree.map(
        lambda member: jnp.zeros((length + 1, *member.shape), member.dtype).at[0].set(member), state
    )

    def step(carry: Any, index: jax.Array) -> tuple[Any, None]:
        state, pre_activations, history = carry
        projection = _take(pre_activations, index)[:, :width]
        row = cell.combine(projection + bias, _multiply(state.hidden, *kernels))
        pre_activations = _put(pre_activations, row, index=index)
        # The row is read back: if it were used twice, XLA would copy the whole array at every step.
        after = cell.step(_take(pre_activations, index), state)
        history = jax.tree.map(lambda h, member: _put(h, member, index=index + 1), history, after)
        return (after, pre_activations, history), None

    carry = (state, pre_activations, history)
    (last, pre_activations, history), _ = jax.lax.scan(step, carry, jnp.arange(length))
    return (history.hidden[1:], last), (recurrent_kernel, pre_activations, history)


def _backward(cell: Cell, kept: Any, gradients: tuple[jax.Array, State]) -> Any:
    recurrent_kernel, pre_activations, history = kept
    output_gradients, last_gradient = gradients
    width = recurrent_kernel.shape[1]
    kernel, transposed = _with_transpose(recurrent_kernel)

    def take_step(row: jax.Array, state: State) -> State:
        if cell.num_shared < cell.num_gates:
            # A product with ones changes no number, but XLA does not know that they are ones and
            # compiles the gradients of a narrow GRU with the rounding of textgen 0.1.0. A run that
            # was begun with 0.1.0 then ends with the same weights.
            row = row * jax.lax.optimization_barrier(jnp.ones_like(row[0]))
        return cell.step(row, state)

    def step(carry: Any, inputs: Any) -> tuple[Any, None]:
        gradient, pre_activations = carry
        index, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        before = jax.tree.map(lambda member: _take(member, index), history)
        _, pull_back = jax.vjp(take_step, _take(pre_activations, index), before)
        d_pre_activations, d_state = pull_back(gradient)
        through_kernel = _multiply(cell.recurrent_part(d_pre_activations), transposed, kernel)
        gradient = d_state._replace(hidden=d_state.hidden + through_kernel)
        return (gradient, _put(pre_activations, d_pre_activations, index=index)), None

    indices = jnp.arange(len(pre_activations))
    (first_gradient, pre_activations), _ = jax.lax.scan(
        step, (last_gradient, pre_activations), (indices, output_gradients), reverse=True
    )
    d_kernel = kernel_gradient(history.hidden[:-1], cell.recurrent_part(pre_activations))
    d_projections = pre_activations[..., :width]
    return d_projections, jnp.sum(d_projections, axis=(0, 1)), d_kernel, first_gradient


run_cell.defvjp(_forward, _backward)
