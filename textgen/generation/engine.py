"""What an engine is, and which one to take."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.generation.sampler import Control, Sampler
from textgen.network.inference import States
from textgen.network.parameters import multiplications_per_character
from textgen.settings import ModelSettings, SamplingSettings

EngineName = Literal["auto", "numpy", "jax"]
# Units of the largest network whose samples are best written by a loop of its own on each core.
# Measured at 320 and 384 units on two cores, and at 512 in one layer (benchmarks/RESULTS.md).
LARGEST_OF_A_CORE = 320


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
