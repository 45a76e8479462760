"""One step of a trained network, or of several whose probabilities are mixed.

A mixture is used as one network is: it has a state, which is that of all its parts; it reads a
character with each of them; and it predicts the next one. The functions here are for NumPy and JAX
arrays alike.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple, cast

import numpy as np

from textgen.network.cells import CELLS
from textgen.network.inference import States, next_logits, prepare_parameters, step_network
from textgen.network.parameters import multiplications_per_character
from textgen.settings import ModelSettings


@dataclass(frozen=True, kw_only=True)
class Mixture:
    """The shape of several networks whose probabilities are mixed.

    Attributes:
        parts: shape of each network.
        vocab_size: U, the number of ids of the mixture.
    """

    parts: tuple[ModelSettings, ...]
    vocab_size: int


Shape = ModelSettings | Mixture


class MixedPart(NamedTuple):
    """The arrays of one network of a mixture of U ids.

    Attributes:
        arrays: the arrays of the network by name, of V ids; or what `prepare` makes of them.
        weight: float32, the weight of its probabilities, in (0, 1).
        readings: int32 [U], the id that the network reads and predicts for each id of the mixture.
        shares: float32 [U], ln of the weight times the share of the probability of that id; minus
            infinity where the network gives an id of the mixture no probability.
    """

    arrays: Mapping[str, Any]
    weight: Any
    readings: Any
    shares: Any


def parts_of(shape: Shape) -> tuple[ModelSettings, ...]:
    """Return the shapes of all networks: of one network its own."""
    return shape.parts if isinstance(shape, Mixture) else (shape,)


def widest(shape: Shape) -> int:
    """Return the hidden size of the largest network."""
    return max(part.hidden_size for part in parts_of(shape))


def multiplications(shape: Shape) -> int:
    """Return the number of multiplications that predict one character."""
    return sum(map(multiplications_per_character, parts_of(shape)))


def prepare(parameters: Any) -> Any:
    """Return what `read_character` and `predict` take.

    Args:
        parameters: arrays of a network by name, or for a mixture each `MixedPart`.
    """
    return for_each_part(parameters, prepare_parameters)


def for_each_part(parameters: Any, change: Callable[[Any], Any]) -> Any:
    """Return the arrays of a network, or of each part of a mixture, after a change."""
    if isinstance(parameters, Mapping):
        return change(parameters)
    return tuple(part._replace(arrays=change(part.arrays)) for part in parameters)


def zero_state(shape: Shape) -> States:
    """Return the state of each layer before any text: members of zeros, float32 [H]."""
    return tuple(
        CELLS[part.cell].fill_state(np.zeros(part.hidden_size, np.float32))
        for part in parts_of(shape)
        for _ in range(part.num_layers)
    )


def split_states(shape: Mixture, states: Sequence[Any]) -> list[States]:
    """Return the states of the layers of each part; those of a mixture follow each other."""
    found, begin = list[States](), 0
    for part in shape.parts:
        found.append(tuple(states[begin : begin + part.num_layers]))
        begin += part.num_layers
    return found


def read_character(shape: Shape, prepared: Any, token: Any, states: States) -> States:
    """Read one character; return the state of each layer after it; see `step_layers`."""
    if isinstance(shape, ModelSettings):
        return step_network(shape, prepared, token, states)
    after: States = ()
    for settings, part, own in zip(shape.parts, prepared, split_states(shape, states), strict=True):
        after += step_network(settings, part.arrays, part.readings[token], own)
    return after


def predict(shape: Shape, prepared: Any, states: States) -> Any:
    """Return the logits of the next character, float32 [V] or [B, V]; see `next_logits`.

    The softmax of a mixture's logits is the weighted mean of the probabilities of its parts. The
    level of the logits, on which the repetition penalty depends, is the weighted mean of their
    levels: the mixture of a network with itself has the logits of the network.
    """
    if isinstance(shape, ModelSettings):
        return next_logits(shape, prepared, states)
    terms, level = list[Any](), cast(Any, 0)
    for settings, part, own in zip(shape.parts, prepared, split_states(shape, states), strict=True):
        logits: Any = next_logits(settings, part.arrays, own)
        xp = logits.__array_namespace__()
        highest = xp.max(logits, axis=-1, keepdims=True)
        total = highest + xp.log(xp.sum(xp.exp(logits - highest), axis=-1, keepdims=True))
        level = level + part.weight * total
        terms.append(xp.take(logits, part.readings, axis=-1) + (part.shares - total))
    return reduce(xp.logaddexp, terms) + level


def mixed_nats(nats: Sequence[Any], tokens: Any, parts: Sequence[MixedPart]) -> Any:
    """Return the surprise of characters to a mixture, from their surprise to each of its parts.

    Args:
        nats: for each part the surprise of the ids that it reads for the characters, in nats,
            float32 [...].
        tokens: ids of the mixture, int [...].
        parts: the parts.

    Returns:
        float32 [...], in nats.
    """
    xp = nats[0].__array_namespace__()
    terms = [part.shares[tokens] - own for part, own in zip(parts, nats, strict=True)]
    return -reduce(xp.logaddexp, terms)
