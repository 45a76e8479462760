"""Read long texts in compiled loops, many times as fast as one character after the other."""

from collections.abc import Callable
from functools import cache, partial
from itertools import chain, cycle
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from textgen.generation.jax_engine import sampling_mesh
from textgen.network.cells import CELLS, Cell
from textgen.network.inference import States, prepare_parameters
from textgen.network.mixture import Mixture, Shape, parts_of, split_states
from textgen.network.products import look_up, product
from textgen.network.recurrence import run_recurrence
from textgen.runtime.numerics import standard_numerics
from textgen.settings import CellName, ModelSettings


class _Layer(NamedTuple):
    """A layer on the device that runs it.

    Attributes:
        device: the device.
        read: takes the layer's inputs and its state, and returns its outputs and its state after.
    """

    device: jax.Device
    read: Callable[[Any, Any], tuple[Any, Any]]


class JaxReader:
    """Reads pieces of a text layer by layer; see `LongReader`.

    The products with the outputs of the layer below are computed for all characters of a piece at
    once. Only the recurrent products are computed one after the other. Layers take turns on the
    devices: while one reads a piece, the layer below reads the next piece on another device.
    """

    # Long enough to make the cost of a call negligible, short enough that no layer waits for long.
    piece = 512
    # Largest number of pieces in one call: at the ends of a call some layers have nothing to do.
    most_pieces = 8
    # Largest number of multiplications in one call, if it reads more than two pieces: some tenths
    # of a second, so that reading can be stopped.
    most_multiplications = 2**33

    def __init__(self, shape: Shape, parameters: Any) -> None:
        """Place the parameters.

        Args:
            shape: of a network, or of a mixture.
            parameters: arrays of the network by name, or each `MixedPart` of the mixture.
        """
        # Made before JAX is used anywhere, so that JAX takes each core as a device.
        devices = cycle(sampling_mesh(many=True).devices.flat)
        self._shape, self._readings = shape, None
        arrays = [parameters]
        if isinstance(shape, Mixture):
            arrays = [part.arrays for part in parameters]
            self._readings = [part.readings for part in parameters]
        prepared = [prepare_parameters(own) for own in arrays]
        self._networks = [
            [_place(settings, own, layer, next(devices)) for layer in range(settings.num_layers)]
            for settings, own in zip(parts_of(shape), prepared, strict=True)
        ]
        arrays_of_layers = (own[name] for own in prepared for name in own if "layers." in name)
        room = self.most_multiplications // (sum(map(np.size, arrays_of_layers)) * self.piece)
        self.pieces = min(max(room, 2), self.most_pieces)

    @standard_numerics()
    def read(self, tokens: NDArray[np.int32], states: States) -> States:
        """Read whole pieces.

        Args:
            tokens: ids, int32 [N], where N is a multiple of `piece`.
            states: state of each layer before the first character, members float32 [H].

        Returns:
            The state of each layer after the last character.
        """
        texts, each = [tokens], [states]
        if isinstance(self._shape, Mixture):
            assert self._readings is not None
            texts = [readings[tokens] for readings in self._readings]
            each = split_states(self._shape, states)
        rows = [[jax.tree.map(lambda member: member[None], one) for one in own] for own in each]
        # Calls return before they are computed, so that all devices have work.
        for begin in range(0, len(tokens), self.piece):
            for layers, text, own in zip(self._networks, texts, rows, strict=True):
                inputs: Any = text[begin : begin + self.piece, None]
                for number, layer in enumerate(layers):
                    given = jax.device_put((inputs, own[number]), layer.device)
                    inputs, own[number] = layer.read(*given)
        after: States = jax.tree.map(lambda member: np.asarray(member)[0], (*chain(*rows),))
        return after


def _place(settings: ModelSettings, prepared: Any, number: int, device: jax.Device) -> _Layer:
    """Place a layer of a network, whose parameters were prepared, on a device."""
    beginning = f"layers.{number}."
    own = {
        name.removeprefix(beginning): array
        for name, array in prepared.items()
        if name.startswith(beginning) or (not number and name in ("table", "embedding"))
    }
    return _Layer(device, partial(_compiled(settings.cell), jax.device_put(own, device)))


@cache
def _compiled(cell: CellName) -> Callable[..., Any]:
    """Return a compiled function that runs a layer along a text, one for all layers of a cell."""
    return jax.jit(partial(_read, CELLS[cell]))


def _read(cell: Cell, weights: Any, inputs: Any, state: Any) -> tuple[jax.Array, Any]:
    """Run a layer along a text.

    Args:
        cell: cell of the layer.
        weights: parameters of the layer; for the first layer also its `table` [V, G], as
            `prepare_parameters` returns it, or the `embedding` [V, E].
        inputs: for the first layer ids, int32 [T, 1]; for any other the outputs of the layer below,
            float32 [T, 1, H].
        state: state before the first character, members [1, H].

    Returns:
        The outputs, float32 [T, 1, H], and the state after the last character.
    """
    recurrent_kernel = weights["recurrent_kernel"]
    if "table" in weights:
        # The table contains the bias.
        bias = jnp.zeros(weights["table"].shape[1])
        projections = look_up(weights["table"], inputs)
    else:
        bias = weights["bias"]
        vectors = look_up(weights["embedding"], inputs) if "embedding" in weights else inputs
        projections = product(vectors, weights["input_kernel"])
    return run_recurrence(cell, "float32", projections, bias, recurrent_kernel, state)
