"""More characters, and other labels, for a trained network."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.network.parameters import LABEL_KERNEL, Arrays, parameter_shapes, with_labels
from textgen.settings import ModelSettings

# Standard deviation of what is drawn for new characters, as a multiple of that of known ones. With
# 1 a short training reached a slightly lower loss than with 0 and 0.1.
NOISE = 1.0


def grow_parameters(
    parameters: Arrays, settings: ModelSettings, vocab_size: int, seed: int
) -> dict[str, NDArray[np.float32]]:
    """Add characters at the end of the vocabulary of a network.

    What belongs to a new character is drawn from a normal distribution with the mean and the
    deviation of what belongs to the known ones: each number of its embedding, and of its column and
    its bias of the projection. The logit of a new character is thus about the mean of the known
    ones, and its probability about their geometric mean, which is that of a rare character.

    Args:
        parameters: the arrays of the network, by name.
        settings: its shape, with V characters.
        vocab_size: number of characters W afterwards, at least V.
        seed: seed of the noise.

    Returns:
        The arrays of a network with W characters. Those of the first V characters are unchanged.
    """
    before = parameter_shapes(settings)
    after = parameter_shapes(replace(settings, vocab_size=vocab_size))
    random = np.random.default_rng(seed)
    grown = {}
    # The order of the shapes is always the same, as that of arrays from a file is not. The noise
    # follows it.
    for name, shape in before.items():
        array = parameters[name]
        for axis in (axis for axis, size in enumerate(after[name]) if size != shape[axis]):
            array = _with_means(array, axis, after[name][axis] - shape[axis], random)
        grown[name] = array
    return grown


def _with_means(
    array: NDArray[np.float32], axis: int, count: int, random: np.random.Generator
) -> NDArray[np.float32]:
    """Return an array with `count` entries more along an axis that counts characters."""
    known = np.delete(array, UNKNOWN_ID, axis)
    mean = known.mean(axis, keepdims=True)
    noise = random.normal(size=[*mean.shape[:axis], count, *mean.shape[axis + 1 :]])
    new = mean + NOISE * known.std(axis, keepdims=True) * noise
    return np.concatenate([array, new.astype(np.float32)], axis)


def move_labels(
    parameters: Arrays, settings: ModelSettings, rows: Sequence[int | None]
) -> dict[str, NDArray[np.float32]]:
    """Replace the labels of a network.

    The vector of a new label is zero, so that the network writes as without one at first.

    Args:
        parameters: the arrays of the network, by name.
        settings: its shape.
        rows: for each label the number of the old label whose vector it keeps; None if it is new.

    Returns:
        The arrays of a network with these labels; without any, of one that has no labels.
    """
    plain = dict(with_labels(settings, parameters)[1])
    if not rows:
        return plain
    for layer in range(settings.num_layers):
        name = f"layers.{layer}.{LABEL_KERNEL}"
        zero = np.zeros(len(plain[f"layers.{layer}.bias"]), np.float32)
        old = parameters.get(name, zero[None])
        plain[name] = np.stack([zero if row is None else old[row] for row in rows])
    return plain
