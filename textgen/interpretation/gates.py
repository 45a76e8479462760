"""Watch a layer as it reads: its gates and states at each character, and what it expects next."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.generation.filters import softmax, surprise
from textgen.network.cells import CELLS, Cell
from textgen.network.inference import fold_scales, next_logits, step_layers
from textgen.network.parameters import Arrays
from textgen.runs.checkpoint import ModelConfig

# Guesses kept for each place of a text.
GUESSES = 5
# Units shown where none are named.
UNITS = 12


class Quantity(NamedTuple):
    """What a gate or state means.

    Attributes:
        title: as shown to people.
        low: what is to be said of the lowest value that is shown.
        high: what of the highest.
        is_signed: whether it lies around 0, and not in (0, 1).
    """

    title: str
    low: str
    high: str
    is_signed: bool = False


# In the order of what happens at a character.
QUANTITIES = {
    "forget": Quantity("forget gate", "drops the cell", "keeps it"),
    "input": Quantity("input gate", "lets nothing in", "lets all in"),
    "reset": Quantity("reset gate", "candidate ignores the state", "sees it"),
    "update": Quantity("update gate", "replaces the state", "keeps it"),
    "candidate": Quantity("candidate", "", "", is_signed=True),
    "cell": Quantity("cell state", "", "and beyond", is_signed=True),
    "output": Quantity("output gate", "hides the cell", "shows it"),
    "hidden": Quantity("hidden state", "", "", is_signed=True),
}
# The gates that say how much of the old state stays.
KEEPING = ("forget", "update")
# Shown only where it is asked for.
ASIDE = ("candidate",)


class Guess(NamedTuple):
    """A character that may come next, and its probability in [0, 1]."""

    character: str
    probability: float


@dataclass(frozen=True)
class Watched:
    """What a layer did at each of the T characters of a text.

    Attributes:
        text: as it was read.
        layer: which one, counted from 1.
        quantities: by name, what the cell has of `QUANTITIES`, in that order, float32 [T, H] each.
        bits: how surprising each character was, float64 [T].
        guesses: the likeliest characters in each place, and after the last, [T + 1] lists of at
            most 5, likeliest first.
    """

    text: str
    layer: int
    quantities: dict[str, NDArray[np.float32]]
    bits: NDArray[np.float64]
    guesses: list[list[Guess]]

    @property
    def memory(self) -> str:
        """The name of the state that is carried on: `cell`, or `hidden` where there is no cell."""
        return "cell" if "cell" in self.quantities else "hidden"

    def kept(self, name: str) -> NDArray[np.float64] | None:
        """Return a gate's mean over the layer's units, the share of the old state that stays.

        Returns:
            float64 [T] in [0, 1]; None for what is no gate of this kind.
        """
        if name not in KEEPING:
            return None
        mean: NDArray[np.float64] = self.quantities[name].mean(axis=1, dtype=np.float64)
        return mean

    def liveliest(self, count: int = UNITS) -> list[int]:
        """Return the units whose memory varies most over the text, in their own order.

        It is the tanh of the cell state that counts, which is all that the network sees of it: else
        some units that count for long and never change would come before all others.

        Args:
            count: how many, at most; of those that vary alike the first.
        """
        memory = self.quantities[self.memory]
        shown = np.tanh(memory) if self.memory == "cell" else memory
        spread = shown.std(axis=0, dtype=np.float64)
        return sorted(np.argsort(-spread, kind="stable")[:count].tolist())


def quantities_of(cell: Cell) -> list[str]:
    """Return the names of what can be watched of a cell, in the order of `QUANTITIES`."""
    known = (*cell.gates_type._fields, *cell.state_type._fields)
    return [name for name in QUANTITIES if name in known]


def reach(name: str, values: NDArray[np.floating]) -> float:
    """Return where the scale of a quantity ends, and begins if it is signed.

    Args:
        name: of the quantity.
        values: what is to be shown, float [...].

    Returns:
        1 for all that lies in [-1, 1]; for the cell state, which is not bounded, what 95 % of the
        values lie within, since a unit that counts would leave the others without contrast.
    """
    if name != "cell":
        return 1.0
    return max(float(np.quantile(np.abs(values), 0.95)), 1e-6)


def memory_name(cell: Cell) -> str:
    """Return the name of the state that is carried on: `cell`, or `hidden` where there is none."""
    return "cell" if "cell" in cell.state_type._fields else "hidden"


def memory_of(state: Any) -> Any:
    """Return what a layer carries on: the cell state, or the hidden one where there is no cell."""
    return getattr(state, "cell", state.hidden)


def watch(
    config: ModelConfig, parameters: Arrays, tokens: NDArray[np.int32], layer: int
) -> Watched:
    """Read a text from the beginning and note what a layer does at each character.

    Args:
        config: of the model; its start character is read first.
        parameters: the network's.
        tokens: ids, int32 [T] with T at least 1.
        layer: counted from 1.
    """
    settings, vocabulary = config.settings, config.vocabulary
    cell, folded = CELLS[settings.cell], fold_scales(settings, parameters)
    zero = cell.fill_state(np.zeros(settings.hidden_size, np.float32))
    names, rows = quantities_of(cell), []
    states: tuple[Any, ...] = (zero,) * settings.num_layers
    bits, guesses = np.zeros(len(tokens)), []
    for place, token in enumerate([*vocabulary.encode(config.start), *tokens], start=-1):
        if place >= 0:
            logits = next_logits(folded, states)
            bits[place] = surprise(logits, token) / np.log(2)
            guesses.append(_guess(vocabulary.characters, logits))
        steps = list(step_layers(cell, folded, token, states))
        states = tuple(after for _, after in steps)
        if place >= 0:
            pre_activations, after = steps[layer - 1]
            values = cell.gates(pre_activations)._asdict() | after._asdict()
            rows.append([values[name] for name in names])
    guesses.append(_guess(vocabulary.characters, next_logits(folded, states)))
    arrays = np.asarray(rows, np.float32).transpose(1, 0, 2)
    quantities = dict(zip(names, arrays, strict=True))
    return Watched(vocabulary.decode(tokens), layer, quantities, bits, guesses)


def _guess(characters: str, logits: NDArray[np.float32]) -> list[Guess]:
    # Id 0, the unknown character, is never written.
    probabilities = softmax(logits)[1:]
    likeliest = np.argsort(-probabilities, kind="stable")[:GUESSES]
    return [Guess(characters[k], float(probabilities[k])) for k in likeliest]
