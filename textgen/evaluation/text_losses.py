"""The losses of a text to a network, or to several whose probabilities are mixed."""

from collections.abc import Sequence
from typing import Any, cast

import jax

from textgen.network.inference import States
from textgen.network.mixture import Mixture, Shape, mixed_nats, split_states
from textgen.network.model import Apply, network_function
from textgen.training.loss import prediction_losses


def shape_function(shape: Shape) -> Apply | tuple[Apply, ...]:
    """Return the function of a network, or those of the parts of a mixture."""
    if isinstance(shape, Mixture):
        return tuple(map(network_function, shape.parts))
    return network_function(shape)


def text_losses(
    apply: Apply | tuple[Apply, ...],
    shape: Shape,
    parameters: Any,
    inputs: jax.Array,
    targets: jax.Array,
    states: States,
    labels: jax.Array | None = None,
) -> tuple[jax.Array, States]:
    """Read a text and return the loss of each prediction; see `prediction_losses`.

    Args:
        apply: what `shape_function` returns.
        shape: shape of the network, or of a mixture.
        parameters: arrays of the network by name, or each `MixedPart` of a mixture.
        inputs: ids, int32 [B, T].
        targets: the id after each input, int32 [B, T].
        states: state of each layer before the first character, members [B, H].
        labels: ids of the labels at each input, for one network alone.

    Returns:
        float32 [T, B], and the state of each layer after the last character.
    """
    if not isinstance(shape, Mixture):
        function = cast(Apply, apply)
        return prediction_losses(function, shape, parameters, inputs, targets, states, labels)
    nats, after = list[jax.Array](), cast(States, ())
    functions, own_states = cast(Sequence[Apply], apply), split_states(shape, states)
    parts = zip(functions, shape.parts, parameters, own_states, strict=True)
    for one, settings, part, own in parts:
        read, wanted = part.readings[inputs], part.readings[targets]
        found, last = prediction_losses(one, settings, part.arrays, read, wanted, own)
        nats.append(found)
        after += last
    return mixed_nats(nats, targets.T, parameters), after
