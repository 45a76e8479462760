"""The loss of a prediction, and resets of the recurrent state."""

from functools import partial
from typing import Any, cast

import jax
import jax.numpy as jnp

from textgen.network.inference import States
from textgen.network.model import Apply, Parameters
from textgen.network.parameters import LOGITS_AT_ONCE, MAX_ONE_HOT, MOST_LOGITS
from textgen.network.products import kernel_gradient, multiply
from textgen.settings import ModelSettings, Precision


def prediction_losses(
    apply: Apply,
    settings: ModelSettings,
    parameters: Parameters,
    inputs: jax.Array,
    targets: jax.Array,
    states: States,
    labels: jax.Array | None = None,
) -> tuple[jax.Array, States]:
    """Read a text and return the loss of each prediction, -ln p(target), in nats.

    The logits of a large vocabulary are never held all at once.

    Args:
        apply: the network; see `create_model`.
        settings: its shape.
        parameters: its parameters, by name.
        inputs: ids, int32 [B, T].
        targets: the id after each input, int32 [B, T].
        states: state of each layer before the first character, members [B, H].
        labels: ids of the labels at each input, int32 [B, T, K], or None.

    Returns:
        float32 [T, B], and the state of each layer after the last character.
    """
    if settings.vocab_size <= MAX_ONE_HOT:
        logits, states = apply(parameters, inputs, states, labels=labels)
        return cross_entropy(logits, targets.T), states
    read, states = apply(parameters, inputs, states, labels=labels, is_projected=False)
    return projected_cross_entropy(read, *_kernel_and_bias(parameters), targets.T), states


def total_loss(
    apply: Apply,
    settings: ModelSettings,
    parameters: Parameters,
    inputs: jax.Array,
    targets: jax.Array,
    states: States,
    masks: Any = None,
    labels: jax.Array | None = None,
    precision: Precision = "float32",
) -> tuple[jax.Array, States]:
    """Read a batch for training and return the sum of the losses of all predictions, in nats.

    Args:
        apply: as the other arguments, that of `prediction_losses`.
        settings: its shape.
        parameters: its parameters, by name.
        inputs: ids, int32 [B, T].
        targets: the id after each input, int32 [B, T].
        states: state of each layer before the first character, members [B, H].
        masks: dropout masks of each layer, float32 [B, H], or None.
        labels: ids of the labels at each input, int32 [B, T, K], or None.
        precision: that of `apply`, for products that are computed here.

    Returns:
        float32 [], and the state of each layer after the last character.
    """
    # A network of both directions reads more characters than it predicts.
    counted = {"count": targets.shape[1]} if settings.direction == "both" else {}
    if settings.vocab_size <= MAX_ONE_HOT:
        logits, states = apply(parameters, inputs, states, masks, labels, **counted)
        return jnp.sum(cross_entropy(logits, targets.T)), states
    read, states = apply(parameters, inputs, states, masks, labels, is_projected=False, **counted)
    kernel, bias = _kernel_and_bias(parameters)
    return projected_total(read, kernel, bias, targets.T, precision), states


def _kernel_and_bias(parameters: Parameters) -> tuple[jax.Array, jax.Array]:
    return parameters["projection.kernel"], parameters["projection.bias"]


def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Return -ln softmax(logits)[target] for every position, in nats.

    Args:
        logits: float [..., V].
        targets: ids, int [...].

    Returns:
        float [...], at least 0.
    """
    # A gather would be simpler, but its gradient is a scatter, which runs on one core.
    one_hot = jax.nn.one_hot(targets, logits.shape[-1], dtype=logits.dtype)
    chosen = jnp.sum(logits * one_hot, axis=-1)
    return jax.nn.logsumexp(logits, axis=-1) - chosen


def projected_cross_entropy(
    read: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    precision: Precision = "float32",
) -> jax.Array:
    """Return -ln softmax(x W + b)[target] for every position, in nats.

    The logits are computed in pieces, so that memory does not grow with T B V.

    Args:
        read: x, float [T, B, P].
        kernel: W, float [P, V].
        bias: b, float [V].
        targets: ids, int [T, B].
        precision: numbers that the products read.

    Returns:
        float [T, B], at least 0.
    """

    def losses(piece: tuple[jax.Array, jax.Array]) -> jax.Array:
        rows, wanted = piece
        return _losses_of(multiply(rows, kernel, precision) + bias, wanted)[0]

    nats: jax.Array = jax.lax.map(losses, _in_pieces((read, targets), len(bias)))
    return nats.reshape(targets.shape)


def projected_predictions(
    read: jax.Array, kernel: jax.Array, bias: jax.Array, targets: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Return the losses of `projected_cross_entropy`, and whether the likeliest id is the target.

    Returns:
        Losses in nats, float [T, B], and bool [T, B].
    """

    def predict(piece: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        rows, wanted = piece
        logits = rows @ kernel + bias
        return _losses_of(logits, wanted)[0], jnp.argmax(logits, axis=-1) == wanted

    nats, right = jax.lax.map(predict, _in_pieces((read, targets), len(bias)))
    return nats.reshape(targets.shape), right.reshape(targets.shape)


@partial(jax.custom_vjp, nondiff_argnums=(4,))
def projected_total(
    read: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    precision: Precision = "float32",
) -> jax.Array:
    """Return the sum of `projected_cross_entropy`, float [].

    Its gradient is computed together with it, piece by piece: it is known up to a factor.
    """
    return jnp.sum(projected_cross_entropy(read, kernel, bias, targets, precision))


def _total_forward(
    read: jax.Array,
    kernel: jax.Array,
    bias: jax.Array,
    targets: jax.Array,
    precision: Precision,
) -> tuple[jax.Array, Any]:
    def step(sums: Any, piece: tuple[jax.Array, jax.Array]) -> tuple[Any, jax.Array]:
        nats, d_kernel, d_bias = sums
        rows, wanted = piece
        logits = multiply(rows, kernel, precision) + bias
        losses, total = _losses_of(logits, wanted)
        # The gradient of the logits: the probabilities, less 1 at the target.
        is_target = wanted[:, None] == jnp.arange(len(bias))
        d_logits = jnp.exp(logits - total[:, None]) - is_target
        d_kernel = d_kernel + kernel_gradient(rows, d_logits, precision)
        sums = nats + jnp.sum(losses), d_kernel, d_bias + jnp.sum(d_logits, axis=0)
        return sums, multiply(d_logits, kernel.T, precision)

    begin = jnp.zeros((), read.dtype), jnp.zeros_like(kernel), jnp.zeros_like(bias)
    pieces = _in_pieces((read, targets), len(bias))
    (nats, d_kernel, d_bias), d_read = jax.lax.scan(step, begin, pieces)
    return nats, (d_read.reshape(read.shape), d_kernel, d_bias)


def _total_backward(precision: Precision, gradients: Any, factor: jax.Array) -> Any:
    del precision  # the gradients are computed already
    return *(factor * gradient for gradient in gradients), None


projected_total.defvjp(_total_forward, _total_backward)


def _losses_of(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return the losses, float [N], and ln of the sum of exp(logits), float [N].

    Args:
        logits: float [N, V].
        targets: ids, int [N].
    """
    total = jax.nn.logsumexp(logits, axis=-1)
    return total - jnp.take_along_axis(logits, targets[:, None], axis=-1)[:, 0], total


def _in_pieces(arrays: Any, vocab_size: int) -> Any:
    """Cut arrays [T, B, ...] into N pieces of rows that lie side by side, [N, T B / N, ...]."""
    length, batch_size = arrays[0].shape[:2]
    rows = batch_size * _largest_part(length, LOGITS_AT_ONCE // (batch_size * vocab_size))
    if rows * vocab_size > MOST_LOGITS:
        rows = _largest_part(length * batch_size, MOST_LOGITS // vocab_size)
    return jax.tree.map(
        lambda array: array.reshape(length * batch_size // rows, rows, *array.shape[2:]), arrays
    )


def _largest_part(whole: int, most: int) -> int:
    """Return the largest number up to `most` that divides a whole number, at least 1."""
    return max(n for n in range(1, max(min(most, whole), 1) + 1) if whole % n == 0)


def reset_states(states: States, resets: jax.Array) -> States:
    """Set the recurrent state of some sequences to zero.

    Args:
        states: state of each layer, members [B, H].
        resets: bool [B], true for the sequences whose state becomes zero.
    """
    keep = jnp.logical_not(resets)[:, None]
    return cast(States, jax.tree.map(lambda member: member * keep, states))
