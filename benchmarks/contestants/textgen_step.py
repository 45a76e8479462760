"""textgen's own step of training, as `textgen train` takes it."""

import numpy as np
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns

from textgen.runs.compile_cache import keep_compiled

keep_compiled()  # before JAX is imported

from textgen.network.model import create_model, zero_states
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training.devices import make_mesh
from textgen.training.objective import (
    TrainState,
    make_optimizer,
    make_train_steps,
    place,
    steps_at_once,
)


def build(shape: Shape) -> tuple[Steps, int]:
    """Return some steps of training, and how many."""
    settings = ModelSettings(
        vocab_size=VOCAB_SIZE,
        embedding_size=shape.embedding_size,
        hidden_size=shape.hidden_size,
        num_layers=shape.num_layers,
        dropout_rate=0.0,
    )
    mesh = make_mesh(None, shape.batch_size)
    plan = TrainingSettings(
        steps=1000,
        batch_size=shape.batch_size,
        sequence_length=shape.sequence_length,
        learning_rate=LEARNING_RATE,
        warmup_steps=100,
        weight_decay=WEIGHT_DECAY,
        seed=0,
        devices=mesh.size,
        eval_every=1000,
        checkpoint_every=1000,
    )
    apply, parameters = create_model(settings, plan.seed)
    optimizer = make_optimizer(plan).init(parameters)
    state = TrainState(parameters, optimizer, zero_states(settings, shape.batch_size))
    state = place(state, mesh)
    train_steps = make_train_steps(apply, settings, plan, mesh)
    count = steps_at_once(settings, plan)
    resets = np.zeros((count, shape.batch_size), bool)
    numbers = np.arange(count, dtype=np.int32)
    rates = np.full(count, LEARNING_RATE, np.float32)

    def steps(inputs: np.ndarray, targets: np.ndarray) -> list[float]:
        nonlocal state
        state, measures = train_steps(
            state, np.int32(count), inputs, targets, resets, numbers, rates
        )
        losses, _ = np.asarray(measures).T
        return losses.tolist()

    return steps, count


if __name__ == "__main__":
    take_turns(build)
