"""The loss of a prediction, and resets of the recurrent state."""

from typing import cast

import jax
import jax.numpy as jnp
import optax

from textgen.network.inference import States
from textgen.network.recurrence import MAX_ONE_HOT


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return -ln softmax(logits)[target] for every position, in nats.

    Args:
        logits: float [..., V].
        targets: ids, int [...].

    Returns:
        float [...], at least 0.
    """
    vocab_size = logits.shape[-1]
    if vocab_size > MAX_ONE_HOT:
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
        return cast(jax.Array, losses)
    # A gather would be simpler, but its gradient is a scatter, which runs on one core.
    chosen = jnp.sum(logits * jax.nn.one_hot(targets, vocab_size, dtype=logits.dtype), axis=-1)
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def reset_states(states: States, resets: jax.Array) -> States:
    """Set the recurrent state of some sequences to zero.

    Args:
        states: state of each layer, members [B, H].
        resets: bool [B], true for the sequences whose state becomes zero.
    """
    keep = jnp.logical_not(resets)[:, None]
    return cast(States, jax.tree.map(lambda member: member * keep, states))
