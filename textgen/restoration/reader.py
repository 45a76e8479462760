"""A trained network of both directions with NumPy: what stands before and behind a character."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.network.cells import CELLS
from textgen.network.inference import (
    States,
    prepare_parameters,
    projected_outputs,
    step_network,
)
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

# Number of unknown characters that stand for all that lies beyond a text. The state hardly changes
# with more of them.
UNKNOWN_AROUND = 16
ALL_ROWS = slice(None)


class TwoWayReader:
    """Predicts a character from the text before it and the text behind it.

    A logit is a sum of two parts: the part of the layers that read forward, and that of the layers
    that read backward, with the bias. `before` and `behind` return states and parts that can be
    combined freely, as long as they belong to the same position.

    Attributes:
        settings: shape of the network.
        bias: bias of the logits, float32 [V].
        prepared: what `prepare_parameters` returns for each stack of layers, `layers` and
            `backward`, under the names of a network of one direction.
        unknown_before: part of the logits that unknown text before a character gives, [1, V].
        unknown_behind: part that unknown text behind a character gives, with the bias, [1, V].
    """

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        """Prepare the network.

        Args:
            settings: its shape; the direction is `both`.
            parameters: its arrays by name.
        """
        self.settings = settings
        kernel = parameters["projection.kernel"]
        if settings.projection_rank:
            kernel = parameters["projection.inner_kernel"] @ kernel
        self._kernels = dict(zip(("layers", "backward"), np.split(kernel, 2), strict=True))
        self.bias = parameters["projection.bias"]
        self.prepared = {stack: _one_stack(parameters, stack) for stack in self._kernels}
        unknown = np.full((UNKNOWN_AROUND, 1), UNKNOWN_ID)
        # State of each stack after a long stretch of unknown text, members [1, H].
        self._unknown = {stack: self._run(stack, unknown)[-1] for stack in self._kernels}
        self.unknown_behind = self._part("backward", self._unknown["backward"]) + self.bias
        self.unknown_before = self._part("layers", self._unknown["layers"])

    def begin(self, rows: int, stack: str = "layers") -> States:
        """Return the states of a stack before it reads a text, members float32 [B, H].

        Nothing is known of what lies beyond the text.
        """
        return _repeated(self._unknown[stack], rows)

    def step(self, states: States, tokens: NDArray[np.integer]) -> States:
        """Read one character of each row forward; return the states after it.

        Args:
            states: members float32 [B, H].
            tokens: ids, int [B].
        """
        return step_network(self.settings, self.prepared["layers"], tokens, states)

    def before(self, states: States) -> NDArray[np.float32]:
        """Return the part of the next character's logits that the text before gives, [B, V]."""
        return self._part("layers", states)

    def parts_before(
        self, tokens: NDArray[np.integer], rows: slice = ALL_ROWS
    ) -> NDArray[np.float32]:
        """Return for each character the part of its logits that the text before it gives.

        Args:
            tokens: ids, int [N, B].
            rows: indices of the characters in [0, N), M of them.

        Returns:
            float32 [M, B, V].
        """
        every = [self.begin(tokens.shape[1]), *self._run("layers", tokens)]
        return np.stack([self._part("layers", states) for states in every[:-1][rows]])

    def parts_behind(
        self, tokens: NDArray[np.integer], rows: slice = ALL_ROWS
    ) -> NDArray[np.float32]:
        """Return for each character the part of its logits that the text behind it gives.

        Args:
            tokens: ids, int [N, B].
            rows: indices of the characters in [0, N), M of them.

        Returns:
            float32 [M, B, V], with the bias.
        """
        every = [self.begin(tokens.shape[1], "backward"), *self._run("backward", tokens[::-1])]
        behind = every[-2::-1][rows]
        return np.stack([self._part("backward", states) + self.bias for states in behind])

    def _part(self, stack: str, states: States) -> NDArray[np.float32]:
        outputs: NDArray[np.float32] = projected_outputs(self.settings, states)
        part: NDArray[np.float32] = outputs @ self._kernels[stack]
        return part

    def _run(self, stack: str, tokens: NDArray[np.integer]) -> list[States]:
        """Return the states of a stack after each of the ids [N, B]."""
        if stack in getattr(self, "_unknown", {}):
            states = self.begin(tokens.shape[1], stack)
        else:
            zero = np.zeros((tokens.shape[1], self.settings.hidden_size), np.float32)
            states = (CELLS[self.settings.cell].fill_state(zero),) * self.settings.num_layers
        every = []
        for row in tokens:
            states = step_network(self.settings, self.prepared[stack], row, states)
            every.append(states)
        return every


def _one_stack(parameters: Arrays, stack: str) -> dict[str, NDArray[np.float32]]:
    """Return one stack of layers under the names of a network of one direction, prepared."""
    arrays: Mapping[str, NDArray[np.float32]] = {
        name.replace(f"{stack}.", "layers.", 1): array
        for name, array in parameters.items()
        if name.startswith(f"{stack}.")
    }
    return prepare_parameters({"embedding": parameters["embedding"], **arrays})


def _repeated(states: States, rows: int) -> States:
    return tuple(type(state)(*(np.repeat(member, rows, 0) for member in state)) for state in states)


def log_probabilities(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return ln softmax(logits) without the unknown character, float32 [..., V].

    The unknown character, which is never written, has the probability 0.
    """
    known = logits.copy()
    known[..., UNKNOWN_ID] = -np.inf
    top = known.max(-1, keepdims=True)
    total: NDArray[np.float32] = np.log(np.exp(known - top).sum(-1, keepdims=True)) + top
    return known - total
