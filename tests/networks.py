"""Networks with random weights, for tests that need one of each cell and no training."""

from pathlib import Path

import numpy as np

from textgen.data.vocabulary import Vocabulary
from textgen.generation.model import Model
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import Run
from textgen.settings import CellName, ModelSettings

CHARACTERS = "\n abcdefT\u00e9\u4e2d"
# A text for networks of 7 ids.
TOKENS = np.random.default_rng(1).integers(0, 7, 50).astype(np.int32)


def random_network(**changes: object) -> tuple[ModelSettings, dict[str, np.ndarray]]:
    """Return the settings of a small network, some of them changed, and weights at random."""
    given = {"vocab_size": 7, "embedding_size": 3, "hidden_size": 5, "num_layers": 2}
    settings = ModelSettings(**(given | {"dropout_rate": 0.0} | changes))  # type: ignore[arg-type]
    source = np.random.default_rng(5)
    shapes = parameter_shapes(settings).items()
    return settings, {name: source.normal(size=shape).astype(np.float32) for name, shape in shapes}


def random_model(
    cell: CellName = "lstm", characters: str = CHARACTERS, *, hidden: int = 5, layers: int = 2
) -> Model:
    """Return a model that no run holds, all of whose weights are random."""
    settings, parameters = random_network(
        vocab_size=len(characters) + 1,
        hidden_size=hidden,
        num_layers=layers,
        cell=cell,
        projected="all",
    )
    config = ModelConfig(settings, Vocabulary(characters), characters[0])
    return Model(Run(Path("made-up")), 12, config, parameters, "0" * 64)
