"""A network that goes on learning from the text that it reads, one segment after the other.

What it has learnt is a function of the text and of the number of segments alone: learning the same
text again on the same machine gives the same bytes.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.errors import UsageError
from textgen.network.inference import States
from textgen.network.parameters import Arrays
from textgen.settings import LearningSettings, ModelSettings

SETTINGS = LearningSettings()
# Nats that the learnt network may lose to the trained one, summed up since it was last ahead. Then
# the weights go back to the trained ones: 10 nats are 0.005 nats for each of 2,000 characters.
MOST_EXCESS = 10.0


@dataclass(frozen=True)
class Learnt:
    """A network after it has learnt the first segments of a text.

    Attributes:
        segments: number of segments that it has learnt.
        characters: number of characters in them.
        nats: surprise of these characters, each before it was learnt, in nats.
        trained_nats: their surprise to the network that does not learn, in nats.
        returns: how often the weights went back to the trained ones, because the learnt network
            predicted worse.
        weights: its parameters by name.
        states: state of each of its layers after the segments, members [1, H].
        trained_states: state of each layer of the network that does not learn.
        excess: nats lost to the trained network since the learnt one was last ahead, at least 0.
    """

    segments: int
    characters: int
    nats: float
    trained_nats: float
    returns: int
    weights: dict[str, Any]
    states: States
    trained_states: States
    excess: float

    @property
    def bits_per_character(self) -> float:
        """Surprise of a character before it was learnt, in bits; 0 if there are none."""
        return self.nats / math.log(2) / max(self.characters, 1)

    @property
    def trained_bits_per_character(self) -> float:
        """Surprise of a character to the network that does not learn, in bits."""
        return self.trained_nats / math.log(2) / max(self.characters, 1)

    @cached_property
    def arrays(self) -> dict[str, NDArray[np.float32]]:
        """The parameters as arrays of NumPy."""
        return {name: np.asarray(array) for name, array in self.weights.items()}

    def to_json(self) -> dict[str, Any]:
        """Return how much was learnt and how well it was predicted, as JSON can hold it."""
        return {
            "characters": self.characters,
            "bits_per_character": self.bits_per_character,
            "trained_bits_per_character": self.trained_bits_per_character,
            "weights": self.sha256,
        }

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the weights, in hexadecimal."""
        digest = hashlib.sha256()
        for _, array in sorted(self.arrays.items()):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @property
    def nbytes(self) -> int:
        """Size of the weights in bytes."""
        return sum(int(array.nbytes) for array in self.weights.values())


class TextLearner:
    """Learns texts segment by segment. Creating one starts JAX and reads some training text.

    Attributes:
        segment: number of characters of a segment.
        trained: the network before it has learnt anything.
    """

    def __init__(
        self,
        model: ModelSettings,
        parameters: Arrays,
        training: Tokens | None,
        settings: LearningSettings = SETTINGS,
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """Prepare to learn.

        Args:
            model: shape of the network.
            parameters: its arrays by name, which are not changed.
            training: ids of the training text, [N], which say how far each weight may move; None if
                it was not kept.
            settings: how to learn.
            check: function that is called now and then, and may raise an error to end this.

        Raises:
            UsageError: if the training text was not kept, or JAX cannot start.
        """
        if training is None:
            raise UsageError("the run has not kept its training text, which learning needs")
        # Here, so that what does not learn starts without JAX.
        from textgen.network.model import network_function, zero_states
        from textgen.training.online import Learner, OnlineTraining

        self.segment = settings.segment
        self._learner = Learner(settings.learning_rate, settings.decay)
        self._online = OnlineTraining(network_function(model), model, settings.segment)
        weights = {name: np.asarray(array) for name, array in parameters.items()}
        self._roots = self._online.roots(weights, training, check)
        zero = zero_states(model, 1)
        self.trained = Learnt(0, 0, 0.0, 0.0, 0, weights, zero, zero, 0.0)

    def segments_in(self, tokens: NDArray[np.int32]) -> int:
        """Return the number of whole segments in a text; its first id is only read."""
        return max(len(tokens) - 1, 0) // self.segment

    def learn(self, tokens: NDArray[np.int32], learnt: Learnt | None = None) -> Iterator[Learnt]:
        """Learn a text.

        Args:
            tokens: ids of the text, int32 [N]. The first one is only read. Characters that fill no
                whole segment are not learnt.
            learnt: what was learnt of the beginning of this text; None for nothing.

        Yields:
            What was learnt after each further segment.
        """
        learnt = learnt or self.trained
        for number in range(learnt.segments, self.segments_in(tokens)):
            begin = number * self.segment
            learnt = self._step(learnt, tokens[begin : begin + self.segment + 1][None])
            yield learnt

    def _step(self, learnt: Learnt, segments: NDArray[np.int32]) -> Learnt:
        trained = self.trained.weights
        weights, states, nats = self._online.adapt(
            learnt.weights, learnt.states, trained, self._roots, segments, self._learner
        )
        trained_states, trained_nats = self._online.read(trained, learnt.trained_states, segments)
        found, expected = float(np.sum(nats)), float(np.sum(trained_nats))
        after = replace(
            learnt,
            segments=learnt.segments + 1,
            characters=learnt.characters + segments.shape[1] - 1,
            nats=learnt.nats + found,
            trained_nats=learnt.trained_nats + expected,
            weights=weights,
            states=states,
            trained_states=trained_states,
            excess=max(learnt.excess + found - expected, 0.0),
        )
        is_sound = math.isfinite(after.excess) and all(
            np.isfinite(array).all() for array in after.arrays.values()
        )
        if is_sound and after.excess <= MOST_EXCESS:
            return after
        return replace(
            after,
            nats=after.nats if math.isfinite(found) else learnt.nats + expected,
            returns=learnt.returns + 1,
            weights=trained,
            states=trained_states,
            excess=0.0,
        )

    def measure(
        self, weights: dict[str, Any], states: States, tokens: NDArray[np.int32], begin: int
    ) -> float:
        """Return how well weights predict a part of a text, in nats per character.

        Args:
            weights: parameters of the network by name.
            states: state of each layer before the part, members [1, H].
            tokens: ids of the text up to the end of the part, int32 [N].
            begin: index of the id before the first one that is predicted. The whole segments from
                there on are measured, at least one.
        """
        losses = []
        for first in range(begin, len(tokens) - self.segment, self.segment):
            segment = tokens[first : first + self.segment + 1][None]
            states, nats = self._online.read(weights, states, segment)
            losses.append(nats)
        return float(np.mean(losses))


class Lesson(NamedTuple):
    """A text that is learnt piece by piece.

    Attributes:
        learner: what learns it.
        tokens: ids of the text so far, int32 [N]. The first one is only read.
        learnt: what was learnt of it.
    """

    learner: TextLearner
    tokens: NDArray[np.int32]
    learnt: Learnt

    def followed_by(self, tokens: NDArray[np.int32]) -> "Lesson":
        """Return the text with more characters, int32 [T], after its whole segments are learnt."""
        tokens, learnt = np.concatenate([self.tokens, tokens]), self.learnt
        for each in self.learner.learn(tokens, learnt):
            learnt = each
        return Lesson(self.learner, tokens, learnt)
