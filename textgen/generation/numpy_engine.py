"""The NumPy engine: it writes one character at a time and needs no compilation."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.generation.engine import Standing, Written
from textgen.generation.filters import surprise
from textgen.generation.sampler import Sampler, advance, draw
from textgen.network.inference import States
from textgen.network.mixture import Shape, predict, prepare, read_character, zero_state


class NumpyEngine:
    """A network, or a mixture of several, that reads and writes with NumPy; see `Engine`.

    Attributes:
        parameters: arrays of the network by name, or each `MixedPart` of a mixture.
    """

    piece = 512

    def __init__(self, settings: Shape, parameters: Any) -> None:
        self.settings, self.parameters = settings, parameters
        self._prepared = prepare(parameters)

    def zero_states(self) -> States:
        """Return the state of each layer before any text: members of zeros, float32 [H]."""
        return zero_state(self.settings)

    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read characters one after the other.

        Args:
            tokens: ids, int32 [T], or int32 [T, B] to read B texts side by side.
            states: state of each layer before the first character, members float32 [H] or [B, H].

        Returns:
            The state of each layer after the last character.
        """
        for token in tokens.tolist():
            states = self._step(token, states)
        return states

    def read_scored(
        self, tokens: NDArray[np.int32], states: States
    ) -> tuple[NDArray[np.float32], States]:
        """Read characters one after the other and measure the surprise of each.

        Args:
            tokens: ids, int32 [T].
            states: state of each layer before the first character, members float32 [H].

        Returns:
            The surprise of each character in nats, float32 [T], and the state of each layer after
            the last character.
        """
        nats = np.zeros(len(tokens), np.float32)
        for index, token in enumerate(tokens.tolist()):
            nats[index] = surprise(self.logits(states), token)
            states = self._step(token, states)
        return nats, states

    def logits(self, states: States) -> NDArray[np.float32]:
        """Return the logits of the next character, float32 [V] or [B, V]."""
        logits: NDArray[np.float32] = predict(self.settings, self._prepared, states)
        return logits

    def _step(self, token: int | list[int], states: States) -> States:
        return read_character(self.settings, self._prepared, token, states)

    def write(
        self,
        standings: Sequence[Standing],
        uniforms: NDArray[np.float32],
        temperatures: NDArray[np.float32],
        sampler: Sampler,
        *,
        is_scored: bool,
    ) -> Written:
        """Write the samples one after the other; see `Engine.write`."""
        knobs, after = sampler.knobs, []
        tokens, nats = np.zeros(uniforms.shape, np.int32), np.zeros(uniforms.shape, np.float32)
        for sample, (recurrent, control) in enumerate(standings):
            for index, temperature in enumerate(temperatures):
                logits = self.logits(recurrent)
                token = draw(logits, uniforms[sample, index], temperature, control, knobs)
                tokens[sample, index] = token
                if is_scored:
                    nats[sample, index] = surprise(logits, token)
                control = advance(control, token, knobs)
                recurrent = self._step(token, recurrent)
            after.append(Standing(recurrent, control))
        return Written(tokens, nats, after)
