import numpy as np
import pytest

from tests.networks import CHARACTERS, random_model
from textgen.generation.numpy_engine import NumpyEngine
from textgen.interpretation.gates import (
    QUANTITIES,
    Watched,
    memory_name,
    memory_of,
    quantities_of,
    shares_of_colours,
    watch,
)
from textgen.network.cells import CELLS, GRU, LSTM, RNN, HiddenState, LSTMState
from textgen.network.parameters import Arrays
from textgen.settings import CellName

TEXT = "Tab \nfade\u4e2d d\u00e9e"
Rows = dict[str, list[np.ndarray]]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def lstm(a: np.ndarray, b: np.ndarray, h: np.ndarray, c: np.ndarray) -> dict[str, np.ndarray]:
    """i, f, o = sigmoid, g = tanh; c' = f c + i g; h' = o tanh(c')."""
    i, f, g, o = np.split(a + b, 4)
    i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
    c = f * c + i * g
    return {
        "forget": f,
        "input": i,
        "candidate": g,
        "cell": c,
        "output": o,
        "hidden": o * np.tanh(c),
    }


def gru(a: np.ndarray, b: np.ndarray, h: np.ndarray, c: np.ndarray) -> dict[str, np.ndarray]:
    """r, z = sigmoid; n = tanh(x_n + r h_n); h' = (1 - z) n + z h."""
    (xr, xz, xn), (hr, hz, hn) = np.split(a, 3), np.split(b, 3)
    r, z = sigmoid(xr + hr), sigmoid(xz + hz)
    n = np.tanh(xn + r * hn)
    return {"reset": r, "update": z, "candidate": n, "hidden": (1 - z) * n + z * h}


def rnn(a: np.ndarray, b: np.ndarray, h: np.ndarray, c: np.ndarray) -> dict[str, np.ndarray]:
    """h' = tanh(x + h W)."""
    return {"hidden": np.tanh(a + b)}


PLAIN = {"lstm": lstm, "gru": gru, "rnn": rnn}


def read_plainly(
    cell: str, parameters: Arrays, text: str, layers: int, hidden: int
) -> tuple[list[Rows], np.ndarray]:
    """Read a text in float64, one layer and character at a time, by the equations alone.

    Returns:
        The values of every layer at every character, and log-probabilities [T + 1, V].
    """
    raw = {name: array.astype(np.float64) for name, array in parameters.items()}
    ids = [CHARACTERS.index(character) + 1 for character in "\n" + text]
    h, c = np.zeros((2, layers, hidden))
    rows: list[Rows] = [{} for _ in range(layers)]
    logs = []
    for token in ids:
        x = raw["embedding"][token]
        for layer in range(layers):
            name = f"layers.{layer}."
            a = x @ raw[name + "input_kernel"] + raw[name + "bias"]
            found = PLAIN[cell](a, h[layer] @ raw[name + "recurrent_kernel"], h[layer], c[layer])
            x = h[layer] = found["hidden"]
            c[layer] = found.get("cell", c[layer])
            for quantity, values in found.items():
                rows[layer].setdefault(quantity, []).append(values)
        logits = h.ravel() @ raw["projection.kernel"] + raw["projection.bias"]
        logs.append(logits - np.log(np.exp(logits).sum()))
    return rows, np.array(logs)


@pytest.mark.parametrize("layer", [1, 2])
@pytest.mark.parametrize("cell", list(PLAIN))
def test_gates_states_and_guesses_are_those_of_the_equations(cell: CellName, layer: int) -> None:
    model = random_model(cell)
    tokens = model.config.vocabulary.encode(TEXT)
    watched = watch(model.config, model.parameters, tokens, layer)
    rows, logs = read_plainly(cell, model.parameters, TEXT, layers=2, hidden=5)
    assert (watched.text, watched.layer) == (TEXT, layer)
    assert list(watched.quantities) == [name for name in QUANTITIES if name in rows[layer - 1]]
    for name, values in rows[layer - 1].items():
        # The start character is read first and not recorded.
        np.testing.assert_allclose(watched.quantities[name], values[1:], atol=1e-5)
    bits = [-log[token] / np.log(2) for log, token in zip(logs, tokens, strict=False)]
    np.testing.assert_allclose(watched.bits, bits, atol=1e-5)
    for guesses, log in zip(watched.guesses, logs, strict=True):
        likeliest = sorted(range(1, len(log)), key=lambda k: -log[k])[:5]
        assert "".join(guess.character for guess in guesses) == "".join(
            CHARACTERS[k - 1] for k in likeliest
        )
        found = [guess.probability for guess in guesses]
        np.testing.assert_allclose(found, np.exp(log[likeliest]), atol=1e-6)


@pytest.mark.parametrize("cell", list(PLAIN))
def test_the_states_are_those_of_the_engine_to_the_last_bit(cell: CellName) -> None:
    model = random_model(cell)
    tokens = model.config.vocabulary.encode(TEXT)
    watched = watch(model.config, model.parameters, tokens, 2)
    engine = NumpyEngine(model.config.settings, model.parameters)
    states = engine.read(model.config.vocabulary.encode("\n"), engine.zero_states())
    for index in range(len(tokens)):
        states = engine.read(tokens[index : index + 1], states)
        for name, values in states[1]._asdict().items():
            np.testing.assert_array_equal(watched.quantities[name][index], values)


def test_surprise_is_that_of_a_session() -> None:
    model = random_model("gru")
    tokens = model.config.vocabulary.encode(TEXT)
    bits = watch(model.config, model.parameters, tokens, 1).bits
    np.testing.assert_allclose(bits, model.generator(seed=0).score(TEXT), rtol=1e-6)


def test_each_cell_has_its_gates_and_states() -> None:
    assert quantities_of(LSTM) == ["forget", "input", "candidate", "cell", "output", "hidden"]
    assert quantities_of(GRU) == ["reset", "update", "candidate", "hidden"]
    assert quantities_of(RNN) == ["hidden"]
    assert [memory_name(cell) for cell in CELLS.values()] == ["cell", "hidden", "hidden"]
    assert memory_of(LSTMState(1, 2)) == 2
    assert memory_of(HiddenState(1)) == 1


def made_up(**quantities: list[list[float]]) -> Watched:
    arrays = {name: np.array(rows, np.float32) for name, rows in quantities.items()}
    return Watched("abc", 1, arrays, np.zeros(3), [[]] * 4)


def test_what_is_kept_is_the_mean_over_all_units() -> None:
    watched = made_up(forget=[[1, 0], [0.5, 0.25], [1, 1]], input=[[1, 1]] * 3)
    kept = watched.kept("forget")
    assert kept is not None
    assert kept.tolist() == [0.5, 0.375, 1.0]
    assert watched.kept("input") is None
    update = made_up(update=[[0, 0], [1, 0], [1, 1]]).kept("update")
    assert update is not None
    assert update.tolist() == [0, 0.5, 1]


def test_the_liveliest_units_are_those_that_change_what_is_seen_of_their_cell() -> None:
    # The first unit grows where its tanh is already 1. The others change sign, except the last.
    cells = [[30.0, 0.5, -2.0, 0.0], [60.0, -0.5, 2.0, 0.0], [90.0, 0.5, -2.0, 0.0]]
    watched = made_up(cell=cells, hidden=[[0.0] * 4] * 3)
    assert watched.liveliest(2) == [1, 2]
    assert watched.liveliest(9) == [0, 1, 2, 3]
    hidden = made_up(hidden=[[0.1, 0.9], [0.2, -0.9], [0.1, 0.9]])
    assert hidden.liveliest(1) == [1]


def test_a_gate_has_one_scale_and_a_unit_of_a_state_its_own() -> None:
    values = np.array([0.5, 0.9, 0.7])
    assert shares_of_colours("forget", values).tolist() == [0.5, 0.9, 0.7]
    # With both signs, 0 is in the middle, and the value farthest from it at an end.
    assert shares_of_colours("cell", np.array([-1.0, 0.0, 4.0])).tolist() == [0.375, 0.5, 1.0]
    assert shares_of_colours("hidden", np.array([-0.2, 0.1])).tolist() == [0.0, 0.75]
    # With one sign, the value nearest to 0 is in the middle.
    assert shares_of_colours("cell", np.array([3.0, 3.25, 3.5])).tolist() == [0.5, 0.75, 1.0]
    assert shares_of_colours("cell", np.array([-3.0, -3.5])).tolist() == [0.5, 0.0]
    for constant in (0.0, 2.0, -2.0):
        assert shares_of_colours("cell", np.full(3, constant)).tolist() == [0.5, 0.5, 0.5]
