"""The interface of an engine, and the choice between the two engines."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.generation.sampler import Control, Sampler
from textgen.network.inference import States
from textgen.network.mixture import Shape, multiplications, parts_of, widest
from textgen.settings import SamplingSettings

EngineName = Literal["auto", "numpy", "jax"]
# Largest hidden size at which each core writes its own samples. Above it all cores share each
# product. Measured at 320 and 384 units on two cores, and at 512 in one layer
# (benchmarks/RESULTS.md).
LARGEST_OF_A_CORE = 320


class Standing(NamedTuple):
    """State of a sample after its last character.

    Attributes:
        recurrent: state of each layer of the network.
        control: state of the sampler.
    """

    recurrent: States
    control: Control


class Written(NamedTuple):
    """Characters that an engine wrote.

    Attributes:
        tokens: ids, int32 [B, T]. An id of 0 means that no character was permitted there; it and
            all ids after it in the same sample are to be ignored.
        nats: surprise of each character under the model's unfiltered distribution, in nats, float32
            [B, T]; all 0 if it was not requested.
        standings: states of the B samples after the characters.
    """

    tokens: NDArray[np.int32]
    nats: NDArray[np.float32]
    standings: list[Standing]


class Engine(Protocol):
    """A trained network, or a mixture of several, that continues samples from their states.

    Attributes:
        settings: shape of the network.
        piece: largest number of characters that one call writes of each sample.
    """

    settings: Shape
    piece: int

    def __init__(self, settings: Shape, parameters: Any) -> None:
        """Make the engine of a network."""
        ...

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write the next T characters of several samples.

        Args:
            standings: states of the B samples.
            uniforms: random numbers to draw with, in [0, 1), float32 [B, T] with T in [1, `piece`].
            temperatures: temperature of each character, float32 [T].
            sampler: sampling settings, prepared for the model.
            is_scored: whether to compute the surprise of each character.
        """
        ...


class LongReader(Protocol):
    """Reads long texts in pieces of one length, faster than an engine reads.

    Attributes:
        piece: number of characters of a piece.
        pieces: largest number of pieces in one call of `read`. Reading is stopped between calls.
    """

    piece: int
    pieces: int

    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read some whole pieces, int32 [N * `piece`], and return the states after them."""
        ...


# The times and speeds below were measured on two cores (benchmarks/RESULTS.md).

# Time that the NumPy engine spends on a character in each layer, and once more to draw it, besides
# the matrix products.
NUMPY_SECONDS_PER_CALL = 15e-6
# Time that the NumPy engine spends on a character for each control that is on.
NUMPY_SECONDS_PER_CONTROL = 8e-6
# Speed of the NumPy engine's matrix products.
NUMPY_MULTIPLICATIONS_PER_SECOND = 22e9
# Time to import JAX and to load the compiled loop.
JAX_SECONDS_TO_START = 0.65
# Speed of the JAX engine's matrix products: for one sample of a small and of a large network, and
# for many samples, which share the reading of the weights.
JAX_MULTIPLICATIONS_PER_SECOND = {"one core": 20e9, "all cores": 32e9, "together": 70e9}


def choose_engine(
    name: EngineName,
    model: Shape,
    length: int,
    num_samples: int,
    settings: SamplingSettings | None = None,
) -> Literal["numpy", "jax"]:
    """Choose the engine that is estimated to finish first, the start of JAX included.

    Args:
        name: engine that the user named, or `auto` for a choice.
        model: shape of the network, or of the mixture.
        length: number of characters of each sample.
        num_samples: number of samples.
        settings: sampling settings; None for a temperature without other controls.
    """
    if name != "auto":
        return name
    characters = length * num_samples
    cores = "one core" if widest(model) <= LARGEST_OF_A_CORE else "all cores"
    alone, together = (JAX_MULTIPLICATIONS_PER_SECOND[kind] for kind in (cores, "together"))
    speed = min(alone * num_samples, together)
    jax_seconds = JAX_SECONDS_TO_START + characters * multiplications(model) / speed
    is_slower = jax_seconds < characters * numpy_seconds(model, settings)
    return "jax" if is_slower else "numpy"


def numpy_seconds(model: Shape, settings: SamplingSettings | None = None) -> float:
    """Estimate the time that the NumPy engine takes to write a character.

    Args:
        model: shape of the network, or of the mixture.
        settings: sampling settings; None for a temperature without other controls.
    """
    return (
        NUMPY_SECONDS_PER_CALL * sum(part.num_layers + 1 for part in parts_of(model))
        + NUMPY_SECONDS_PER_CONTROL * (settings.num_controls if settings else 0)
        + multiplications(model) / NUMPY_MULTIPLICATIONS_PER_SECOND
    )
