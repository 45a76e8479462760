"""The ceiling: matrix products alone, as fast as this machine computes them.

In one compiled loop each core multiplies a matrix [1024, 1024] by another one, then the result by
that one again. Nothing is allocated or waited for in between.
"""

import jax

from textgen.runtime.cores import available_cores
from textgen.runtime.devices import make_mesh, replicated, shared

jax.config.update("jax_num_cpu_devices", available_cores())

import numpy as np
from turns import Shape, Steps, take_turns

SIZE = 1024
REPEATS = 16


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a function that computes several products, and their number; the losses are 0."""
    mesh = make_mesh(None, shape.batch_size)
    source = np.random.default_rng(0)
    left = source.normal(size=(mesh.size * SIZE, SIZE)).astype(np.float32)
    right = (source.normal(size=(SIZE, SIZE)) / SIZE**0.5).astype(np.float32)
    left, right = jax.device_put(left, shared(mesh)), jax.device_put(right, replicated(mesh))

    @jax.jit
    def multiply(left: jax.Array, right: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, REPEATS, lambda _, product: product @ right, left)

    def steps(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        del batch_inputs, batch_targets
        jax.block_until_ready(multiply(left, right))
        return [0.0] * REPEATS

    return steps, REPEATS


if __name__ == "__main__":
    take_turns(build)
