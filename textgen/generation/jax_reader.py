"""Read long texts in a compiled loop, many times as fast as one character after the other."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import numpy as np
from numpy.typing import NDArray

from textgen.generation.jax_engine import sampling_mesh
from textgen.network.inference import States
from textgen.network.mixture import Mixture, Shape, parts_of, split_states
from textgen.network.model import network_function
from textgen.runtime.numerics import standard_numerics
from textgen.settings import ModelSettings


class JaxReader:
    """Reads pieces of a text layer by layer; see `LongReader`.

    The products with the outputs of the layer below are computed for all characters of a piece at
    once. Only the recurrent products are computed one after the other.
    """

    # Long enough to make the cost of a call negligible, and short enough to be stopped in between.
    piece = 512

    def __init__(self, shape: Shape, parameters: Any) -> None:
        """Place the parameters.

        Args:
            shape: of a network, or of a mixture.
            parameters: arrays of the network by name, or each `MixedPart` of the mixture.
        """
        # Made before JAX is used anywhere, so that JAX takes each core as a device.
        sampling_mesh(many=True)
        self._shape, self._readings = shape, None
        arrays = [parameters]
        if isinstance(shape, Mixture):
            arrays = [part.arrays for part in parameters]
            self._readings = [part.readings for part in parameters]
        self._networks = [
            (_compiled(settings), jax.device_put(own))
            for settings, own in zip(parts_of(shape), arrays, strict=True)
        ]

    @standard_numerics()
    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read a whole piece.

        Args:
            tokens: ids, int32 [`piece`].
            states: state of each layer before the first character, members float32 [H].

        Returns:
            The state of each layer after the last character.
        """
        texts, each = [tokens], [states]
        if isinstance(self._shape, Mixture):
            assert self._readings is not None
            texts = [readings[tokens] for readings in self._readings]
            each = split_states(self._shape, states)
        after: States = ()
        for (read, parameters), text, own in zip(self._networks, texts, each, strict=True):
            rows = jax.tree.map(lambda member: member[None], own)
            found = read(parameters, text[None], rows)
            after += jax.tree.map(lambda member: np.asarray(member)[0], found)
        return after


@cache
def _compiled(settings: ModelSettings) -> Callable[..., Any]:
    """Return a compiled function that reads a text, one for all networks of a shape."""
    apply = network_function(settings)

    def read(parameters: Any, tokens: jax.Array, states: States) -> States:
        return apply(parameters, tokens, states, is_projected=False)[1]

    return jax.jit(read)
