"""How surprising each character of a text is to a network, read from the start.

A scorer carries the state from piece to piece, so that a text of any length takes the same memory.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

Nats = NDArray[np.float32]
# Characters that Unicode can hold: its code points without the halves of surrogate pairs.
UNICODE = 0x110000 - 0x800


class Scorer(Protocol):
    """Reads a text, and says how surprising its characters are.

    Attributes:
        piece: characters that are best given at a time; only the last piece may have fewer.
    """

    piece: int

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read on.

        Args:
            tokens: ids, int32 [T] with T in [1, piece].

        Returns:
            The surprise of each character, given all before it, in nats, float32 [T].
        """
        ...


class SeparateScorer(Scorer, Protocol):
    """Reads one long text, or many that have nothing to do with each other."""

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts, each by itself and from the start; see `read`."""
        ...


class NumpyScorer:
    """Reads one character after the other, and is ready at once."""

    piece = 512

    def __init__(self, settings: ModelSettings, parameters: Arrays, start: int) -> None:
        """Begin a text.

        Args:
            settings: the network's shape.
            parameters: its parameters.
            start: the id that is read before the first character.
        """
        self._engine = NumpyEngine(settings, parameters)
        first = np.array([start], np.int32)
        self._begin = self._states = self._engine.read(first, self._engine.zero_states())

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read on; see `Scorer.read`."""
        nats, self._states = self._engine.read_scored(tokens, self._states)
        return nats

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts, one after the other; see `Scorer.read_each`."""
        return [self._engine.read_scored(text, self._begin)[0] for text in texts]


def charge_unknown(nats: Nats, tokens: NDArray[np.int32], vocab_size: int) -> Nats:
    """Add to the surprise of unknown characters that of which one it was.

    A network gives its unknown character one probability for all characters that it does not know.
    Spread evenly over the rest of Unicode it makes the whole a distribution over all characters, so
    that networks of different vocabularies can be compared on any text.

    Args:
        nats: of each character, float32 [T].
        tokens: their ids, int32 [T].
        vocab_size: V of the network.

    Returns:
        float32 [T].
    """
    rest = math.log(UNICODE - (vocab_size - 1))
    return np.where(tokens == UNKNOWN_ID, nats + np.float32(rest), nats)


def posteriors(nats: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how probable each model is to have written a text, each as likely as any beforehand.

    Args:
        nats: the whole text's surprise to each model, float64 [..., M].

    Returns:
        float64 [..., M], each in [0, 1], with sum 1 (the theorem of Bayes).
    """
    odds = np.exp(np.min(nats, axis=-1, keepdims=True) - nats)
    shares: NDArray[np.float64] = odds / np.sum(odds, axis=-1, keepdims=True)
    return shares
