"""Stock Flax: nnx.RNN over OptimizedLSTMCell, nnx.jit, nnx.Optimizer."""

from itertools import pairwise

import jax.numpy as jnp
import numpy as np
import optax
from flax import nnx
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns


class LanguageModel(nnx.Module):
    """Embedding, stacked LSTM, projection."""

    def __init__(self, shape: Shape) -> None:
        rngs = nnx.Rngs(0)
        sizes = [shape.embedding_size] + [shape.hidden_size] * shape.num_layers
        self.embedding = nnx.Embed(VOCAB_SIZE, shape.embedding_size, rngs=rngs)
        self.layers = nnx.List(
            nnx.RNN(nnx.OptimizedLSTMCell(before, after, rngs=rngs))
            for before, after in pairwise(sizes)
        )
        self.projection = nnx.Linear(shape.hidden_size, VOCAB_SIZE, rngs=rngs)

    def __call__(self, tokens: jnp.ndarray, states: list) -> tuple[jnp.ndarray, list]:
        """Return the logits [B, T, V] of tokens [B, T], and the states after them."""
        outputs, after = self.embedding(tokens), []
        for layer, state in zip(self.layers, states, strict=True):
            state, outputs = layer(outputs, initial_carry=state, return_carry=True)
            after.append(state)
        return self.projection(outputs), after


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a function that trains one step, and 1, the number of steps."""
    model = LanguageModel(shape)
    transformation = optax.chain(
        optax.clip_by_global_norm(1.0), optax.adamw(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    )
    optimizer = nnx.Optimizer(model, transformation, wrt=nnx.Param)
    zero = jnp.zeros((shape.batch_size, shape.hidden_size))
    states = [(zero, zero)] * shape.num_layers

    def loss(model: LanguageModel, inputs: jnp.ndarray, targets: jnp.ndarray, states: list):
        logits, after = model(inputs, states)
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return losses.mean(), after

    @nnx.jit
    def train_step(model, optimizer, inputs, targets, states):
        (value, after), gradients = nnx.value_and_grad(loss, has_aux=True)(
            model, inputs, targets, states
        )
        optimizer.update(model, gradients)
        return value, after

    def step(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        nonlocal states
        (inputs,), (targets,) = batch_inputs, batch_targets
        value, states = train_step(model, optimizer, inputs, targets, states)
        return [float(value)]

    return step, 1


if __name__ == "__main__":
    take_turns(build)
