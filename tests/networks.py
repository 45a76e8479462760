"""Networks with random weights, for tests that need one of each cell and no training."""

from pathlib import Path

import numpy as np

from textgen.data.vocabulary import Vocabulary
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import Run
from textgen.settings import CellName, ModelSettings
from textgen.workflows.loading import Model

CHARACTERS = "\n abcdefT\u00e9\u4e2d"


def random_model(
    cell: CellName = "lstm", characters: str = CHARACTERS, *, hidden: int = 5, layers: int = 2
) -> Model:
    """Return a model that no run holds, all of whose weights are random."""
    settings = ModelSettings(
        vocab_size=len(characters) + 1,
        embedding_size=4,
        hidden_size=hidden,
        num_layers=layers,
        dropout_rate=0.0,
        cell=cell,
        projected="all",
    )
    random = np.random.default_rng(7)
    shapes = parameter_shapes(settings).items()
    parameters = {name: random.normal(size=shape).astype(np.float32) for name, shape in shapes}
    config = ModelConfig(settings, Vocabulary(characters), characters[0])
    return Model(Run(Path("made-up")), 12, config, parameters, "0" * 64)
