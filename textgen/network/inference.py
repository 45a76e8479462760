"""One step of a trained network, for NumPy and JAX arrays alike.

Generation and interpretation share it. Training, and the reading of long texts, run whole sequences
in `textgen.network.recurrence`.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.network.parameters import Arrays
from textgen.settings import ModelSettings

# Largest table of the first layer's input projections, in numbers: 128 MiB. A larger one would take
# several times the memory of the parameters.
LARGEST_TABLE = 2**25
# Each layer's state: its cell's named tuple, whose members are float32 [H] or [B, H].
States = tuple[Any, ...]


def prepare_parameters(parameters: Arrays) -> dict[str, NDArray[np.float32]]:
    """Replace the embedding and the first layer's input projection by their product.

    The first layer reads one of V characters, so that its V input projections can be computed once.
    Of a large alphabet they would take too much memory, so that nothing is replaced.

    Args:
        parameters: arrays by name, as in `textgen.network.parameters`. Those that were prepared
            before stay as they are.

    Returns:
        `table` [V, G], the first layer's input projection of each character with the bias added;
        and, by their names, all parameters but `embedding`, `layers.0.input_kernel` and
        `layers.0.bias`. Without a table, all parameters.
    """
    prepared = dict(parameters)
    kernel = prepared.get("layers.0.input_kernel")
    if kernel is None or len(prepared["embedding"]) * kernel.shape[1] > LARGEST_TABLE:
        return prepared
    del prepared["layers.0.input_kernel"]
    bias = prepared.pop("layers.0.bias")
    prepared["table"] = prepared.pop("embedding") @ kernel + bias
    return prepared


def step_layers(
    settings: ModelSettings, prepared: Any, token: Any, states: States
) -> Iterator[tuple[Any, Any]]:
    """Read one character, layer by layer.

    Args:
        settings: shape of the network.
        prepared: arrays that `prepare_parameters` returned.
        token: id of the character, an integer or int [B].
        states: state of each layer before the character, members [H] or [B, H].

    Yields:
        For each layer its pre-activations, which `Cell.gates` takes, and its state after the
        character.
    """
    cell, after = CELLS[settings.cell], None
    for layer, state in enumerate(states):
        if after is None and "table" in prepared:
            projection = prepared["table"][token]
        else:
            inputs = prepared["embedding"][token] if after is None else after.hidden
            projection = inputs @ prepared[f"layers.{layer}.input_kernel"]
            projection = projection + prepared[f"layers.{layer}.bias"]
        recurrent = state.hidden @ prepared[f"layers.{layer}.recurrent_kernel"]
        pre_activations = cell.combine(projection, recurrent)
        after = cell.step(pre_activations, state)
        yield pre_activations, after


def step_network(settings: ModelSettings, prepared: Any, token: Any, states: States) -> States:
    """Read one character as `step_layers` does; return the state of each layer after it."""
    return tuple(after for _, after in step_layers(settings, prepared, token, states))


def next_logits(settings: ModelSettings, prepared: Any, states: States) -> Any:
    """Return the logits of the next character, float32 [V] or [B, V].

    Args:
        settings: shape of the network.
        prepared: arrays that `prepare_parameters` returned.
        states: state of each layer after the last character, members [H] or [B, H].
    """
    return project(settings, prepared, projected_outputs(settings, states))


def project(settings: ModelSettings, prepared: Any, outputs: Any) -> Any:
    """Return the logits, float32 [..., V], that belong to `projected_outputs`, float32 [..., P]."""
    if settings.projection_rank:
        outputs = outputs @ prepared["projection.inner_kernel"]
    return outputs @ prepared["projection.kernel"] + prepared["projection.bias"]


def projected_outputs(settings: ModelSettings, states: States) -> Any:
    """Return the outputs that a projection reads of one stack, float32 [P] or [B, P]."""
    outputs = [state.hidden for state in states]
    if settings.projected == "last" or len(outputs) == 1:
        return outputs[-1]
    return outputs[-1].__array_namespace__().concat(outputs, axis=-1)
