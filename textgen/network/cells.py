"""One time step of each recurrent cell, for NumPy and JAX arrays alike.

A cell is a pure function of its pre-activations and of the state before. It is written against the
array namespace of its arguments, so that training, the NumPy engine and every picture of the gates
share the same lines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = Any  # numpy.ndarray, jax.Array or a tracer: whatever answers __array_namespace__


class LSTMState(NamedTuple):
    """What an LSTM layer carries from one character to the next.

    Attributes:
        hidden: h, float [..., H] in (-1, 1); it is also the layer's output.
        cell: c, float [..., H], not bounded.
    """

    hidden: Array
    cell: Array


class HiddenState(NamedTuple):
    """What a GRU or vanilla RNN layer carries from one character to the next.

    Attributes:
        hidden: h, float [..., H] in (-1, 1); it is also the layer's output.
    """

    hidden: Array


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


class GRUGates(NamedTuple):
    """The activations of a GRU at one step, each float [..., H].

    Attributes:
        reset: r in (0, 1), how much of the old state the candidate sees.
        update: z in (0, 1), how much of the old state is kept.
        candidate: n in (-1, 1), what takes the place of the rest.
    """

    reset: Array
    update: Array
    candidate: Array


class NoGates(NamedTuple):
    """The activations of a cell that has no gates."""


def split(array: Array, count: int) -> Sequence[Array]:
    """Split an array [..., count * H] into `count` arrays [..., H]."""
    if isinstance(array, np.ndarray):  # views, at a seventh of the time that numpy.split takes
        size = array.shape[-1] // count
        return [array[..., k * size : (k + 1) * size] for k in range(count)]
    # The gradient of a JAX split is one concatenation; that of slices a sum of padded arrays.
    parts: Sequence[Array] = array.__array_namespace__().split(array, count, axis=-1)
    return parts


def _tanh(array: Array) -> Array:
    return array.__array_namespace__().tanh(array)


def lstm_gates(pre_activations: Array) -> LSTMGates:
    """Compute the gates.

    Since sigmoid(a) = (1 + tanh(a / 2)) / 2, one tanh serves all four.

    Args:
        pre_activations: i / 2, f / 2, g and o / 2 side by side, float [..., 4H].
    """
    i, f, g, o = split(_tanh(pre_activations), 4)
    return LSTMGates(0.5 + 0.5 * i, 0.5 + 0.5 * f, g, 0.5 + 0.5 * o)


def lstm(pre_activations: Array, state: LSTMState) -> LSTMState:
    """Take one step of a long short-term memory: c' = f * c + i * g, h' = o * tanh(c').

    Args:
        pre_activations: those of `lstm_gates`, float [..., 4H].
        state: the state before.

    Returns:
        The state after.

    References:
        Hochreiter and Schmidhuber (1997), Long Short-Term Memory; the forget gate is that of
        Gers, Schmidhuber and Cummins (2000), Learning to Forget.
    """
    gates = lstm_gates(pre_activations)
    cell = gates.forget * state.cell + gates.input * gates.candidate
    return LSTMState(gates.output * _tanh(cell), cell)


def gru_gates(pre_activations: Array) -> GRUGates:
    """Compute the gates.

    Args:
        pre_activations: r / 2, z / 2, and the input's and the recurrent part of n side by side,
            float [..., 4H].
    """
    sigmoids, candidates = split(pre_activations, 2)
    r, z = split(_tanh(sigmoids), 2)
    reset = 0.5 + 0.5 * r
    input_part, recurrent_part = split(candidates, 2)
    return GRUGates(reset, 0.5 + 0.5 * z, _tanh(input_part + reset * recurrent_part))


def gru(pre_activations: Array, state: HiddenState) -> HiddenState:
    """Take one step of a gated recurrent unit: n = tanh(x_n + r * h_n), h' = n + z * (h - n).

    Args:
        pre_activations: those of `gru_gates`, float [..., 4H].
        state: the state before.

    Returns:
        The state after.

    References:
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder; with the reset
        after the recurrent product, as cuDNN and Flax have it.
    """
    gates = gru_gates(pre_activations)
    return HiddenState(gates.candidate + gates.update * (state.hidden - gates.candidate))


def no_gates(pre_activations: Array) -> NoGates:
    """Compute the gates of a cell that has none."""
    del pre_activations
    return NoGates()


def rnn(pre_activations: Array, state: HiddenState) -> HiddenState:
    """Take one step of a vanilla recurrent network: h' = tanh(a).

    Args:
        pre_activations: a, float [..., H].
        state: the state before, which has its part in a alone.

    Returns:
        The state after.

    References:
        Elman (1990), Finding Structure in Time.
    """
    del state
    return HiddenState(_tanh(pre_activations))


@dataclass(frozen=True)
class Cell:
    """A cell and what the rest of the network has to know of it.

    A gate's columns stand side by side in both kernels, in the same order. The first gates' two
    projections enter the cell as their sum; those of the others one by one.

    Attributes:
        name: as saved with a model.
        title: as shown to people.
        step: the function of one time step, of pre-activations and state; the state's first member
            is the layer's output.
        gates: the function of the gates that the step is made of, of pre-activations.
        gates_type: the named tuple of its gates, each member float [..., H].
        state_type: the named tuple of its state, each member float [..., H].
        gate_scales: what each gate's pre-activations are multiplied by before the step.
        initial_biases: each gate's bias before training.
        num_shared: how many gates take the sum of both projections.
    """

    name: str
    title: str
    step: Callable[[Array, Any], Any]
    gates: Callable[[Array], Any]
    gates_type: type[LSTMGates] | type[GRUGates] | type[NoGates]
    state_type: type[LSTMState] | type[HiddenState]
    gate_scales: tuple[float, ...]
    initial_biases: tuple[float, ...]
    num_shared: int

    @property
    def num_gates(self) -> int:
        """Columns of each kernel for each unit."""
        return len(self.gate_scales)

    def fill_state(self, member: Array) -> Any:
        """Return a state with every member the same, of the shape [..., H]."""
        return self.state_type(*[member] * len(self.state_type._fields))

    def scale_row(self, hidden_size: int) -> NDArray[np.float32]:
        """Return the gates' scales, one for each column of a kernel, float32 [num_gates * H]."""
        return np.repeat(np.asarray(self.gate_scales, np.float32), hidden_size)

    def combine(self, input_projection: Array, recurrent_projection: Array) -> Array:
        """Put a step's projections together: the sums, the input's others, the recurrent others.

        Args:
            input_projection: W_x x + b, float [..., num_gates * H].
            recurrent_projection: W_h h, float [..., num_gates * H].

        Returns:
            The pre-activations, float [..., P * H] with P = 2 * num_gates - num_shared.
        """
        if self.num_shared == self.num_gates:
            return input_projection + recurrent_projection
        shared = input_projection.shape[-1] * self.num_shared // self.num_gates
        total = input_projection[..., :shared] + recurrent_projection[..., :shared]
        parts = (total, input_projection[..., shared:], recurrent_projection[..., shared:])
        return input_projection.__array_namespace__().concat(parts, axis=-1)


# A forget gate that starts open lets gradients through from the first step
# (Jozefowicz, Zaremba and Sutskever 2015, section 2.2).
LSTM = Cell(
    name="lstm",
    title="LSTM",
    step=lstm,
    gates=lstm_gates,
    gates_type=LSTMGates,
    state_type=LSTMState,
    gate_scales=(0.5, 0.5, 1.0, 0.5),
    initial_biases=(0.0, 1.0, 0.0, 0.0),
    num_shared=4,
)
GRU = Cell(
    name="gru",
    title="GRU",
    step=gru,
    gates=gru_gates,
    gates_type=GRUGates,
    state_type=HiddenState,
    gate_scales=(0.5, 0.5, 1.0),
    initial_biases=(0.0, 0.0, 0.0),
    num_shared=2,
)
RNN = Cell(
    name="rnn",
    title="vanilla RNN",
    step=rnn,
    gates=no_gates,
    gates_type=NoGates,
    state_type=HiddenState,
    gate_scales=(1.0,),
    initial_biases=(0.0,),
    num_shared=1,
)
CELLS = {cell.name: cell for cell in (LSTM, GRU, RNN)}
