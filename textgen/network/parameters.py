"""The names and shapes of a network's parameters, on which model, checkpoint and engines agree."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.settings import ModelSettings

Arrays = Mapping[str, NDArray[np.float32]]


def parameter_shapes(settings: ModelSettings) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by its name.

    With G = the cell's number of gates * H: `embedding` [V, E]; for each layer l, of input width I,
    `layers.l.input_kernel` [I, G], `layers.l.recurrent_kernel` [H, G] and `layers.l.bias` [G];
    `projection.kernel` [H, V] and `projection.bias` [V]. Gates stand side by side in the order of
    the cell's equations.
    """
    hidden = settings.hidden_size
    gates = CELLS[settings.cell].num_gates * hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (settings.vocab_size, settings.embedding_size)
    }
    for layer in range(settings.num_layers):
        width = hidden if layer else settings.embedding_size
        shapes[f"layers.{layer}.input_kernel"] = (width, gates)
        shapes[f"layers.{layer}.recurrent_kernel"] = (hidden, gates)
        shapes[f"layers.{layer}.bias"] = (gates,)
    shapes["projection.kernel"] = (hidden, settings.vocab_size)
    shapes["projection.bias"] = (settings.vocab_size,)
    return shapes


def parameter_count(settings: ModelSettings) -> int:
    """Return how many numbers a network learns."""
    return sum(int(np.prod(shape)) for shape in parameter_shapes(settings).values())


def operations_per_character(settings: ModelSettings) -> int:
    """Return the multiplications and additions of the products that train on one character.

    Forward, and twice as many backward. The first layer has no input product, since it looks up
    that of each character there is; only that table's gradient is a product with one-hot ids.
    """
    hidden = settings.hidden_size
    gates = CELLS[settings.cell].num_gates * hidden
    forward = (2 * settings.num_layers - 1) * hidden * gates + hidden * settings.vocab_size
    return 2 * (3 * forward + settings.vocab_size * gates)
