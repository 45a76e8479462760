"""A cell run along a sequence, with its own backward pass.

Automatic differentiation of a scan adds to the gradient of the recurrent kernel at every time step,
which reads and writes the whole matrix each time. Here the reverse scan returns only the gradients
of the pre-activations. One large product after the scan gives the gradient of the kernel.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from textgen.network.cells import Cell
from textgen.network.parameters import MAX_ONE_HOT
from textgen.settings import Precision

State = Any  # a cell's named tuple, whose members are float [B, H]

# Read and write one time step of an array [T, ...].
_take = partial(jax.lax.dynamic_index_in_dim, keepdims=False, allow_negative_indices=False)
_put = partial(jax.lax.dynamic_update_index_in_dim, axis=0, allow_negative_indices=False)

# Products with kernels of more numbers than this are computed transposed: for few rows that is
# faster. For a single row it is always faster.
LARGE_KERNEL = 2**20


def _with_transpose(kernel: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return a kernel [I, J] and its transpose [J, I].

    The barrier keeps XLA from transposing the kernel again at every step of a loop.
    """
    return kernel, jax.lax.optimization_barrier(kernel.T)


def narrow(array: jax.Array, precision: Precision) -> jax.Array:
    """Return an array as products of this precision read it."""
    return array.astype(jnp.bfloat16) if precision == "bfloat16" else array


def multiply(left: jax.Array, right: jax.Array, precision: Precision) -> jax.Array:
    """Return the product of two arrays as `@` does, summed in float32.

    Args:
        left: float [..., I].
        right: float [I, J].
        precision: `bfloat16` rounds the numbers that are multiplied to 8 significant bits.
    """
    if precision == "float32":
        return left @ right
    operands = narrow(left, precision), narrow(right, precision)
    return jnp.matmul(*operands, preferred_element_type=jnp.float32)


def _multiply(
    rows: jax.Array, kernel: jax.Array, transposed: jax.Array, precision: Precision
) -> jax.Array:
    """Return the product of rows [B, I] and a kernel [I, J], whose transpose is [J, I]."""
    if kernel.size > LARGE_KERNEL or rows.shape[0] == 1:
        columns: jax.Array = jax.lax.optimization_barrier(multiply(transposed, rows.T, precision))
        return columns.T
    return multiply(rows, kernel, precision)


@partial(jax.custom_vjp, nondiff_argnums=(0, 5))
def run_cell(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
    precision: Precision = "float32",
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
        precision: numbers that the products with W_h read, forward and backward.

    Returns:
        The outputs, float [T, B, H], and the state after the last step.
    """
    kernels = _with_transpose(narrow(recurrent_kernel, precision))

    def step(state: State, projection: jax.Array) -> tuple[State, jax.Array]:
        recurrent = _multiply(state.hidden, *kernels, precision)
        pre_activations = cell.combine(projection + bias, recurrent)
        after = cell.step(pre_activations, state)
        return after, after.hidden

    last, outputs = jax.lax.scan(step, state, projections)
    return outputs, last


def _forward(
    cell: Cell,
    projections: jax.Array,
    bias: jax.Array,
    recurrent_kernel: jax.Array,
    state: State,
    precision: Precision = "float32",
) -> tuple[tuple[jax.Array, State], Any]:
    length, _, width = projections.shape
    kernels = _with_transpose(narrow(recurrent_kernel, precision))
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
        row = cell.combine(projection + bias, _multiply(state.hidden, *kernels, precision))
        pre_activations = _put(pre_activations, row, index=index)
        # The row is read back: if it were used twice, XLA would copy the whole array at every step.
        after = cell.step(_take(pre_activations, index), state)
        history = jax.tree.map(lambda h, member: _put(h, member, index=index + 1), history, after)
        return (after, pre_activations, history), None

    carry = (state, pre_activations, history)
    (last, pre_activations, history), _ = jax.lax.scan(step, carry, jnp.arange(length))
    return (history.hidden[1:], last), (recurrent_kernel, pre_activations, history)


def _backward(
    cell: Cell, precision: Precision, kept: Any, gradients: tuple[jax.Array, State]
) -> Any:
    recurrent_kernel, pre_activations, history = kept
    output_gradients, last_gradient = gradients
    hidden, width = recurrent_kernel.shape
    kernel, transposed = _with_transpose(narrow(recurrent_kernel, precision))

    def take_step(row: jax.Array, state: State) -> State:
        if cell.num_shared < cell.num_gates:
            # A product with ones changes no number, but XLA does not know that they are ones and
            # compiles the gradients of a narrow GRU with the rounding of textgen 0.1.0. A run that
            # was begun with 0.1.0 then ends with the same weights.
            row = row * jax.lax.optimization_barrier(jnp.ones_like(row[0]))
        return cell.step(row, state)

    def recurrent_part(gradient: jax.Array) -> jax.Array:
        """Take the gradient of the recurrent projection out of that of the pre-activations."""
        if cell.num_shared == cell.num_gates:
            return gradient
        shared = hidden * cell.num_shared
        return jnp.concatenate([gradient[..., :shared], gradient[..., width:]], axis=-1)

    def step(carry: Any, inputs: Any) -> tuple[Any, None]:
        gradient, pre_activations = carry
        index, output_gradient = inputs
        gradient = gradient._replace(hidden=gradient.hidden + output_gradient)
        before = jax.tree.map(lambda member: _take(member, index), history)
        _, pull_back = jax.vjp(take_step, _take(pre_activations, index), before)
        d_pre_activations, d_state = pull_back(gradient)
        arriving = recurrent_part(d_pre_activations)
        through_kernel = _multiply(arriving, transposed, kernel, precision)
        gradient = d_state._replace(hidden=d_state.hidden + through_kernel)
        return (gradient, _put(pre_activations, d_pre_activations, index=index)), None

    indices = jnp.arange(len(pre_activations))
    (first_gradient, pre_activations), _ = jax.lax.scan(
        step, (last_gradient, pre_activations), (indices, output_gradients), reverse=True
    )
    arriving = recurrent_part(pre_activations)
    d_kernel = kernel_gradient(history.hidden[:-1], arriving, precision)
    d_projections = pre_activations[..., :width]
    return d_projections, jnp.sum(d_projections, axis=(0, 1)), d_kernel, first_gradient


run_cell.defvjp(_forward, _backward)


def kernel_gradient(
    inputs: jax.Array, gradient: jax.Array, precision: Precision = "float32"
) -> jax.Array:
    """Return the gradient of a kernel, float [I, G].

    Args:
        inputs: rows that the kernel multiplied, float [..., I].
        gradient: gradient of the products, float [..., G].
        precision: numbers that the product of the two reads.
    """
    # A product of matrices: for an einsum over two axes XLA first transposes the larger operand.
    rows, columns = inputs.shape[-1], gradient.shape[-1]
    return multiply(inputs.reshape(-1, rows).T, gradient.reshape(-1, columns), precision)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(inputs: jax.Array, kernel: jax.Array, precision: Precision = "float32") -> jax.Array:
    """Return the product of inputs, float [..., I], and a kernel [I, G].

    The gradients are products of the same precision; automatic differentiation would round the
    gradients themselves.
    """
    return multiply(inputs, kernel, precision)


def _product_forward(inputs: jax.Array, kernel: jax.Array, precision: Precision) -> Any:
    return multiply(inputs, kernel, precision), (inputs, kernel)


def _product_backward(precision: Precision, kept: Any, gradient: jax.Array) -> Any:
    inputs, kernel = kept
    d_inputs = multiply(gradient, kernel.T, precision)
    return d_inputs, kernel_gradient(inputs, gradient, precision)


product.defvjp(_product_forward, _product_backward)


@jax.custom_vjp
def look_up(table: jax.Array, tokens: jax.Array) -> jax.Array:
    """Return the rows of a table at the given ids, float [..., G].

    For a small V the gradient of the table is a product with the one-hot ids, because a scatter
    runs on a single core.

    Args:
        table: float [V, G].
        tokens: ids, int [...].
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
