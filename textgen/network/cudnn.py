"""An LSTM layer that NVIDIA's cuDNN runs: a second backend of the recurrence.

cuDNN reads the inputs of a layer themselves, not their projections, and adds two biases, of which
the second is zero here. It has no vectors of labels and no products of bfloat16. Its order of the
gates is that of `textgen.network.cells`. It runs one layer in a call, so that dropout and the
projection can read what each layer returns.
"""

import jax
import jax.numpy as jnp
from jax.experimental.rnn import lstm

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
    length, rows, width = inputs.shape
    outputs, hidden, cell = lstm(
        inputs.transpose(1, 0, 2),
        state.hidden[None],
        state.cell[None],
        pack_weights(input_kernel, recurrent_kernel, bias),
        jnp.full(rows, length, jnp.int32),
        width,
        recurrent_kernel.shape[0],
        1,
        0.0,
        False,
    )
    return outputs.transpose(1, 0, 2), LSTMState(hidden[0], cell[0])
