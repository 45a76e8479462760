"""The projection of a network's outputs to logits.

In shapes, P stands for the number of outputs that it reads, and R for its rank.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import nnx

from textgen.network.parameters import projected_size
from textgen.network.products import product
from textgen.settings import ModelSettings, Precision


class Projection(nnx.Module):
    """The projection to logits, with the parameters kernel [P, V] and bias [V].

    With a rank R the kernel is the product of two: inner_kernel [P, R] and kernel [R, V].
    """

    def __init__(self, settings: ModelSettings, precision: Precision = "float32") -> None:
        self.precision = precision
        width, self.rank = projected_size(settings), settings.projection_rank
        if self.rank:
            self.inner_kernel = nnx.Param(jnp.zeros((width, self.rank)))
        self.kernel = nnx.Param(jnp.zeros((self.rank or width, settings.vocab_size)))
        self.bias = nnx.Param(jnp.zeros(settings.vocab_size))

    def reduce(self, outputs: Sequence[jax.Array]) -> Sequence[jax.Array]:
        """Return what the kernel multiplies: the outputs themselves, or one product of rank R.

        Args:
            outputs: of each layer that is read, float [T, B, H].
        """
        return [multiply(outputs, self.inner_kernel[...], self.precision)] if self.rank else outputs

    def __call__(self, outputs: Sequence[jax.Array]) -> jax.Array:
        """Return the logits, float [T, B, V]; see `reduce`."""
        logits = multiply(self.reduce(outputs), self.kernel[...], self.precision)
        return logits + self.bias[...]

    def read(self, outputs: Sequence[jax.Array], *, is_projected: bool) -> jax.Array:
        """Return the logits, or what the kernel multiplies side by side, float [T, B, R or P]."""
        if is_projected:
            return self(outputs)
        return jnp.concatenate(self.reduce(outputs), axis=-1)


def multiply(
    parts: Sequence[jax.Array], kernel: jax.Array, precision: Precision = "float32"
) -> jax.Array:
    """Return the product of arrays side by side, each float [..., H], and a kernel, float [..., J].

    There is one product for each of them: putting them side by side first would copy them.
    """
    kernels = jnp.split(kernel, len(parts))
    products = (product(one, kernel, precision) for one, kernel in zip(parts, kernels, strict=True))
    return sum(products)  # type: ignore[return-value]
