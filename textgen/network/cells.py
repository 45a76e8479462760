"""One time step of each recurrent cell.

A cell is a pure function of its pre-activations and its state. It calls the array namespace of its
arguments, so that training, both engines and the gate viewer share one definition.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = Any  # numpy.ndarray, jax.Array or a tracer: any array that has __array_namespace__
Activation = Callable[[Array], Array]


class LSTMState(NamedTuple):
    """State of an LSTM layer between two characters.

    Attributes:
        hidden: h, float [..., H] in (-1, 1); also the layer's output.
        cell: c, float [..., H], unbounded.
    """

    hidden: Array
    cell: Array


class HiddenState(NamedTuple):
    """State of a GRU or vanilla RNN layer between two characters.

    Attributes:
        hidden: h, float [..., H] in (-1, 1); also the layer's output.
    """

    hidden: Array


class LSTMGates(NamedTuple):
    """Gates of an LSTM at one step, each float [..., H].

    Attributes:
        input: i in (0, 1), the share of the candidate that enters the cell.
        forget: f in (0, 1), the share of the old cell that is kept.
        candidate: g in (-1, 1), the values that may enter the cell.
        output: o in (0, 1), the share of the cell that the output shows.
    """

    input: Array
    forget: Array
    candidate: Array
    output: Array


class GRUGates(NamedTuple):
    """Gates of a GRU at one step, each float [..., H].

    Attributes:
        reset: r in (0, 1), the share of the old state that the candidate sees.
        update: z in (0, 1), the share of the old state that is kept.
        candidate: n in (-1, 1), the values that replace the rest of the old state.
    """

    reset: Array
    update: Array
    candidate: Array


class NoGates(NamedTuple):
    """Gates of a cell that has none."""


def tanh(array: Array) -> Array:
    """Return the hyperbolic tangent, in (-1, 1)."""
    return array.__array_namespace__().tanh(array)


def sigmoid(array: Array) -> Array:
    """Return the logistic function 1 / (1 + exp(-a)), in (0, 1).

    It is computed as (1 + tanh(a / 2)) / 2, which cannot overflow.
    """
    return 0.5 + 0.5 * tanh(0.5 * array)


# Both activations are s * tanh(s * a) + 1 - s, with this factor s.
SCALES: dict[Activation, float] = {sigmoid: 0.5, tanh: 1.0}


def split(array: Array, count: int) -> Sequence[Array]:
    """Split an array [..., count * H] into `count` arrays [..., H]."""
    if isinstance(array, np.ndarray):  # slices, in a seventh of the time of numpy.split
        size = array.shape[-1] // count
        return [array[..., k * size : (k + 1) * size] for k in range(count)]
    # The gradient of jnp.split is one concatenation. That of slices is a sum of padded arrays.
    parts: Sequence[Array] = array.__array_namespace__().split(array, count, axis=-1)
    return parts


def activate(pre_activations: Array, activations: tuple[Activation, ...]) -> Sequence[Array]:
    """Apply to each block of columns its own activation.

    A single tanh of the whole array computes all of them. In a training step this takes two thirds
    of the time of one tanh for each block, because XLA does not vectorise slices.

    Args:
        pre_activations: K blocks of H columns side by side, float [..., K * H].
        activations: `sigmoid` or `tanh` for each block.

    Returns:
        The K activated blocks, each float [..., H].
    """
    count = len(activations)
    size = pre_activations.shape[-1] // count
    scale, offset = _scale_and_offset(activations, size, pre_activations.dtype)
    return split(scale * tanh(scale * pre_activations) + offset, count)


@cache
def _scale_and_offset(
    activations: tuple[Activation, ...], size: int, dtype: Any
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return s and 1 - s of each column, both [K * H]."""
    scale = np.repeat(np.asarray([SCALES[each] for each in activations], dtype), size)
    return scale, 1 - scale


def lstm_gates(pre_activations: Array) -> LSTMGates:
    """Compute i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o).

    Args:
        pre_activations: a_i, a_f, a_g and a_o side by side, float [..., 4H].
    """
    return LSTMGates(*activate(pre_activations, (sigmoid, sigmoid, tanh, sigmoid)))


def lstm(pre_activations: Array, state: LSTMState) -> LSTMState:
    """Take one step of a long short-term memory: c' = f * c + i * g, h' = o * tanh(c').

    Args:
        pre_activations: a_i, a_f, a_g and a_o side by side, float [..., 4H].
        state: h and c before the step.

    Returns:
        h' and c'.

    References:
        Hochreiter and Schmidhuber (1997), Long Short-Term Memory; the forget gate is that of
        Gers, Schmidhuber and Cummins (2000), Learning to Forget.
    """
    i, f, g, o = lstm_gates(pre_activations)
    cell = f * state.cell + i * g
    return LSTMState(o * tanh(cell), cell)


def gru_gates(pre_activations: Array) -> GRUGates:
    """Compute r, z, n = sigmoid(a_r), sigmoid(a_z), tanh(x_n + r * h_n).

    Args:
        pre_activations: a_r, a_z, x_n and h_n side by side, float [..., 4H]. The last two are the
            input projection and the recurrent projection of the candidate.
    """
    gates, candidate = split(pre_activations, 2)
    r, z = split(sigmoid(gates), 2)
    x_n, h_n = split(candidate, 2)
    return GRUGates(r, z, tanh(x_n + r * h_n))


def gru(pre_activations: Array, state: HiddenState) -> HiddenState:
    """Take one step of a gated recurrent unit: h' = n + z * (h - n).

    Args:
        pre_activations: a_r, a_z, x_n and h_n side by side, float [..., 4H].
        state: h before the step.

    Returns:
        h'.

    References:
        Cho et al. (2014), Learning Phrase Representations using RNN Encoder-Decoder. The reset
        gate is applied after the recurrent product, as in cuDNN and Flax.
    """
    _, z, n = gru_gates(pre_activations)
    return HiddenState(n + z * (state.hidden - n))


def no_gates(pre_activations: Array) -> NoGates:
    """Compute the gates of a cell that has none."""
    del pre_activations
    return NoGates()


def rnn(pre_activations: Array, state: HiddenState) -> HiddenState:
    """Take one step of a vanilla recurrent network: h' = tanh(a).

    Args:
        pre_activations: a, float [..., H].
        state: h before the step, which enters only through a.

    Returns:
        h'.

    References:
        Elman (1990), Finding Structure in Time.
    """
    del state
    return HiddenState(tanh(pre_activations))


@dataclass(frozen=True)
class Cell:
    """A cell, described for the rest of the network.

    Each kernel holds the columns of all gates side by side, in the order of the equations. A gate
    is shared if it depends only on the sum of its input projection and its recurrent projection.
    Shared gates come first. The cell's functions take the sum for a shared gate and both
    projections for any other gate; `combine` arranges them.

    Attributes:
        name: name in settings and checkpoints.
        title: name shown to people.
        step: function of the pre-activations and the state that returns the next state. The first
            member of a state is the layer's output.
        gates: function of the pre-activations that returns the gates.
        gates_type: named tuple of the gates, each member float [..., H].
        state_type: named tuple of the state, each member float [..., H].
        initial_biases: bias of each gate before training.
        num_shared: number of shared gates.
        columns: short name of each gate, in the order of the kernels' columns, such as `i`.
        formulas: one step as lines of Python. A shared gate k is computed from `a_k`, any other
            from its projections `x_k` and `h_k`. `h` and `c` are the state before and after.
    """

    name: str
    title: str
    step: Callable[[Array, Any], Any]
    gates: Callable[[Array], Any]
    gates_type: type[LSTMGates] | type[GRUGates] | type[NoGates]
    state_type: type[LSTMState] | type[HiddenState]
    initial_biases: tuple[float, ...]
    num_shared: int
    columns: tuple[str, ...] = ()
    formulas: tuple[str, ...] = ()

    @property
    def num_gates(self) -> int:
        """Number of columns in each kernel for each unit."""
        return len(self.initial_biases)

    def fill_state(self, member: Array) -> Any:
        """Return a state whose members are all the same array, [..., H]."""
        return self.state_type(*[member] * len(self.state_type._fields))

    def combine(self, input_projection: Array, recurrent_projection: Array) -> Array:
        """Arrange the two projections of a step as the cell's pre-activations.

        Args:
            input_projection: x W_x + b, float [..., num_gates * H].
            recurrent_projection: h W_h, float [..., num_gates * H].

        Returns:
            The sums of the shared gates, then the input projections of the other gates, then their
            recurrent projections, float [..., (2 * num_gates - num_shared) * H].
        """
        if self.num_shared == self.num_gates:
            return input_projection + recurrent_projection
        shared = input_projection.shape[-1] * self.num_shared // self.num_gates
        total = input_projection[..., :shared] + recurrent_projection[..., :shared]
        parts = (total, input_projection[..., shared:], recurrent_projection[..., shared:])
        return input_projection.__array_namespace__().concat(parts, axis=-1)

    def recurrent_part(self, pre_activations: Array) -> Array:
        """Return the part of pre-activations, or of their gradient, that h W_h enters.

        Args:
            pre_activations: what `combine` returned, float [..., (2 * num_gates - num_shared) * H].

        Returns:
            The shared gates and the recurrent projections of the others, float
            [..., num_gates * H].
        """
        if self.num_shared == self.num_gates:
            return pre_activations
        hidden = pre_activations.shape[-1] // (2 * self.num_gates - self.num_shared)
        parts = (
            pre_activations[..., : self.num_shared * hidden],
            pre_activations[..., self.num_gates * hidden :],
        )
        return pre_activations.__array_namespace__().concat(parts, axis=-1)


# A forget gate that starts open lets gradients through from the first step
# (Jozefowicz, Zaremba and Sutskever 2015, section 2.2).
LSTM = Cell(
    name="lstm",
    title="LSTM",
    step=lstm,
    gates=lstm_gates,
    gates_type=LSTMGates,
    state_type=LSTMState,
    initial_biases=(0.0, 1.0, 0.0, 0.0),
    num_shared=4,
    columns=("i", "f", "g", "o"),
    formulas=(
        "i = sigmoid(a_i)",
        "f = sigmoid(a_f)",
        "g = tanh(a_g)",
        "o = sigmoid(a_o)",
        "c = f * c + i * g",
        "h = o * tanh(c)",
    ),
)
GRU = Cell(
    name="gru",
    title="GRU",
    step=gru,
    gates=gru_gates,
    gates_type=GRUGates,
    state_type=HiddenState,
    initial_biases=(0.0, 0.0, 0.0),
    num_shared=2,
    columns=("r", "z", "n"),
    formulas=(
        "r = sigmoid(a_r)",
        "z = sigmoid(a_z)",
        "n = tanh(x_n + r * h_n)",
        "h = n + z * (h - n)",
    ),
)
RNN = Cell(
    name="rnn",
    title="vanilla RNN",
    step=rnn,
    gates=no_gates,
    gates_type=NoGates,
    state_type=HiddenState,
    initial_biases=(0.0,),
    num_shared=1,
    columns=("h",),
    formulas=("h = tanh(a_h)",),
)
CELLS = {cell.name: cell for cell in (LSTM, GRU, RNN)}
