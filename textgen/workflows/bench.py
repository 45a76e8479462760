"""Measure how fast this machine trains and writes with networks of several sizes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jax.sharding import Mesh

from textgen.data.vocabulary import Vocabulary
from textgen.generation.engine import Engine
from textgen.generation.generator import Generator, write_side_by_side
from textgen.generation.jax_engine import JaxEngine
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import Arrays, operations_per_character
from textgen.planning.choices import peak_learning_rate, usual_optimizer
from textgen.runtime.devices import is_accelerated, make_mesh, product_speed
from textgen.settings import CellName, ModelSettings, SamplingSettings, TrainingSettings
from textgen.workflows.hosts import random_text
from textgen.workflows.supervise import make_trainer

# For each network: num_layers, hidden_size, batch_size and sequence_length.
SHAPES = ((2, 128, 50, 50), (2, 256, 32, 64), (2, 512, 32, 64))
# Number of texts written side by side.
STREAMS = 64
VOCABULARY = Vocabulary("".join(map(chr, range(32, 96))))
STEPS = 1_000_000  # more steps than are ever made


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """The speeds of one network, in characters per second unless said otherwise.

    Attributes:
        network: title of the network.
        batch_size: number of sequences B of a batch.
        sequence_length: number of characters T of a sequence.
        training: speed of training: forward pass, backward pass and update.
        share_of_ceiling: speed of the matrix products in training, as a share of this machine's
            fastest product.
        seconds_to_start: time until the first step and the first evaluation of training were done.
        numpy: speed of writing one text with the NumPy engine.
        jax: speed of writing one text with the JAX engine.
        jax_many: total speed of writing 64 texts side by side with the JAX engine.
    """

    network: str
    batch_size: int
    sequence_length: int
    training: float
    share_of_ceiling: float
    seconds_to_start: float
    numpy: float
    jax: float
    jax_many: float


def network_of(cell: CellName, num_layers: int, hidden_size: int) -> ModelSettings:
    """Return a network whose embedding is as wide as its layers."""
    return ModelSettings(
        vocab_size=len(VOCABULARY),
        embedding_size=hidden_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        dropout_rate=0.0,
        cell=cell,
        projected="all",
    )


def plan_of(
    model: ModelSettings, batch_size: int, sequence_length: int, mesh: Mesh
) -> TrainingSettings:
    """Return a plan that only its measurement ends."""
    optimizer = usual_optimizer(model, is_accelerated=is_accelerated(mesh))
    return TrainingSettings(
        steps=STEPS,
        batch_size=batch_size,
        sequence_length=sequence_length,
        learning_rate=peak_learning_rate(model.hidden_size, optimizer),
        warmup_steps=0,
        devices=mesh.size,
        optimizer=optimizer,
        eval_every=STEPS,
        checkpoint_every=STEPS,
    )


def measure_machine(cell: CellName, seconds: float) -> Iterator[Speeds]:
    """Train on a random text and write with random weights.

    Args:
        cell: cell of the networks.
        seconds: time to train each network. Each of the three measurements of writing takes half
            as long.

    Yields:
        The speeds of each network, the smallest first.
    """
    for num_layers, hidden_size, batch_size, length in SHAPES:
        model = network_of(cell, num_layers, hidden_size)
        mesh = make_mesh(None, batch_size)
        plan = plan_of(model, batch_size, length, mesh)
        trainer = make_trainer(model, plan, *random_text(model.vocab_size, 2 * length))
        pace = trainer.measure(seconds, STEPS)
        training = plan.characters_per_step / pace.seconds_per_step
        ceiling = product_speed(mesh)
        parameters = {name: np.asarray(array) for name, array in trainer.state.parameters.items()}
        engine = JaxEngine(model, parameters)
        yield Speeds(
            network=model.size,
            batch_size=batch_size,
            sequence_length=length,
            training=training,
            share_of_ceiling=training * operations_per_character(model) / ceiling,
            seconds_to_start=pace.seconds_to_start,
            numpy=_writing_speed(model, parameters, None, 1, seconds / 2),
            jax=_writing_speed(model, parameters, engine, 1, seconds / 2),
            jax_many=_writing_speed(model, parameters, engine, STREAMS, seconds / 2),
        )


def _writing_speed(
    model: ModelSettings, parameters: Arrays, engine: Engine | None, streams: int, seconds: float
) -> float:
    """Return the characters written per second, without the time to start and to compile."""
    reader = NumpyEngine(model, parameters)
    generators = [
        Generator(reader, VOCABULARY, " ", seed=1, sample=sample, engine=engine)
        for sample in range(streams)
    ]
    written, begun = 0, None
    for pieces in write_side_by_side(generators, 10**9, SamplingSettings(), is_scored=False):
        if begun is None:  # the first pieces include the time to compile
            begun = time.perf_counter()
            continue
        written += sum(len(piece.text) for piece in pieces if piece)
        if time.perf_counter() - begun > seconds:
            break
    assert begun is not None
    return written / (time.perf_counter() - begun)
