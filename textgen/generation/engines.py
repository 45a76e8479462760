"""The NumPy engine, one character at a time and ready at once; and which engine to take."""

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.generation.sampler import Control, Sampler, advance, draw
from textgen.generation.sampling import surprise
from textgen.network.cells import CELLS, Cell
from textgen.network.parameters import Arrays, multiplications_per_character
from textgen.settings import ModelSettings, SamplingSettings

EngineName = Literal["auto", "numpy", "jax"]
# Units of the largest network whose samples are best written by a loop of its own on each core.
# Measured at 320 and 384 units on two cores, and at 512 in one layer (benchmarks/RESULTS.md).
LARGEST_OF_A_CORE = 320
States = tuple[Any, ...]  # for each layer its cell's named tuple, members float32 [H]


class Standing(NamedTuple):
    """Where a sample stands after its last character.

    Attributes:
        recurrent: of the network.
        control: of the drawing.
    """

    recurrent: States
    control: Control


class Written(NamedTuple):
    """Characters that an engine wrote.

    Attributes:
        tokens: int32 [B, T]; from the first 0 on, nothing was permitted any more.
        nats: float32 [B, T], the surprise of each under the model itself, before any filter; 0 if
            it was not wanted.
        standings: where the B samples stand after them.
    """

    tokens: NDArray[np.int32]
    nats: NDArray[np.float32]
    standings: list[Standing]


class Engine(Protocol):
    """What can read a text and write on from a state.

    Attributes:
        settings: the network's shape.
        piece: the most characters that are written at a time.
    """

    settings: ModelSettings
    piece: int

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write on, for several samples side by side.

        Args:
            standings: where each of B samples stands.
            uniforms: the numbers that each draws with, float32 [B, T] with T in [1, piece].
            temperatures: of the characters, float32 [T].
            sampler: the settings.
            is_scored: whether the surprise of the characters is wanted.
        """
        ...


def fold_scales(settings: ModelSettings, parameters: Arrays) -> dict[str, NDArray[np.float32]]:
    """Prepare parameters for running: the cell's scales folded in, the first product made.

    Returns:
        For each layer l but the first `input_kernel.l` and `bias.l`; for each `recurrent_kernel.l`;
        `table` [V, G], the first layer's projection of each character; `kernel` and `bias` of the
        projection to logits.
    """
    scale = CELLS[settings.cell].scale_row(settings.hidden_size)
    folded = {}
    for layer in range(settings.num_layers):
        for part in ("input_kernel", "recurrent_kernel", "bias"):
            folded[f"{part}.{layer}"] = parameters[f"layers.{layer}.{part}"] * scale
    kernel, bias = folded.pop("input_kernel.0"), folded.pop("bias.0")
    folded["table"] = parameters["embedding"] @ kernel + bias
    folded["kernel"] = parameters["projection.kernel"]
    folded["bias"] = parameters["projection.bias"]
    return folded


def step_layers(cell: Cell, folded: Any, token: Any, states: States) -> Iterator[tuple[Any, Any]]:
    """Read one character in one layer after the other, for NumPy and JAX arrays alike.

    Args:
        cell: of the network.
        folded: what `fold_scales` returned.
        token: its id, an integer or int [B].
        states: every layer's state before, members [H] or [B, H].

    Yields:
        Of each layer the pre-activations, which `cell.gates` and `cell.step` take, and the state
        after.
    """
    after: Any = None
    for layer, state in enumerate(states):
        if after is None:
            projection = folded["table"][token]
        else:
            projection = after.hidden @ folded[f"input_kernel.{layer}"]
            projection = projection + folded[f"bias.{layer}"]
        recurrent = state.hidden @ folded[f"recurrent_kernel.{layer}"]
        combined = cell.combine(projection, recurrent)
        after = cell.step(combined, state)
        yield combined, after


def step_network(cell: Cell, folded: Any, token: Any, states: States) -> States:
    """Read one character in every layer, as `step_layers` does; return the states after."""
    return tuple(after for _, after in step_layers(cell, folded, token, states))


def next_logits(folded: Any, states: States) -> Any:
    """Return the logits of the character after the states, float32 [V] or [B, V]."""
    kernel, hidden = folded["kernel"], states[-1].hidden
    if kernel.shape[0] != hidden.shape[-1]:
        # The projection reads all layers side by side.
        hidden = hidden.__array_namespace__().concat([s.hidden for s in states], axis=-1)
    return hidden @ kernel + folded["bias"]


class NumpyEngine:
    """A network as NumPy arrays."""

    piece = 512

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        self.settings = settings
        self._cell = CELLS[settings.cell]
        self._folded = fold_scales(settings, parameters)

    def zero_states(self) -> States:
        """Return the states before any text."""
        zero = np.zeros(self.settings.hidden_size, np.float32)
        return tuple(self._cell.fill_state(zero) for _ in range(self.settings.num_layers))

    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read characters one after the other, ids int32 [T], or [T, B] for states [B, H]."""
        for token in tokens.tolist():
            states = step_network(self._cell, self._folded, token, states)
        return states

    def read_scored(
        self, tokens: NDArray[np.int32], states: States
    ) -> tuple[NDArray[np.float32], States]:
        """Read characters one after the other, and say how surprising each is.

        Args:
            tokens: ids, int32 [T].
            states: before the first of them.

        Returns:
            The surprise of each in nats, float32 [T], and the states after the last.
        """
        nats = np.zeros(len(tokens), np.float32)
        for place, token in enumerate(tokens.tolist()):
            nats[place] = surprise(self.logits(states), token)
            states = step_network(self._cell, self._folded, token, states)
        return nats, states

    def logits(self, states: States) -> NDArray[np.float32]:
        """Return the logits of the next character, float32 [V]."""
        logits: NDArray[np.float32] = next_logits(self._folded, states)
        return logits

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write on, one sample after the other; see `Engine.write`."""
        knobs, after = sampler.knobs, []
        tokens, nats = np.zeros(uniforms.shape, np.int32), np.zeros(uniforms.shape, np.float32)
        for sample, (recurrent, control) in enumerate(standings):
            for place, temperature in enumerate(temperatures):
                logits = self.logits(recurrent)
                token = draw(logits, uniforms[sample, place], temperature, control, knobs)
                tokens[sample, place] = token
                if is_scored:
                    nats[sample, place] = surprise(logits, token)
                control = advance(control, token, knobs)
                recurrent = step_network(self._cell, self._folded, token, recurrent)
            after.append(Standing(recurrent, control))
        return Written(tokens, nats, after)


# Measured on two cores (benchmarks/RESULTS.md). A character costs the NumPy engine so much for each
# layer and for the draw, and for each control, beside its products; ...
NUMPY_SECONDS_PER_CALL = 24e-6
NUMPY_SECONDS_PER_CONTROL = 20e-6
NUMPY_MULTIPLICATIONS_PER_SECOND = 22e9
# ... JAX must be imported and the loop loaded first. Several samples share the weights.
JAX_SECONDS_TO_START = 0.65
JAX_MULTIPLICATIONS_PER_SECOND = {"one core": 20e9, "all cores": 32e9, "together": 70e9}


def choose_engine(
    name: EngineName,
    model: ModelSettings,
    length: int,
    num_samples: int,
    settings: SamplingSettings | None = None,
) -> Literal["numpy", "jax"]:
    """Decide which engine writes: NumPy until starting JAX would have paid for itself.

    Args:
        name: what was asked for; only `auto` leaves a choice.
        model: the network's shape.
        length: characters of each sample.
        num_samples: samples to write.
        settings: how to draw; at a temperature alone by default.
    """
    if name != "auto":
        return name
    characters, products = length * num_samples, multiplications_per_character(model)
    controls = settings.num_controls if settings else 0
    numpy_seconds = characters * (
        NUMPY_SECONDS_PER_CALL * (model.num_layers + 1)
        + NUMPY_SECONDS_PER_CONTROL * controls
        + products / NUMPY_MULTIPLICATIONS_PER_SECOND
    )
    cores = "one core" if model.hidden_size <= LARGEST_OF_A_CORE else "all cores"
    alone, together = (JAX_MULTIPLICATIONS_PER_SECOND[kind] for kind in (cores, "together"))
    speed = min(alone * num_samples, together)
    jax_seconds = JAX_SECONDS_TO_START + characters * products / speed
    return "jax" if jax_seconds < numpy_seconds else "numpy"
