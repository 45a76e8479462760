"""The ceiling: nothing but a layer's largest product, [B * T, H] by [H, 4H], on all cores."""

import jax

from textgen.training.devices import available_cores, make_mesh, replicated, shared

jax.config.update("jax_num_cpu_devices", available_cores())

import numpy as np
from turns import Shape, Steps, take_turns

REPEATS = 8


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a call of several products; what it returns as a loss says nothing."""
    mesh = make_mesh(None, shape.batch_size)
    source, hidden = np.random.default_rng(0), shape.hidden_size
    rows = shape.batch_size * shape.sequence_length
    inputs = source.normal(size=(rows, hidden)).astype(np.float32)
    kernel = source.normal(size=(hidden, 4 * hidden)).astype(np.float32)
    inputs, kernel = jax.device_put(inputs, shared(mesh)), jax.device_put(kernel, replicated(mesh))
    multiply = jax.jit(lambda a, b: a @ b)

    def steps(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        del batch_inputs, batch_targets
        for _ in range(REPEATS):
            jax.block_until_ready(multiply(inputs, kernel))
        return [0.0] * REPEATS

    return steps, REPEATS


if __name__ == "__main__":
    take_turns(build)
