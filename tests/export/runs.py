"""Runs with random weights, of any shape, made from a run that was trained."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from textgen.data.vocabulary import Vocabulary
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import Checkpoint, ModelConfig
from textgen.runs.run import Run, write_derived_run
from textgen.settings import ModelSettings


def random_run(
    origin: Path, path: Path, *, characters: str = "", size: float = 0.5, **changes: object
) -> Run:
    """Write a run with random weights.

    Args:
        origin: a run, whose text it gets.
        path: where to write it.
        characters: its alphabet, with that of the other run first; that one by default.
        size: standard deviation of the weights. A network of small weights forgets its rounding
            errors, and one of large weights is chaotic.
        changes: settings of the network that differ from those of the other run.
    """
    run = Run(origin)
    record = run.record()
    vocabulary = record.config.vocabulary
    if characters:
        vocabulary = Vocabulary(vocabulary.characters + characters)
    shape = record.config.settings.to_json() | {"vocab_size": len(vocabulary)} | changes
    settings = ModelSettings.from_json(shape)
    source = np.random.default_rng(5)
    parameters = {
        name: source.normal(scale=size, size=shape).astype(np.float32)
        for name, shape in parameter_shapes(settings).items()
    }
    config = ModelConfig(settings, vocabulary, record.config.start)
    checkpoint = Checkpoint(0, 1.5, {}, config, parameters, {})
    return write_derived_run(path, run, replace(record, config=config), checkpoint, [])
