"""Networks with random weights, and a cell that textgen does not have."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from textgen.data.vocabulary import END, Vocabulary
from textgen.generation.model import Model
from textgen.network.cells import Cell, HiddenState, sigmoid, split, tanh
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import Run
from textgen.settings import CellName, ModelSettings

CHARACTERS = "\n abcdefT\u00e9\u4e2d"
# A text for networks with a vocabulary of 7 ids.
TOKENS = np.random.default_rng(1).integers(0, 7, 50).astype(np.int32)


class MinimalGates(NamedTuple):
    """The gates of `MINIMAL`, each float [..., H]."""

    forget: Any
    candidate: Any


def minimal_gates(pre_activations: Any) -> MinimalGates:
    """Compute f = sigmoid(a_f) and n = tanh(x_n + f * h_n)."""
    a_f, x_n, h_n = split(pre_activations, 3)
    f = sigmoid(a_f)
    return MinimalGates(f, tanh(x_n + f * h_n))


def minimal(pre_activations: Any, state: HiddenState) -> HiddenState:
    """Take one step: h' = h + f * (n - h).

    References:
        Zhou et al. (2016), Minimal Gated Unit for Recurrent Neural Networks, with the forget gate
        applied after the recurrent product.
    """
    f, n = minimal_gates(pre_activations)
    return HiddenState(state.hidden + f * (n - state.hidden))


# A cell that textgen does not have, to test that a new cell needs only a definition and a name.
MINIMAL = Cell(
    name="minimal",
    title="minimal gated unit",
    step=minimal,
    gates=minimal_gates,
    gates_type=MinimalGates,  # type: ignore[arg-type]
    state_type=HiddenState,
    initial_biases=(1.0, 0.0),
    num_shared=1,
)


def random_network(seed: int = 5, **changes: object) -> tuple[ModelSettings, dict[str, np.ndarray]]:
    """Return the settings of a small network with some changes, and random weights."""
    given = {"vocab_size": 7, "embedding_size": 3, "hidden_size": 5, "num_layers": 2}
    settings = ModelSettings(**(given | {"dropout_rate": 0.0} | changes))  # type: ignore[arg-type]
    source = np.random.default_rng(seed)
    shapes = parameter_shapes(settings).items()
    return settings, {name: source.normal(size=shape).astype(np.float32) for name, shape in shapes}


def random_model(
    cell: CellName = "lstm",
    characters: str = CHARACTERS,
    *,
    hidden: int = 5,
    layers: int = 2,
    seed: int = 5,
) -> Model:
    """Return a model with random weights that belongs to no run. A text begins with `END`, if the
    model knows that, or with the first character."""
    settings, parameters = random_network(
        seed,
        vocab_size=len(characters) + 1,
        hidden_size=hidden,
        num_layers=layers,
        cell=cell,
        projected="all",
    )
    start = END if END in characters else characters[0]
    config = ModelConfig(settings, Vocabulary(characters), start)
    return Model(Run(Path("made-up")), 12, config, parameters, "0" * 64)
