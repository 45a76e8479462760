"""One time step of each recurrent cell, for NumPy and JAX arrays alike.

A cell is a pure function of what the input and the state before contribute to it. It is written
against the array namespace of its arguments, so that training, the NumPy engine and every picture
of the gates share the same lines.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

Array = Any  # numpy.ndarray, jax.Array or a tracer: whatever answers __array_namespace__


class LSTMState(NamedTuple):
    """What an LSTM layer carries from one character to the next.

    Attributes:
        hidden: h, float [..., H] in (-1, 1); it is also the layer's output.
        cell: c, float [..., H], not bounded.
    """

    hidden: Array
    cell: Array


class LSTMGates(NamedTuple):
    """The activations of an LSTM at one step, each float [..., H].

    Attributes:
        input: i in (0, 1), how much of the candidate enters the cell.
        forget: f in (0, 1), how much of the old cell is kept.
        candidate: g in (-1, 1), what could enter.
        output: o in (0, 1), how much of the cell is shown.
    """

    input: Array
    forget: Array
    candidate: Array
    output: Array


def lstm_gates(input_projection: Array, recurrent_projection: Array) -> LSTMGates:
    """Compute the gates from pre-activations in the order i, f, g, o.

    The pre-activations of the three sigmoid gates come halved (`Cell.gate_scales`): since
    sigmoid(a) = (1 + tanh(a / 2)) / 2, one tanh then serves all four.

    Args:
        input_projection: W_x x + b, float [..., 4H].
        recurrent_projection: W_h h, float [..., 4H].
    """
    xp = input_projection.__array_namespace__()
    tanh = xp.tanh(input_projection + recurrent_projection)
    size = tanh.shape[-1] // 4
    return LSTMGates(
        input=0.5 + 0.5 * tanh[..., :size],
        forget=0.5 + 0.5 * tanh[..., size : 2 * size],
        candidate=tanh[..., 2 * size : 3 * size],
        output=0.5 + 0.5 * tanh[..., 3 * size :],
    )


def lstm(input_projection: Array, recurrent_projection: Array, state: LSTMState) -> LSTMState:
    """Take one step of a long short-term memory: c' = f * c + i * g, h' = o * tanh(c').

    Args:
        input_projection: W_x x + b, halved at the sigmoid gates, float [..., 4H].
        recurrent_projection: W_h h, halved likewise, float [..., 4H].
        state: the state before.

    Returns:
        The state after.

    References:
        Hochreiter and Schmidhuber (1997), Long Short-Term Memory; the forget gate is that of
        Gers, Schmidhuber and Cummins (2000), Learning to Forget.
    """
    gates = lstm_gates(input_projection, recurrent_projection)
    cell = gates.forget * state.cell + gates.input * gates.candidate
    return LSTMState(gates.output * cell.__array_namespace__().tanh(cell), cell)


@dataclass(frozen=True)
class Cell:
    """A cell and what the rest of the network has to know of it.

    Attributes:
        name: as saved with a model.
        step: the function of one time step; the state's first member is the layer's output.
        state_type: the named tuple of its state, each member float [..., H].
        gate_scales: a factor for each gate's columns in both kernels and the bias, applied once
            before running over time.
        initial_biases: each gate's bias before training.
    """

    name: str
    step: Callable[[Array, Array, Any], Any]
    state_type: Callable[..., Any]
    gate_scales: tuple[float, ...]
    initial_biases: tuple[float, ...]

    @property
    def num_gates(self) -> int:
        """Pre-activations for each unit."""
        return len(self.gate_scales)


# A forget gate that starts open lets gradients through from the first step
# (Jozefowicz, Zaremba and Sutskever 2015, section 2.2).
LSTM = Cell(
    name="lstm",
    step=lstm,
    state_type=LSTMState,
    gate_scales=(0.5, 0.5, 1.0, 0.5),
    initial_biases=(0.0, 1.0, 0.0, 0.0),
)
