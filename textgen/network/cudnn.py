"""An LSTM layer that NVIDIA's cuDNN runs: a second backend of the recurrence.

cuDNN reads the inputs of a layer themselves, not their projections, and adds two biases, of which
the second is zero here. It has no vectors of labels and no products of bfloat16. Its order of the
gates is that of `textgen.network.cells`. It runs one layer in a call, so that dropout and the
projection can read what each layer returns.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.experimental.layout import Layout, with_layout_constraint
from jax.experimental.rnn import lstm_bwd, lstm_fwd

from textgen.network.cells import LSTMState


def pack_weights(
    input_kernel: jax.Array, recurrent_kernel: jax.Array, bias: jax.Array
) -> jax.Array:
    """Return the parameters of a layer as cuDNN reads them, float [(I + H + 2) 4H].

    They are W_x and W_h, both transposed, b, and the second bias.

    Args:
        input_kernel: W_x, float [I, 4H].
        recurrent_kernel: W_h, float [H, 4H].
        bias: b, float [4H].
    """
    parts = input_kernel.T, recurrent_kernel.T, bias, jnp.zeros_like(bias)
    return jnp.concatenate([part.reshape(-1) for part in parts])


def run_lstm(
    inputs: jax.Array,
    input_kernel: jax.Array,
    recurrent_kernel: jax.Array,
    bias: jax.Array,
    state: LSTMState,
) -> tuple[jax.Array, LSTMState]:
    """Run an LSTM along a sequence, as `product` and `run_cell` do.

    Args:
        inputs: what the layer reads, float32 [T, B, I].
        input_kernel: W_x, float32 [I, 4H].
        recurrent_kernel: W_h, float32 [H, 4H].
        bias: b, float32 [4H].
        state: state before the first step, members [B, H].

    Returns:
        The outputs, float32 [T, B, H], and the state after the last step.
    """
    weights = pack_weights(input_kernel, recurrent_kernel, bias)
    by_rows = inputs.transpose(1, 0, 2)
    outputs, hidden, cell = _run(by_rows, state.hidden[None], state.cell[None], weights)
    return outputs.transpose(1, 0, 2), LSTMState(hidden[0], cell[0])


@jax.custom_vjp
def _run(*arguments: jax.Array) -> tuple[jax.Array, ...]:
    """Run one layer.

    Args:
        arguments: the inputs, float32 [B, T, I]; h and c before the first step, float32 [1, B, H];
            and what `pack_weights` returns.

    Returns:
        The outputs, float32 [B, T, H], and h and c after the last step.
    """
    return _forward(*arguments)[0]


def _forward(*arguments: jax.Array) -> tuple[tuple[jax.Array, ...], Any]:
    inputs, hidden, cell, weights = map(_in_order, arguments)
    rows, length, width = inputs.shape
    lengths = jnp.full(rows, length, jnp.int32)
    sizes = width, hidden.shape[-1], 1, 0.0, False, None
    results, kept = lstm_fwd(inputs, hidden, cell, weights, lengths, *sizes)
    return tuple(map(_in_order, results)), kept


def _backward(kept: Any, gradients: tuple[jax.Array, ...]) -> tuple[jax.Array, ...]:
    kept = tuple(map(_in_order, kept))
    sizes = kept[0].shape[-1], kept[1].shape[-1], 1, 0.0, False, None
    found = lstm_bwd(*sizes, kept, tuple(map(_in_order, gradients)))
    return tuple(map(_in_order, found[:4]))


_run.defvjp(_forward, _backward)


def _in_order(array: jax.Array) -> jax.Array:
    """Keep XLA from storing an array in another order than that of its axes.

    JAX does not tell XLA in which order cuDNN reads an array (seen in jaxlib 0.10.2 and 0.11.2).
    XLA then leaves out a transposition before the call, and cuDNN reads a text across its rows.
    """
    fixed: jax.Array = with_layout_constraint(array, Layout(tuple(range(array.ndim))))
    return fixed
