import numpy as np
import pytest

from tests.networks import random_network
from textgen.network import inference
from textgen.network.cells import CELLS
from textgen.network.inference import (
    States,
    next_logits,
    prepare_parameters,
    step_layers,
    step_network,
)
from textgen.settings import ModelSettings


def random_states(settings: ModelSettings, *shape: int) -> States:
    state_type, source = CELLS[settings.cell].state_type, np.random.default_rng(3)
    size = (len(state_type._fields), *shape, settings.hidden_size)
    layers = range(settings.num_layers)
    return tuple(state_type(*source.normal(size=size).astype(np.float32)) for _ in layers)


def test_the_table_holds_the_first_projection_of_each_character() -> None:
    _, parameters = random_network()
    given = dict(parameters)
    prepared = prepare_parameters(parameters)
    for token, embedded in enumerate(parameters["embedding"]):
        expected = embedded @ parameters["layers.0.input_kernel"] + parameters["layers.0.bias"]
        np.testing.assert_allclose(prepared["table"][token], expected, atol=1e-6)
    kept = given.keys() - {"embedding", "layers.0.input_kernel", "layers.0.bias"}
    assert prepared.keys() == kept | {"table"}
    for name in kept:
        assert prepared[name] is given[name]
    assert parameters.keys() == given.keys()


def test_a_large_alphabet_has_no_table_and_the_same_states(monkeypatch: pytest.MonkeyPatch) -> None:
    settings, parameters = random_network()
    states = random_states(settings, 2)
    tokens = np.array([3, 6])
    expected = step_network(settings, prepare_parameters(parameters), tokens, states)
    monkeypatch.setattr(inference, "LARGEST_TABLE", 7 * 4 * 5 - 1)
    prepared = prepare_parameters(parameters)
    assert prepared.keys() == parameters.keys()
    found = step_network(settings, prepared, tokens, states)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("cell", list(CELLS))
def test_each_layer_steps_from_the_projections_of_the_layer_below(cell: str) -> None:
    settings, parameters = random_network(cell=cell, num_layers=3)
    states, prepared = random_states(settings), prepare_parameters(parameters)
    inputs = parameters["embedding"][4]
    steps = list(step_layers(settings, prepared, 4, states))
    for layer, (pre_activations, after) in enumerate(steps):
        name = f"layers.{layer}."
        projection = inputs @ parameters[name + "input_kernel"] + parameters[name + "bias"]
        recurrent = states[layer].hidden @ parameters[name + "recurrent_kernel"]
        expected = CELLS[cell].combine(projection, recurrent)
        np.testing.assert_allclose(pre_activations, expected, atol=1e-5)
        for found, member in zip(after, CELLS[cell].step(expected, states[layer]), strict=True):
            np.testing.assert_allclose(found, member, atol=1e-5)
        inputs = after.hidden
    assert step_network(settings, prepared, 4, states)[2].hidden.tolist() == inputs.tolist()


@pytest.mark.parametrize("cell", list(CELLS))
def test_texts_side_by_side_step_as_each_by_itself(cell: str) -> None:
    settings, parameters = random_network(cell=cell)
    states, prepared = random_states(settings, 3), prepare_parameters(parameters)
    after = step_network(settings, prepared, np.array([6, 0, 2]), states)
    for row, token in enumerate((6, 0, 2)):
        alone = tuple(type(state)(*(member[row] for member in state)) for state in states)
        for found, expected in zip(
            after, step_network(settings, prepared, token, alone), strict=True
        ):
            np.testing.assert_allclose(found.hidden[row], expected.hidden, atol=1e-6)


def test_logits_read_the_last_layer_or_all_layers_side_by_side() -> None:
    for projected, layers in (("last", 2), ("all", 2), ("all", 1)):
        settings, parameters = random_network(projected=projected, num_layers=layers)
        states, prepared = random_states(settings, 3), prepare_parameters(parameters)
        outputs = [state.hidden for state in states]
        read = outputs[-1] if projected == "last" else np.concatenate(outputs, axis=-1)
        expected = read @ parameters["projection.kernel"] + parameters["projection.bias"]
        np.testing.assert_allclose(next_logits(settings, prepared, states), expected, atol=1e-6)
