"""Names and shapes of a network's parameters.

The Flax model, checkpoints and both engines use them.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.settings import ModelSettings

Arrays = Mapping[str, NDArray[np.float32]]
# Largest vocabulary for which a product with one-hot ids is faster than the gather or the scatter
# that it replaces.
MAX_ONE_HOT = 512
# Logits of a large vocabulary that are held at once, unless those of one time step are more: they
# fit into the caches of a core.
LOGITS_AT_ONCE = 2**20
# Most logits that are held at once where those of one time step are more: 64 MiB.
MOST_LOGITS = 2**24
# Last part of the names of the vectors of labels, and of the kernels inside the layers.
LABEL_KERNEL, INNER_KERNELS = "label_kernel", ("input_kernel", "recurrent_kernel")


def parameter_shapes(settings: ModelSettings) -> dict[str, tuple[int, ...]]:
    """Return the shape of every parameter by name.

    The names are `embedding` [V, E]; for each layer l of input width I `layers.l.input_kernel`
    [I, G], `layers.l.recurrent_kernel` [H, G] and `layers.l.bias` [G]; `projection.kernel` [P, V]
    and `projection.bias` [V]. If documents have L labels, each layer has `layers.l.label_kernel`
    [L, G] too. If the projection has a rank R, `projection.inner_kernel` [P, R] comes before
    `projection.kernel`, which is [R, V]. In a network of both directions,
    `backward.l.input_kernel` and so on belong to the layers that read backward.

    G is the cell's number of gates times H, with the gates side by side in the order of the cell's
    equations. P is H, or num_layers * H if the projection reads all layers, and twice that if it
    reads both directions.
    """
    hidden = settings.hidden_size
    gates = CELLS[settings.cell].num_gates * hidden
    shapes: dict[str, tuple[int, ...]] = {
        "embedding": (settings.vocab_size, settings.embedding_size)
    }
    for stack in stacks(settings):
        for layer in range(settings.num_layers):
            width = hidden if layer else settings.embedding_size
            shapes[f"{stack}.{layer}.input_kernel"] = (width, gates)
            shapes[f"{stack}.{layer}.recurrent_kernel"] = (hidden, gates)
            shapes[f"{stack}.{layer}.bias"] = (gates,)
            if settings.num_labels:
                shapes[f"{stack}.{layer}.{LABEL_KERNEL}"] = (settings.num_labels, gates)
    if settings.projection_rank:
        shapes["projection.inner_kernel"] = (projected_size(settings), settings.projection_rank)
    width = settings.projection_rank or projected_size(settings)
    shapes["projection.kernel"] = (width, settings.vocab_size)
    shapes["projection.bias"] = (settings.vocab_size,)
    return shapes


def describe_parameters(settings: ModelSettings) -> dict[str, Any]:
    """Return what the arrays of a network mean, for a program or a person, as JSON can hold it.

    Returns:
        `columns`, the names of the blocks of H columns in kernels and biases; `step`, the formulas
        of a layer as lines of Python, whose `h` and `c` are zero before the first character; and
        `logits`, the formula of the logits.
    """
    cell = CELLS[settings.cell]
    inputs, recurrent = "x @ input_kernel + bias", "h @ recurrent_kernel"
    if settings.num_labels:
        inputs += " + weights @ label_kernel"
    others = cell.columns[cell.num_shared :]
    whole = "h of all layers side by side" if settings.projected == "all" else "h of the last layer"
    if settings.direction == "both":
        whole = (
            f"({whole} after the character before, then {whole} of the layers `backward`, which "
            "read from the end, after the character behind)"
        )
    inner = " @ projection.inner_kernel" if settings.projection_rank else ""
    return {
        "cell": cell.name,
        "columns": list(cell.columns),
        "x": "embedding[id] in layer 0, and h of the layer below in any other",
        **(
            {"weights": "the share of each label in the order of config.json, zero if left out"}
            if settings.num_labels
            else {}
        ),
        "blocks": {
            **{f"a_{name}": f"{inputs} + {recurrent}" for name in cell.columns[: cell.num_shared]},
            **{f"x_{name}": inputs for name in others},
            **{f"h_{name}": recurrent for name in others},
        },
        "step": list(cell.formulas),
        "logits": f"{whole}{inner} @ projection.kernel + projection.bias",
    }


def stacks(settings: ModelSettings) -> tuple[str, ...]:
    """Return the names of the stacks of layers: `layers`, and `backward` if there is a second."""
    return ("layers", "backward") if settings.direction == "both" else ("layers",)


def with_labels(
    settings: ModelSettings, parameters: Arrays, weights: NDArray[np.float32] | None = None
) -> tuple[ModelSettings, Arrays]:
    """Return the network without labels that a network is when its labels stay the same.

    Labels add a vector to the projections of each layer. A vector that stays the same is part of
    the bias.

    Args:
        settings: shape of a network.
        parameters: its arrays by name.
        weights: share of each label, float32 [L]; None to leave all labels out.

    Returns:
        The shape and the arrays of the network without labels.
    """
    if not settings.num_labels:
        return settings, parameters
    plain = {name: array for name, array in parameters.items() if not name.endswith(LABEL_KERNEL)}
    if weights is not None:
        for name in parameters:
            if name.endswith(LABEL_KERNEL):
                bias = name.replace(LABEL_KERNEL, "bias")
                plain[bias] = plain[bias] + weights @ parameters[name]
    return replace(settings, num_labels=0), plain


def projected_size(settings: ModelSettings) -> int:
    """Return P, the number of inputs of the projection to logits."""
    layers = settings.num_layers if settings.projected == "all" else 1
    return settings.hidden_size * layers * len(stacks(settings))


def parameter_count(settings: ModelSettings) -> int:
    """Return the number of values that a network learns."""
    return sum(int(np.prod(shape)) for shape in parameter_shapes(settings).values())


def multiplications_per_character(settings: ModelSettings) -> int:
    """Return the number of multiplications in the matrix products that predict one character.

    The first layer looks up its input projection in a table, which needs none.
    """
    hidden = settings.hidden_size
    gates = CELLS[settings.cell].num_gates * hidden
    inner = (2 * settings.num_layers - 1) * hidden * gates * len(stacks(settings))
    projected = projected_size(settings)
    if rank := settings.projection_rank:
        return inner + (projected + settings.vocab_size) * rank
    return inner + projected * settings.vocab_size


def operations_per_character(settings: ModelSettings) -> int:
    """Return the number of operations in the matrix products that train on one character.

    Multiplications and additions count separately. The backward pass has twice as many as the
    forward pass, and one product more: the gradient of the first layer's table of projections is a
    product with one-hot ids. A large vocabulary has no table. The embedding of each character is
    projected instead.
    """
    gates = CELLS[settings.cell].num_gates * settings.hidden_size * len(stacks(settings))
    is_large = settings.vocab_size > MAX_ONE_HOT
    first = 3 * settings.embedding_size * gates if is_large else settings.vocab_size * gates
    return 2 * (3 * multiplications_per_character(settings) + first)
