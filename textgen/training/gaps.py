"""Gaps in what a network of both directions reads, so that it learns to restore texts."""

import jax
import jax.numpy as jnp

from textgen.data.vocabulary import UNKNOWN_ID

# Share of the characters at which a gap begins, in a sequence with gaps.
GAP_STARTS = 0.04
# Longest gap in characters.
LONGEST_GAP = 10
# Share of the sequences with hidden parts in which all is hidden from some position to one of the
# two ends. They teach the network to read with one side alone.
ONE_SIDED = 1 / 3


def hide_parts(key: jax.Array, inputs: jax.Array, rate: float) -> jax.Array:
    """Replace parts of some sequences by the unknown character.

    Args:
        key: random key, used once.
        inputs: ids, int32 [B, N].
        rate: share of the sequences of which something is hidden, in [0, 1]. In two thirds of them
            these are gaps of 1 to 10 characters, in one sixth everything from a position on, and in
            one sixth everything before it.

    Returns:
        Ids, int32 [B, N].
    """
    keys = jax.random.split(key, 4)
    shape = inputs.shape
    index = jnp.arange(shape[1])[None]
    begins = jax.random.bernoulli(keys[0], GAP_STARTS, shape)
    sizes = jnp.where(begins, jax.random.randint(keys[1], shape, 1, LONGEST_GAP + 1), 0)
    # A character is in a gap if one began at most its size before.
    reach = jax.lax.cummax(index + sizes, axis=1)
    in_gap = reach > index
    kind = jax.random.uniform(keys[2], (shape[0], 1))
    cut = jax.random.randint(keys[3], (shape[0], 1), 1, shape[1])
    side = rate * ONE_SIDED / 2
    hidden = (
        ((kind < rate - 2 * side) & in_gap)
        | ((kind >= 1 - side) & (index >= cut))
        | ((kind < 1 - side) & (kind >= 1 - 2 * side) & (index < cut))
    )
    return jnp.where(hidden, UNKNOWN_ID, inputs)
