"""Keras 3 on JAX: stateful LSTM layers, compiled, train_on_batch."""

import os

os.environ["KERAS_BACKEND"] = "jax"

import keras
import numpy as np
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns


def build(shape: Shape) -> tuple[Steps, int]:
    """Return a function that trains one step, and 1, the number of steps."""
    layers = [keras.layers.Embedding(VOCAB_SIZE, shape.embedding_size)]
    for _ in range(shape.num_layers):
        layers.append(keras.layers.LSTM(shape.hidden_size, return_sequences=True, stateful=True))
    inputs = keras.Input(batch_shape=(shape.batch_size, shape.sequence_length), dtype="int32")
    model = keras.Sequential([inputs, *layers, keras.layers.Dense(VOCAB_SIZE)])
    model.compile(
        optimizer=keras.optimizers.AdamW(
            LEARNING_RATE, weight_decay=WEIGHT_DECAY, global_clipnorm=1.0
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=True,
    )

    def step(batch_inputs: np.ndarray, batch_targets: np.ndarray) -> list[float]:
        (inputs,), (targets,) = batch_inputs, batch_targets
        return [float(model.train_on_batch(inputs, targets))]

    return step, 1


if __name__ == "__main__":
    take_turns(build)
