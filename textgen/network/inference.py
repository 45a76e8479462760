"""One step of a trained network, for NumPy and JAX arrays alike.

Writing and looking into a network share it. Training has the recurrence over a whole sequence.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS, Cell
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

States = tuple[Any, ...]  # for each layer its cell's named tuple, members float32 [H] or [B, H]


def fold_scales(settings: ModelSettings, parameters: Arrays) -> dict[str, NDArray[np.float32]]:
    """Prepare parameters for running: the cell's scales folded in, the first product made.

    Returns:
        For each layer l but the first `input_kernel.l` and `bias.l`; for each `recurrent_kernel.l`;
        `table` [V, G], the first layer's projection of each character; `kernel` and `bias` of the
        projection to logits.
    """
    scale = CELLS[settings.cell].scale_row(settings.hidden_size)
    folded = {}
    for layer in range(settings.num_layers):
        for part in ("input_kernel", "recurrent_kernel", "bias"):
            folded[f"{part}.{layer}"] = parameters[f"layers.{layer}.{part}"] * scale
    kernel, bias = folded.pop("input_kernel.0"), folded.pop("bias.0")
    folded["table"] = parameters["embedding"] @ kernel + bias
    folded["kernel"] = parameters["projection.kernel"]
    folded["bias"] = parameters["projection.bias"]
    return folded


def step_layers(cell: Cell, folded: Any, token: Any, states: States) -> Iterator[tuple[Any, Any]]:
    """Read one character in one layer after the other, for NumPy and JAX arrays alike.

    Args:
        cell: of the network.
        folded: what `fold_scales` returned.
        token: its id, an integer or int [B].
        states: every layer's state before, members [H] or [B, H].

    Yields:
        Of each layer the pre-activations, which `cell.gates` and `cell.step` take, and the state
        after.
    """
    after: Any = None
    for layer, state in enumerate(states):
        if after is None:
            projection = folded["table"][token]
        else:
            projection = after.hidden @ folded[f"input_kernel.{layer}"]
            projection = projection + folded[f"bias.{layer}"]
        recurrent = state.hidden @ folded[f"recurrent_kernel.{layer}"]
        combined = cell.combine(projection, recurrent)
        after = cell.step(combined, state)
        yield combined, after


def step_network(cell: Cell, folded: Any, token: Any, states: States) -> States:
    """Read one character in every layer, as `step_layers` does; return the states after."""
    return tuple(after for _, after in step_layers(cell, folded, token, states))


def next_logits(folded: Any, states: States) -> Any:
    """Return the logits of the character after the states, float32 [V] or [B, V]."""
    kernel, hidden = folded["kernel"], states[-1].hidden
    if kernel.shape[0] != hidden.shape[-1]:
        # The projection reads all layers side by side.
        hidden = hidden.__array_namespace__().concat([s.hidden for s in states], axis=-1)
    return hidden @ kernel + folded["bias"]
