"""Read long texts in a compiled loop, many times as fast as one character after the other."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from textgen.generation.jax_engine import sampling_mesh
from textgen.network.inference import States
from textgen.network.model import network_function
from textgen.network.parameters import Arrays
from textgen.runtime.numerics import standard_numerics
from textgen.settings import ModelSettings


class JaxReader:
    """Reads pieces of a text layer by layer; see `LongReader`.

    The products with the outputs of the layer below are computed for all characters of a piece at
    once. Only the recurrent products are computed one after the other.
    """

    # Long enough to make the cost of a call negligible, and short enough to be stopped in between.
    piece = 512

    def __init__(self, settings: ModelSettings, parameters: Arrays) -> None:
        # Made before JAX is used anywhere, so that JAX takes each core as a device.
        sampling_mesh(many=True)
        self._read, self._parameters = _compiled(settings), jax.device_put(parameters)

    @standard_numerics()
    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read a whole piece.

        Args:
            tokens: ids, int32 [`piece`].
            states: state of each layer before the first character, members float32 [H].

        Returns:
            The state of each layer after the last character.
        """
        rows = jax.tree.map(lambda member: member[None], states)
        after = self._read(self._parameters, tokens[None], rows)
        found: States = jax.tree.map(lambda member: np.asarray(member)[0], after)
        return found


@cache
def _compiled(settings: ModelSettings) -> Callable[..., Any]:
    """Return a compiled function that reads a text, one for all networks of a shape."""
    apply = network_function(settings)

    def read(parameters: Any, tokens: jax.Array, states: States) -> States:
        return apply(parameters, tokens, states, is_projected=False)[1]

    return jax.jit(read)
