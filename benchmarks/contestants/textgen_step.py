"""textgen's training step, as `textgen train` runs it."""

import numpy as np
from turns import LEARNING_RATE, VOCAB_SIZE, WEIGHT_DECAY, Shape, Steps, take_turns

from textgen.runtime.compile_cache import keep_compiled

keep_compiled()  # before JAX is imported

from textgen.network.model import EXACT, create_model
from textgen.runtime.devices import is_accelerated, make_mesh
from textgen.settings import Computation, ModelSettings, TrainingSettings
from textgen.training.train_state import fresh_state, place
from textgen.training.train_step import Batch, Recipe, make_train_steps, steps_per_call


def build(
    shape: Shape, computation: Computation = EXACT, devices: int | None = None
) -> tuple[Steps, int]:
    """Return a function that trains some steps, and their number.

    Args:
        shape: of the network and a batch.
        computation: how the network is computed.
        devices: number of devices; None for all that suit the batch.
    """
    settings = ModelSettings(
        vocab_size=VOCAB_SIZE,
        embedding_size=shape.embedding_size,
        hidden_size=shape.hidden_size,
        num_layers=shape.num_layers,
        dropout_rate=0.0,
    )
    mesh = make_mesh(devices, shape.batch_size)
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
        precision=computation.precision,
        backend=computation.backend,
    )
    apply, parameters = create_model(settings, plan.seed, plan.computation)
    state = place(fresh_state(settings, plan, parameters), mesh)
    train_steps = make_train_steps(Recipe(apply, settings, plan, mesh))
    count = steps_per_call(settings, plan, on_cpu=not is_accelerated(mesh))
    resets = np.zeros((count, shape.batch_size), bool)
    numbers = np.arange(count, dtype=np.int32)
    rates = np.full(count, LEARNING_RATE, np.float32)

    def steps(inputs: np.ndarray, targets: np.ndarray) -> list[float]:
        nonlocal state
        batches = Batch(inputs, targets, resets, numbers, rates)
        state, measures = train_steps(state, np.int32(count), batches)
        losses, _ = np.asarray(measures).T
        return losses.tolist()

    return steps, count


if __name__ == "__main__":
    take_turns(build)
