"""Compiled scorers: one for long texts, and one that goes on learning while it reads."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.evaluation.protocols import DynamicEvaluator
from textgen.evaluation.scoring import Nats
from textgen.network.inference import States
from textgen.network.model import Parameters, network_function, zero_states
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings
from textgen.training.loss import prediction_losses


@cache
def _reader(settings: ModelSettings) -> Callable[..., tuple[jax.Array, States]]:
    """Return a compiled function that reads texts, one for all networks of a shape."""
    apply = network_function(settings)

    @jax.jit
    def read(
        parameters: Parameters, states: States, inputs: jax.Array, targets: jax.Array
    ) -> tuple[jax.Array, States]:
        nats, states = prediction_losses(apply, settings, parameters, inputs, targets, states)
        return nats.T, states

    return cast(Callable[..., tuple[jax.Array, States]], read)


class JaxScorer:
    """Reads a long text in a compiled loop, and independent texts side by side."""

    piece = 4096
    # Number of texts read side by side, and characters of each that a compiled call reads.
    rows = 128
    columns = 16

    def __init__(self, settings: ModelSettings, parameters: Arrays, start: int) -> None:
        """Begin a text; see `NumpyScorer`."""
        self._read, self._settings, self._start = _reader(settings), settings, start
        self._parameters = {name: jnp.asarray(array) for name, array in parameters.items()}
        self._last, self._states = start, zero_states(settings, 1)

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read the next piece; see `Scorer.read`."""
        padded = np.zeros((1, self.piece + 1), np.int32)
        padded[0, 0], padded[0, 1 : len(tokens) + 1] = self._last, tokens
        nats, self._states = self._read(
            self._parameters, self._states, padded[:, :-1], padded[:, 1:]
        )
        self._last = int(tokens[-1])
        return np.asarray(nats)[0, : len(tokens)]

    def read_each(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        """Read several texts side by side; see `SeparateScorer.read_each`."""
        # Texts of about the same length are read together.
        order = sorted(range(len(texts)), key=lambda number: len(texts[number]))
        found: dict[int, Nats] = {}
        for begin in range(0, len(order), self.rows):
            chosen = order[begin : begin + self.rows]
            found |= zip(chosen, self._read_rows([texts[n] for n in chosen]), strict=True)
        return [found[number] for number in range(len(texts))]

    def _read_rows(self, texts: Sequence[NDArray[np.int32]]) -> list[Nats]:
        longest = max(map(len, texts))
        width = -(-longest // self.columns) * self.columns
        padded = np.zeros((self.rows, width + 1), np.int32)
        padded[:, 0] = self._start
        for row, text in enumerate(texts):
            padded[row, 1 : len(text) + 1] = text
        states, parts = zero_states(self._settings, self.rows), []
        for at in range(0, width, self.columns):
            inputs, targets = (padded[:, at + k : at + k + self.columns] for k in (0, 1))
            nats, states = self._read(self._parameters, states, inputs, targets)
            parts.append(np.asarray(nats))
        together = np.concatenate(parts, axis=1) if parts else padded[:, :0].astype(np.float32)
        return [together[row, : len(text)] for row, text in enumerate(texts)]


class DynamicScorer:
    """Goes on learning from the text that it reads, as `DynamicEvaluator` does."""

    def __init__(
        self, settings: ModelSettings, parameters: Arrays, start: int, training: Tokens
    ) -> None:
        """Begin a text.

        Args:
            settings: shape of the network.
            parameters: parameters of the network, which are not changed.
            start: id that is read before the first character.
            training: ids of the training text, [N].
        """
        evaluator = DynamicEvaluator(network_function(settings), settings)
        self.piece = evaluator.piece
        weights = {name: jnp.asarray(array) for name, array in parameters.items()}
        self._read, self._last = evaluator.begin(weights, training), start

    def read(self, tokens: NDArray[np.int32]) -> Nats:
        """Read the next piece; see `Scorer.read`."""
        nats = self._read(np.append(self._last, tokens))
        self._last = int(tokens[-1])
        return nats
