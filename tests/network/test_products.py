"""Products of bfloat16 are summed in float32, and so are their gradients."""

import jax
import jax.numpy as jnp
import numpy as np

from textgen.network.products import kernel_gradient, multiply, narrow, product


def test_operands_are_rounded_to_bfloat16_and_sums_are_not() -> None:
    # 1 + 2^-9 has one bit too many, and rounds to 1. A sum of 1001 ones would round to 1000.
    row = jnp.full((1, 1001), 1 + 2.0**-9)
    ones = jnp.ones((1001, 1))
    exact, rounded = multiply(row, ones, "float32"), multiply(row, ones, "bfloat16")
    assert float(exact[0, 0]) == np.float32(1001 * (1 + 2.0**-9))
    assert (float(rounded[0, 0]), rounded.dtype) == (1001, jnp.float32)


def test_float32_is_left_as_it_is() -> None:
    array = jnp.asarray(np.random.default_rng(0).normal(size=(3, 4)), jnp.float32)
    assert narrow(array, "float32") is array
    assert narrow(array, "bfloat16").dtype == jnp.bfloat16


def test_gradients_of_a_product_are_products_of_its_precision() -> None:
    random = np.random.default_rng(1)
    inputs, kernel, weights = (
        jnp.asarray(random.normal(size=shape), jnp.float32)
        for shape in ((2, 5, 3), (3, 4), (2, 5, 4))
    )
    for precision in ("float32", "bfloat16"):

        def loss(x: jax.Array, w: jax.Array, precision: str = precision) -> jax.Array:
            return jnp.sum(product(x, w, precision) * weights)  # type: ignore[arg-type]

        d_inputs, d_kernel = jax.grad(loss, argnums=(0, 1))(inputs, kernel)
        np.testing.assert_array_equal(d_inputs, multiply(weights, kernel.T, precision))
        np.testing.assert_array_equal(d_kernel, kernel_gradient(inputs, weights, precision))
        assert d_inputs.dtype == d_kernel.dtype == jnp.float32
    assert not np.array_equal(d_kernel, kernel_gradient(inputs, weights))
