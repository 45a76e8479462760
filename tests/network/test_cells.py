import jax.numpy as jnp
import numpy as np

from textgen.network.cells import LSTM, LSTMState, lstm, lstm_gates


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def halved(pre_activations: np.ndarray) -> np.ndarray:
    return pre_activations * np.repeat(LSTM.gate_scales, pre_activations.shape[-1] // 4)


def test_the_gates_are_sigmoids_of_their_pre_activations() -> None:
    random = np.random.default_rng(0)
    total = random.normal(size=(3, 20)) * 3
    i, f, g, o = np.split(total, 4, axis=-1)
    gates = lstm_gates(halved(total) / 4, halved(total) * 3 / 4)
    np.testing.assert_allclose(gates.input, sigmoid(i), rtol=1e-12)
    np.testing.assert_allclose(gates.forget, sigmoid(f), rtol=1e-12)
    np.testing.assert_allclose(gates.candidate, np.tanh(g), rtol=1e-12)
    np.testing.assert_allclose(gates.output, sigmoid(o), rtol=1e-12)


def test_one_step_worked_by_hand() -> None:
    # sigmoid(ln 3) = 3/4, sigmoid(0) = 1/2, tanh(ln 2) = 3/5: i = 3/4, f = 1/2, g = 3/5, o = 1/4,
    # so that c' = 1/2 * 0.2 + 3/4 * 3/5 = 0.55 and h' = tanh(0.55) / 4.
    total = np.log([[3, 1, 2, 1 / 3]])
    state = LSTMState(np.array([[9.0]]), np.array([[0.2]]))
    after = lstm(halved(total), np.zeros((1, 4)), state)
    np.testing.assert_allclose(after.cell, [[0.55]], rtol=1e-12)
    np.testing.assert_allclose(after.hidden, [[np.tanh(0.55) / 4]], rtol=1e-12)


def test_numpy_and_jax_take_the_same_step() -> None:
    random = np.random.default_rng(1)
    one, two = random.normal(size=(2, 5, 12)).astype(np.float32)
    state = LSTMState(*random.normal(size=(2, 5, 3)).astype(np.float32))
    expected = lstm(one, two, state)
    found = lstm(jnp.asarray(one), jnp.asarray(two), LSTMState(*map(jnp.asarray, state)))
    assert isinstance(expected.hidden, np.ndarray)
    assert expected.hidden.dtype == np.float32
    for left, right in zip(expected, found, strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)
