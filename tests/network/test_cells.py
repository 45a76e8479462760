import jax.numpy as jnp
import numpy as np
import pytest

from textgen.network.cells import (
    CELLS,
    GRU,
    LSTM,
    RNN,
    Cell,
    HiddenState,
    LSTMState,
    gru,
    gru_gates,
    lstm,
    lstm_gates,
    rnn,
)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_the_gates_of_an_lstm_are_sigmoids_of_their_pre_activations() -> None:
    total = np.random.default_rng(0).normal(size=(3, 20)) * 3
    i, f, g, o = np.split(total, 4, axis=-1)
    gates = lstm_gates(total * LSTM.scale_row(5))
    np.testing.assert_allclose(gates.input, sigmoid(i), rtol=1e-12)
    np.testing.assert_allclose(gates.forget, sigmoid(f), rtol=1e-12)
    np.testing.assert_allclose(gates.candidate, np.tanh(g), rtol=1e-12)
    np.testing.assert_allclose(gates.output, sigmoid(o), rtol=1e-12)


def test_one_step_of_an_lstm_worked_by_hand() -> None:
    # sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, tanh(ln 2) = 3/5: i = 3/4, f = 1/2, g = 3/5, o = 1/4,
    # so that c' = 1/2 * 0.2 + 3/4 * 3/5 = 0.55 and h' = tanh(0.55) / 4.
    total = np.log([[3, 1, 2, 1 / 3]])
    state = LSTMState(np.array([[9.0]]), np.array([[0.2]]))
    after = lstm(total * LSTM.scale_row(1), state)
    np.testing.assert_allclose(after.cell, [[0.55]], rtol=1e-12)
    np.testing.assert_allclose(after.hidden, [[np.tanh(0.55) / 4]], rtol=1e-12)


def test_one_step_of_a_gru_worked_by_hand() -> None:
    # r = 3/4 and z = 1/4; n = tanh(x_n + 3/4 * h_n) with x_n = ln 2 - 0.3 and h_n = 0.4 is 3/5;
    # h' = (1 - z) * 3/5 + z * 0.2 = 0.5.
    inputs = np.array([[np.log(2), 0.0, np.log(2) - 0.3]])
    recurrent = np.array([[np.log(1.5), np.log(1 / 3), 0.4]])
    row = GRU.scale_row(1)
    combined = GRU.combine(inputs * row, recurrent * row)
    gates = gru_gates(combined)
    np.testing.assert_allclose(np.ravel(gates), [0.75, 0.25, 0.6], rtol=1e-12)
    after = gru(combined, HiddenState(np.array([[0.2]])))
    np.testing.assert_allclose(after.hidden, [[0.5]], rtol=1e-12)


def test_one_step_of_a_vanilla_network_worked_by_hand() -> None:
    combined = RNN.combine(np.array([[0.1, 0.2]]), np.array([[0.3, -0.7]]))
    after = rnn(combined, HiddenState(np.zeros((1, 2))))
    np.testing.assert_allclose(after.hidden, np.tanh([[0.4, -0.5]]), rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_numpy_and_jax_take_the_same_step(cell: Cell) -> None:
    random = np.random.default_rng(1)
    one, two = random.normal(size=(2, 5, 3 * cell.num_gates)).astype(np.float32)
    member = random.normal(size=(5, 3)).astype(np.float32)
    expected = cell.step(cell.combine(one, two), cell.fill_state(member))
    combined = cell.combine(jnp.asarray(one), jnp.asarray(two))
    found = cell.step(combined, cell.fill_state(jnp.asarray(member)))
    assert isinstance(expected.hidden, np.ndarray)
    assert expected.hidden.dtype == np.float32
    for left, right in zip(expected, found, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_names_the_gates_that_its_step_is_made_of(cell: Cell) -> None:
    one, two = np.random.default_rng(2).normal(size=(2, 3 * cell.num_gates))
    combined, member = cell.combine(one, two), np.array([0.3, -0.2, 0.1])
    gates = cell.gates(combined)
    assert isinstance(gates, cell.gates_type)
    after = cell.step(combined, cell.fill_state(member))
    expected = {
        "lstm": lambda: gates.forget * member + gates.input * gates.candidate,
        "gru": lambda: gates.update * member + (1 - gates.update) * gates.candidate,
        "rnn": lambda: np.tanh(one + two),
    }
    np.testing.assert_allclose(after[-1], expected[cell.name](), rtol=1e-12)
