"""The NumPy engine: one character at a time, and ready at once."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.generation.engine import Standing, Written
from textgen.generation.filters import surprise
from textgen.generation.sampler import Sampler, advance, draw
from textgen.network.cells import CELLS
from textgen.network.inference import States, fold_scales, next_logits, step_network
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings


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
