from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from textgen.network.cells import (
    CELLS,
    GRU,
    RNN,
    Cell,
    HiddenState,
    LSTMState,
    activate,
    gru,
    gru_gates,
    lstm,
    lstm_gates,
    rnn,
    sigmoid,
    tanh,
)


def logistic(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def test_a_sigmoid_is_the_logistic_function_and_never_overflows() -> None:
    np.testing.assert_allclose(sigmoid(np.log([1.0, 3.0, 1 / 3])), [0.5, 0.75, 0.25], rtol=1e-15)
    points = np.random.default_rng(0).normal(size=100) * 5
    np.testing.assert_allclose(sigmoid(points), logistic(points), atol=1e-15)
    np.testing.assert_array_equal(sigmoid(np.float32([-1e9, 1e9])), [0, 1])


@pytest.mark.parametrize("convert", [np.asarray, jnp.asarray], ids=["numpy", "jax"])
def test_activating_all_gates_at_once_equals_activating_each_to_the_last_bit(convert: Any) -> None:
    random, functions = np.random.default_rng(0), (sigmoid, tanh, sigmoid)
    columns = [convert(random.normal(size=(3, 16)).astype(np.float32) * 3) for _ in functions]
    whole = convert(np.concatenate(columns, axis=-1))
    for found, function, column in zip(activate(whole, functions), functions, columns, strict=True):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, function(column))


def test_the_gates_of_an_lstm_are_activations_of_its_pre_activations() -> None:
    pre_activations = np.random.default_rng(0).normal(size=(3, 20)) * 3
    i, f, g, o = np.split(pre_activations, 4, axis=-1)
    gates = lstm_gates(pre_activations)
    np.testing.assert_allclose(gates.input, logistic(i), rtol=1e-12)
    np.testing.assert_allclose(gates.forget, logistic(f), rtol=1e-12)
    np.testing.assert_allclose(gates.candidate, np.tanh(g), rtol=1e-12)
    np.testing.assert_allclose(gates.output, logistic(o), rtol=1e-12)


def test_one_step_of_an_lstm_worked_by_hand() -> None:
    # sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, tanh(ln 2) = 3/5: i = 3/4, f = 1/2, g = 3/5, o = 1/4,
    # so that c' = 1/2 * 0.2 + 3/4 * 3/5 = 0.55 and h' = tanh(0.55) / 4.
    pre_activations = np.log([[3, 1, 2, 1 / 3]])
    state = LSTMState(np.array([[9.0]]), np.array([[0.2]]))
    after = lstm(pre_activations, state)
    np.testing.assert_allclose(after.cell, [[0.55]], rtol=1e-12)
    np.testing.assert_allclose(after.hidden, [[np.tanh(0.55) / 4]], rtol=1e-12)


def test_one_step_of_a_gru_worked_by_hand() -> None:
    # r = 3/4 and z = 1/4; n = tanh(x_n + 3/4 * h_n) with x_n = ln 2 - 0.3 and h_n = 0.4 is 3/5;
    # h' = (1 - z) * 3/5 + z * 0.2 = 0.5.
    inputs = np.array([[np.log(2), 0.0, np.log(2) - 0.3]])
    recurrent = np.array([[np.log(1.5), np.log(1 / 3), 0.4]])
    pre_activations = GRU.combine(inputs, recurrent)
    gates = gru_gates(pre_activations)
    np.testing.assert_allclose(np.ravel(gates), [0.75, 0.25, 0.6], rtol=1e-12)
    after = gru(pre_activations, HiddenState(np.array([[0.2]])))
    np.testing.assert_allclose(after.hidden, [[0.5]], rtol=1e-12)


def test_one_step_of_a_vanilla_network_worked_by_hand() -> None:
    pre_activations = RNN.combine(np.array([[0.1, 0.2]]), np.array([[0.3, -0.7]]))
    after = rnn(pre_activations, HiddenState(np.zeros((1, 2))))
    np.testing.assert_allclose(after.hidden, np.tanh([[0.4, -0.5]]), rtol=1e-12)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_numpy_and_jax_take_the_same_step(cell: Cell) -> None:
    random = np.random.default_rng(1)
    one, two = random.normal(size=(2, 5, 3 * cell.num_gates)).astype(np.float32)
    member = random.normal(size=(5, 3)).astype(np.float32)
    expected = cell.step(cell.combine(one, two), cell.fill_state(member))
    pre_activations = cell.combine(jnp.asarray(one), jnp.asarray(two))
    found = cell.step(pre_activations, cell.fill_state(jnp.asarray(member)))
    assert isinstance(expected.hidden, np.ndarray)
    assert expected.hidden.dtype == np.float32
    for left, right in zip(expected, found, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_a_cell_names_the_gates_that_its_step_is_made_of(cell: Cell) -> None:
    one, two = np.random.default_rng(2).normal(size=(2, 3 * cell.num_gates))
    pre_activations, member = cell.combine(one, two), np.array([0.3, -0.2, 0.1])
    gates = cell.gates(pre_activations)
    assert isinstance(gates, cell.gates_type)
    after = cell.step(pre_activations, cell.fill_state(member))
    expected = {
        "lstm": lambda: gates.forget * member + gates.input * gates.candidate,
        "gru": lambda: gates.update * member + (1 - gates.update) * gates.candidate,
        "rnn": lambda: np.tanh(one + two),
    }
    np.testing.assert_allclose(after[-1], expected[cell.name](), rtol=1e-12)
