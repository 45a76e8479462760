"""Products of matrices in a network, and their gradients.

The gradients are products of the same precision. Automatic differentiation would round the
gradients of the operands themselves.
"""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from textgen.network.parameters import MAX_ONE_HOT
from textgen.settings import Precision


def narrow(array: jax.Array, precision: Precision) -> jax.Array:
    """Round an array to what products of a precision read; bfloat16 has 8 significant bits."""
    return array.astype(jnp.bfloat16) if precision == "bfloat16" else array


def multiply(left: jax.Array, right: jax.Array, precision: Precision) -> jax.Array:
    """Return the product of two arrays as `@` does, with sums of float32.

    Args:
        left: float [..., I].
        right: float [I, J].
        precision: numbers that are multiplied; `bfloat16` rounds both operands.
    """
    if precision == "float32":
        return left @ right
    operands = narrow(left, precision), narrow(right, precision)
    return jnp.matmul(*operands, preferred_element_type=jnp.float32)


def kernel_gradient(
    inputs: jax.Array, gradient: jax.Array, precision: Precision = "float32"
) -> jax.Array:
    """Return the gradient of a kernel, float [I, G].

    Args:
        inputs: rows that the kernel multiplied, float [..., I].
        gradient: gradient of the products, float [..., G].
        precision: numbers that are multiplied.
    """
    # A product of matrices: for an einsum over two axes XLA first transposes the larger operand.
    rows, columns = inputs.shape[-1], gradient.shape[-1]
    return multiply(inputs.reshape(-1, rows).T, gradient.reshape(-1, columns), precision)


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(inputs: jax.Array, kernel: jax.Array, precision: Precision = "float32") -> jax.Array:
    """Return the product of inputs, float [..., I], and a kernel [I, G], float32 [..., G]."""
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
