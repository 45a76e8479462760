"""Stock Flax: OptimizedLSTMCell, with one nnx.jit call for each character."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import nnx
from flax_nnx import LanguageModel
from turns import Shape, take_writing_turns

CHARACTERS = 20


def build(shape: Shape) -> Callable[[], int]:
    """Return a function that writes more characters of each text."""
    model = LanguageModel(shape)
    zero = jnp.zeros((shape.batch_size, shape.hidden_size))
    tokens, states = jnp.zeros((shape.batch_size, 1), int), [(zero, zero)] * shape.num_layers
    key = jax.random.key(0)

    @nnx.jit
    def step(model, tokens, states, key):
        logits, states = model(tokens, states)
        key, drawing = jax.random.split(key)
        return jax.random.categorical(drawing, logits / 0.8), states, key

    def write() -> int:
        nonlocal tokens, states, key
        for _ in range(CHARACTERS):
            tokens, states, key = step(model, tokens, states, key)
        tokens.block_until_ready()
        return CHARACTERS * shape.batch_size

    return write


if __name__ == "__main__":
    take_writing_turns(build)
