"""Record a layer's gates and states at each character of a text, and the network's predictions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.generation.filters import softmax, surprise
from textgen.network.cells import CELLS, Cell
from textgen.network.inference import States, next_logits, prepare_parameters, step_layers
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig
from textgen.settings import ModelSettings

# In which direction a layer reads a text.
Reading = Literal["forward", "backward"]
# Number of likeliest characters that are kept at each position.
GUESSES = 5
# Number of units shown if the user names none.
UNITS = 12


class Quantity(NamedTuple):
    """A gate or state, described for people.

    Attributes:
        title: name of the gate or state.
        low: meaning of one end of its colours: a gate at 0, a state below 0.
        high: meaning of the other end.
        is_signed: whether values lie on both sides of 0; otherwise they lie in (0, 1).
    """

    title: str
    low: str
    high: str
    is_signed: bool = False


# All gates and states, in the order in which a cell uses them at a character.
QUANTITIES = {
    "forget": Quantity("forget gate", "drops the cell", "keeps it"),
    "input": Quantity("input gate", "lets nothing in", "lets all in"),
    "reset": Quantity("reset gate", "candidate ignores the state", "sees it"),
    "update": Quantity("update gate", "replaces the state", "keeps it"),
    "candidate": Quantity("candidate", "below 0", "above 0", is_signed=True),
    "cell": Quantity("cell state", "below 0", "above 0", is_signed=True),
    "output": Quantity("output gate", "hides the cell", "shows it"),
    "hidden": Quantity("hidden state", "below 0", "above 0", is_signed=True),
}
# Gates whose value is the share of the old state that is kept.
KEEPING = ("forget", "update")
# Quantities shown only if the user names them.
ASIDE = ("candidate",)
# What can be shown besides quantities: the surprise of each character, and the guesses.
SURPRISE = "surprise"


class Guess(NamedTuple):
    """A possible next character, and its probability in [0, 1]."""

    character: str
    probability: float


@dataclass(frozen=True)
class Watched:
    """Record of a layer at each of the T characters of a text.

    Attributes:
        text: text that was read.
        layer: number of the layer, counted from 1.
        quantities: the cell's gates and states by name, in the order of `QUANTITIES`, each float32
            [T, H].
        bits: surprise of each character, in bits, float64 [T].
        guesses: likeliest characters at each position and after the last character: T + 1 lists of
            at most 5, likeliest first.
        direction: in which the layer reads the text. If it is one of two directions, surprise and
            guesses are from both.
    """

    text: str
    layer: int
    quantities: dict[str, NDArray[np.float32]]
    bits: NDArray[np.float64]
    guesses: list[list[Guess]]
    direction: Reading = "forward"

    @property
    def memory(self) -> str:
        """Name of the state that holds the memory: `cell` if there is one, else `hidden`."""
        return "cell" if "cell" in self.quantities else "hidden"

    def kept(self, name: str) -> NDArray[np.float64] | None:
        """Return the mean share of the old state that a gate keeps, over all units of the layer.

        Returns:
            float64 [T] in [0, 1]; None for a quantity that is not in `KEEPING`.
        """
        if name not in KEEPING:
            return None
        mean: NDArray[np.float64] = self.quantities[name].mean(axis=1, dtype=np.float64)
        return mean

    def liveliest(self, count: int = UNITS) -> list[int]:
        """Return the units whose memory varies most over the text, in ascending order.

        A cell state is compared by its tanh, which is all that the output sees of it. Otherwise
        units whose cell state grows far beyond 1 would come before all others.

        Args:
            count: largest number of units. Of equally varying units the first are taken.
        """
        memory = self.quantities[self.memory]
        shown = np.tanh(memory) if self.memory == "cell" else memory
        spread = shown.std(axis=0, dtype=np.float64)
        return sorted(np.argsort(-spread, kind="stable")[:count].tolist())


def quantities_of(cell: Cell) -> list[str]:
    """Return the names of a cell's gates and states, in the order of `QUANTITIES`."""
    known = (*cell.gates_type._fields, *cell.state_type._fields)
    return [name for name in QUANTITIES if name in known]


def aligned_rows(names: Sequence[Sequence[str]]) -> list[list[str]]:
    """Arrange what is shown of several models side by side, in as few rows as possible.

    What several models have stands in one row. The order of each model is kept.

    Args:
        names: what is shown of each model, in the order of `QUANTITIES`, `SURPRISE` at the end.

    Returns:
        Rows with a name for each model; empty where there is nothing beside the others.

    >>> aligned_rows([["forget", "cell", "hidden"], ["update", "hidden"]])
    [['forget', 'update'], ['cell', ''], ['hidden', 'hidden']]
    """
    rows, ends = list[list[str]](), [0] * len(names)
    for name in (*QUANTITIES, SURPRISE):
        having = [index for index, shown in enumerate(names) if name in shown]
        if having:
            row = max(ends[index] for index in having)
            rows += [[""] * len(names) for _ in range(row + 1 - len(rows))]
            for index in having:
                rows[row][index], ends[index] = name, row + 1
    return rows


def shares_of_colours(name: str, values: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the position of each value of one unit on the scale of colours.

    Gates share one scale, since 0 and 1 mean closed and open. Each unit has a scale of its own for
    a state, so that a unit whose state is small or hardly moves is seen beside others: the middle
    of the colours is the value nearest to 0, or 0 itself if the state has both signs, and one of
    the ends is the value farthest from 0.

    Args:
        name: name of the quantity.
        values: values of one unit, float [T].

    Returns:
        float64 [T] in [0, 1]; for a state below 0.5 where it is negative, and above where it is
        positive.
    """
    exact: NDArray[np.float64] = values.astype(np.float64)
    if not QUANTITIES[name].is_signed:
        return exact
    sizes = np.abs(exact)
    nearest = 0.0 if values.min() < 0 < values.max() else float(sizes.min())
    span = float(sizes.max()) - nearest
    shares = (sizes - nearest) / span if span > 0 else np.zeros(len(sizes))
    centred: NDArray[np.float64] = 0.5 + 0.5 * np.sign(values) * shares
    return centred


def format_extent(values: NDArray[np.floating]) -> str:
    """Write the lowest and the highest of some values, as they stand beside a row of colours.

    >>> format_extent(np.array([0.5, -0.031, 12.0])), format_extent(np.array([0.0, 0.003]))
    (' -0.03  12.00', '0.0000 0.0030')
    """
    low, high = float(values.min()), float(values.max())
    decimals = 2 if max(abs(low), abs(high)) >= 0.1 else 4
    return f"{low:6.{decimals}f} {high:6.{decimals}f}"


def memory_name(cell: Cell) -> str:
    """Return the name of the state that holds the memory: `cell` if it has one, else `hidden`."""
    return "cell" if "cell" in cell.state_type._fields else "hidden"


def memory_of(state: Any) -> Any:
    """Return the state that holds the memory: the cell state if there is one, else the hidden."""
    return getattr(state, "cell", state.hidden)


def watch(
    config: ModelConfig, parameters: Arrays, tokens: NDArray[np.int32], layer: int
) -> Watched:
    """Read a text from the zero state and record what a layer does at each character.

    Args:
        config: settings and vocabulary of the model. Its start character is read first, and is not
            recorded.
        parameters: arrays by name, as in `textgen.network.parameters`.
        tokens: ids, int32 [T] with T at least 1.
        layer: number of the layer, counted from 1.
    """
    settings, vocabulary = config.settings, config.vocabulary
    cell, prepared = CELLS[settings.cell], prepare_parameters(parameters)
    zero = cell.fill_state(np.zeros(settings.hidden_size, np.float32))
    rows = []
    states: States = (zero,) * settings.num_layers
    bits, guesses = np.zeros(len(tokens)), []
    for index, token in enumerate([*vocabulary.encode_start(config.start), *tokens], start=-1):
        if index >= 0:
            logits = next_logits(settings, prepared, states)
            bits[index] = surprise(logits, token) / np.log(2)
            guesses.append(likeliest(vocabulary.characters, logits))
        states, row = step_watched(settings, prepared, token, states, layer)
        if index >= 0:
            rows.append(row)
    guesses.append(likeliest(vocabulary.characters, next_logits(settings, prepared, states)))
    quantities = by_name(cell, rows)
    return Watched(vocabulary.decode(tokens), layer, quantities, bits, guesses)


def step_watched(
    settings: ModelSettings, prepared: Any, token: Any, states: States, layer: int
) -> tuple[States, list[NDArray[np.float32]]]:
    """Read one character; see `step_network`.

    Returns:
        The states after it, and the values of a layer's gates and states in the order of
        `quantities_of`.
    """
    cell = CELLS[settings.cell]
    steps = list(step_layers(settings, prepared, token, states))
    pre_activations, after = steps[layer - 1]
    values = cell.gates(pre_activations)._asdict() | after._asdict()
    return tuple(one for _, one in steps), [values[name] for name in quantities_of(cell)]


def by_name(
    cell: Cell, rows: Sequence[Sequence[NDArray[np.float32]]]
) -> dict[str, NDArray[np.float32]]:
    """Return the quantities of T characters by name, each float32 [T, H]; see `step_watched`."""
    arrays = np.asarray(rows, np.float32).transpose(1, 0, 2)
    return dict(zip(quantities_of(cell), arrays, strict=True))


def likeliest(characters: str, logits: NDArray[np.float32]) -> list[Guess]:
    """Return the likeliest characters, at most 5, the likeliest first.

    Args:
        characters: the characters of the ids.
        logits: float32 [V].
    """
    # Id 0, the unknown character, is never written.
    probabilities = softmax(logits)[1:]
    order = np.argsort(-probabilities, kind="stable")[:GUESSES]
    return [Guess(characters[k], float(probabilities[k])) for k in order]
