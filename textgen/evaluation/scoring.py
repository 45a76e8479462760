"""The surprise of each character of a text to a network.

A scorer carries the state from piece to piece, so that a text of any length takes the same memory.
"""

import math
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNICODE, UNKNOWN_ID
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.mixture import MixedPart, mixed_nats
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

Nats = NDArray[np.float32]


class Scorer(Protocol):
    """Reads a text piece by piece and returns the surprise of its characters.

    Attributes:
        piece: number of characters of a piece. Only the last piece may be shorter.
    """

    piece: int

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read the next piece.

        Args:
            tokens: ids, int32 [T] with T in [1, piece].

        Returns:
            The surprise of each character given all characters before it, in nats, float32 [T].
        """
        ...


class SeparateScorer(Scorer, Protocol):
    """Reads one long text, or many independent texts."""

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts, each from the start; see `read`."""
        ...


AScorer = TypeVar("AScorer", bound=Scorer)


class NumpyScorer:
    """Reads one character after the other with NumPy, without any time to start."""

    piece = 512

    def __init__(self, settings: ModelSettings, parameters: Arrays, start: int) -> None:
        """Begin a text.

        Args:
            settings: shape of the network.
            parameters: parameters of the network.
            start: id that is read before the first character.
        """
        self._engine = NumpyEngine(settings, parameters)
        first = np.array([start], np.int32)
        self._begin = self._states = self._engine.read(first, self._engine.zero_states())

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read the next piece; see `Scorer.read`."""
        nats, self._states = self._engine.read_scored(tokens, self._states)
        return nats

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts, one after the other; see `SeparateScorer.read_each`."""
        return [self._engine.read_scored(text, self._begin)[0] for text in texts]


class MixedScorer(Generic[AScorer]):
    """Reads a text with several networks, and mixes the probabilities that they give to it."""

    def __init__(self, scorers: Sequence[AScorer], parts: Sequence[MixedPart]) -> None:
        """Begin a text.

        Args:
            scorers: what reads with each network, all of one kind, at the beginning of the text.
            parts: what is mixed, in the same order.
        """
        self.piece = scorers[0].piece
        self._scorers, self._parts = scorers, parts

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read the next piece; see `Scorer.read`."""
        pairs = zip(self._scorers, self._parts, strict=True)
        nats = [scorer.read(part.readings[tokens]) for scorer, part in pairs]
        mixed: Nats = mixed_nats(nats, tokens, self._parts)
        return mixed


class MixedSeparateScorer(MixedScorer[SeparateScorer]):
    """Reads independent texts too, with several networks."""

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts, each from the start; see `SeparateScorer.read_each`."""
        pairs = zip(self._scorers, self._parts, strict=True)
        found = [
            scorer.read_each([part.readings[text] for text in texts]) for scorer, part in pairs
        ]
        return [
            mixed_nats(nats, text, self._parts) for text, *nats in zip(texts, *found, strict=True)
        ]


def charge_unknown(nats: Nats, tokens: NDArray[np.int32], vocab_size: int) -> Nats:
    """Add to the surprise of each unknown character the surprise of which one it is.

    A network gives one probability to all the characters that it does not know together. Divided
    equally among these characters, it makes a distribution over all of Unicode. So networks with
    different vocabularies can be compared on any text.

    Args:
        nats: surprise of each character, float32 [T].
        tokens: ids of the characters, int32 [T].
        vocab_size: V of the network.

    Returns:
        float32 [T].
    """
    rest = math.log(UNICODE - (vocab_size - 1))
    return np.where(tokens == UNKNOWN_ID, nats + np.float32(rest), nats)


def posteriors(
    nats: NDArray[np.float64], priors: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return the posterior probability of each model, given a text that one of them wrote.

    By Bayes' theorem.

    Args:
        nats: surprise of the whole text to each of M models, float64 [..., M].
        priors: prior probability of each model, float64 [M], above 0; None for the same for all.

    Returns:
        float64 [..., M], each in [0, 1], with sum 1.
    """
    if priors is not None:
        nats = nats - np.log(priors)
    odds = np.exp(np.min(nats, axis=-1, keepdims=True) - nats)
    shares: NDArray[np.float64] = odds / np.sum(odds, axis=-1, keepdims=True)
    return shares
