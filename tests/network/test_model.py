from dataclasses import replace
from functools import cache
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.networks import MINIMAL, random_model, random_network
from tests.training.plans import MODEL
from textgen.generation.numpy_engine import NumpyEngine
from textgen.interpretation.gates import watch
from textgen.network.cells import CELLS
from textgen.network.inference import projected_outputs
from textgen.network.model import create_model, dropout_masks, network_function, zero_states
from textgen.network.parameters import parameter_shapes, with_labels
from textgen.settings import CellName, ModelSettings

# Shaped as the network of the tests of training, so that both compile the same parameters.
SETTINGS = replace(MODEL, dropout_rate=0.25)
ALL_LAYERS = replace(SETTINGS, projected="all")
LOW_RANK = replace(ALL_LAYERS, projection_rank=3)
TOKENS = jnp.asarray(np.random.default_rng(0).integers(1, 9, (3, 20)), jnp.int32)


@cache
def model(seed: int, settings: ModelSettings = SETTINGS) -> Any:
    apply, parameters = create_model(settings, seed)
    return jax.jit(apply), parameters


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS, ALL_LAYERS, LOW_RANK], ids=["last", "all", "rank"])
def test_parameters_have_the_names_and_shapes_that_checkpoints_expect(
    settings: ModelSettings,
) -> None:
    _, parameters = model(0, settings)
    assert {name: array.shape for name, array in parameters.items()} == parameter_shapes(settings)


def test_the_forget_gate_starts_open_and_the_other_biases_at_zero() -> None:
    _, parameters = model(0)
    bias = np.asarray(parameters["layers.1.bias"]).reshape(4, 8)
    np.testing.assert_array_equal(bias, [[0.0] * 8, [1.0] * 8, [0.0] * 8, [0.0] * 8])


@pytest.mark.slow
def test_the_seed_decides_the_parameters() -> None:
    one, same, other = (create_model(SETTINGS, seed)[1] for seed in (0, 0, 2**32))
    np.testing.assert_array_equal(one["embedding"], same["embedding"])
    assert not np.array_equal(one["embedding"], other["embedding"])


@pytest.mark.slow
def test_two_halves_of_a_text_with_the_states_carried_equal_the_whole() -> None:
    apply, parameters = model(0)
    whole, last = apply(parameters, TOKENS, zero_states(SETTINGS, 3))
    first, middle = apply(parameters, TOKENS[:, :8], zero_states(SETTINGS, 3))
    second, end = apply(parameters, TOKENS[:, 8:], middle)
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-5)
    np.testing.assert_allclose(end[1].cell, last[1].cell, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS, ALL_LAYERS, LOW_RANK], ids=["last", "all", "rank"])
@pytest.mark.parametrize("length", [2, 20])
def test_logits_agree_with_the_numpy_engine_character_by_character(
    length: int, settings: ModelSettings
) -> None:
    # 3 rows of 2 characters are fewer than the 9 ids: then no table of projections is made.
    assert_logits_are_those_of_the_numpy_engine(*model(0, settings), settings, length)


def assert_logits_are_those_of_the_numpy_engine(
    apply: Any, parameters: Any, settings: ModelSettings, length: int
) -> None:
    logits, states = apply(parameters, TOKENS[:, :length], zero_states(settings, 3))
    engine = NumpyEngine(settings, {name: np.asarray(a) for name, a in parameters.items()})
    state = engine.zero_states()
    for step, token in enumerate(np.asarray(TOKENS[1, :length])):
        state = engine.read(np.array([token], np.int32), state)
        np.testing.assert_allclose(engine.logits(state), logits[step, 1], atol=1e-5)
    for found, expected in zip(state[0], states[0], strict=True):
        np.testing.assert_allclose(found, expected[1], atol=1e-5)


@pytest.mark.slow
def test_a_new_cell_needs_only_its_definition_and_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textgen.settings.CellName", Literal["lstm", "minimal"])
    monkeypatch.setitem(CELLS, "minimal", MINIMAL)
    settings = replace(SETTINGS, cell="minimal")
    apply, parameters = create_model(settings, 0)
    np.testing.assert_array_equal(parameters["layers.0.bias"], [1.0] * 8 + [0.0] * 8)
    assert_logits_are_those_of_the_numpy_engine(jax.jit(apply), parameters, settings, 20)
    written = random_model("minimal")
    watched = watch(written.config, written.parameters, np.ones(3, np.int32), layer=1)
    assert list(watched.quantities) == ["forget", "candidate", "hidden"]


def test_dropout_keeps_the_mean_and_drops_its_share() -> None:
    masks = dropout_masks(jax.random.key(0), SETTINGS, 4000)
    assert masks is not None
    for mask in masks:
        assert set(np.unique(mask)) == {0.0, np.float32(1 / 0.75)}
        # The share of zeros in 32,000 draws has a standard deviation of 0.0024. It fails by chance,
        # at more than six of them, once in 10**9.
        assert abs(float(jnp.mean(mask == 0)) - 0.25) < 0.015
    assert not np.array_equal(masks[0], masks[1])


def test_a_mask_multiplies_the_outputs_of_its_layer_at_every_step() -> None:
    apply, parameters = model(0)
    states = zero_states(SETTINGS, 3)
    ones = jnp.ones((3, 8))
    plain, _ = apply(parameters, TOKENS, states)
    unmasked, _ = apply(parameters, TOKENS, states, (ones, ones))
    np.testing.assert_allclose(plain, unmasked, atol=1e-6)
    silent, after = apply(parameters, TOKENS, states, (ones, 0 * ones))
    bias = parameters["projection.bias"]
    np.testing.assert_allclose(silent, jnp.broadcast_to(bias, silent.shape), atol=1e-7)
    assert float(jnp.abs(after[1].hidden).max()) > 0  # the state itself is not dropped


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS, ALL_LAYERS, LOW_RANK], ids=["last", "all", "rank"])
def test_gradients_agree_with_autodiff_through_a_plain_loop(settings: ModelSettings) -> None:
    apply, parameters = model(0, settings)

    def plain(parameters: dict[str, jax.Array]) -> jax.Array:
        def read(state: Any, token: jax.Array) -> tuple[Any, jax.Array]:
            x, after = parameters["embedding"][token], []
            for layer in range(2):
                h, c = state[layer]
                a = x @ parameters[f"layers.{layer}.input_kernel"]
                a += h @ parameters[f"layers.{layer}.recurrent_kernel"]
                i, f, g, o = jnp.split(a + parameters[f"layers.{layer}.bias"], 4, axis=-1)
                c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
                x = jax.nn.sigmoid(o) * jnp.tanh(c)
                after.append((x, c))
            if settings.projected == "all":
                x = jnp.concatenate([h for h, _ in after], axis=-1)
            if settings.projection_rank:
                x = x @ parameters["projection.inner_kernel"]
            logits = x @ parameters["projection.kernel"] + parameters["projection.bias"]
            return after, jnp.sum(jnp.sin(logits))

        zero = [(jnp.zeros((3, 8)), jnp.zeros((3, 8))) for _ in range(2)]
        return jnp.sum(jax.lax.scan(read, zero, TOKENS.T)[1])

    ours = lambda p: jnp.sum(jnp.sin(apply(p, TOKENS, zero_states(SETTINGS, 3))[0]))  # noqa: E731
    found, expected = jax.jit(jax.grad(ours))(parameters), jax.jit(jax.grad(plain))(parameters)
    for name in expected:
        assert float(jnp.abs(expected[name]).max()) > 1e-3, name
        np.testing.assert_allclose(found[name], expected[name], atol=1e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru"])
def test_labels_that_stay_the_same_are_a_network_without_labels(cell: CellName) -> None:
    settings, parameters = random_network(num_labels=4, vocab_size=9, hidden_size=8, cell=cell)
    given = {name: jnp.asarray(array) for name, array in parameters.items()}
    labels = np.array([[2, 3], [0, 1], [0, 0]], np.int32)  # of each row; 0 is left out
    read = jax.jit(network_function(settings))
    places = jnp.broadcast_to(labels[:, None], (3, 20, 2))
    found, after = read(given, TOKENS, zero_states(settings, 3), labels=places)
    for row, ids in enumerate(labels):
        weights = np.zeros(5, np.float32)
        weights[ids] = 1
        plain, merged = with_labels(settings, parameters, weights[1:])
        alone, states = network_function(plain)(
            dict(merged), TOKENS[row : row + 1], zero_states(plain, 1)
        )
        np.testing.assert_allclose(found[:, row], alone[:, 0], atol=1e-5)
        np.testing.assert_allclose(after[1].hidden[row], states[1].hidden[0], atol=1e-5)
    without, _ = read(given, TOKENS, zero_states(settings, 3))
    np.testing.assert_allclose(found[:, 2], without[:, 2], atol=1e-6)


def test_a_label_changes_along_a_text_where_a_document_ends() -> None:
    settings, parameters = random_network(num_labels=2, vocab_size=9, hidden_size=8)
    given = {name: jnp.asarray(array) for name, array in parameters.items()}
    read = jax.jit(network_function(settings))
    labels = jnp.repeat(jnp.array([1, 2]), 10)[None, :, None]
    whole, _ = read(given, TOKENS[:1], zero_states(settings, 1), labels=labels)
    first, middle = read(given, TOKENS[:1, :10], zero_states(settings, 1), labels=labels[:, :10])
    second, _ = read(given, TOKENS[:1, 10:], middle, labels=labels[:, 10:])
    np.testing.assert_allclose(jnp.concatenate([first, second]), whole, atol=1e-5)
    other, _ = read(given, TOKENS[:1], zero_states(settings, 1), labels=jnp.ones_like(labels))
    np.testing.assert_allclose(other[:10], whole[:10], atol=1e-6)
    assert float(jnp.abs(other[10:] - whole[10:]).max()) > 0.1


@pytest.mark.slow
def test_the_gradients_of_labels_are_those_of_autodiff() -> None:
    settings, parameters = random_network(num_labels=3, vocab_size=9, hidden_size=8)
    given = {name: jnp.asarray(array) for name, array in parameters.items()}
    apply, labels = network_function(settings), np.array([[[1, 2]], [[3, 0]], [[0, 2]]])
    labels = np.broadcast_to(labels, (3, 5, 2)).astype(np.int32)
    tokens, states = TOKENS[:, :5], zero_states(settings, 3)

    def loss(parameters: Any) -> Any:
        return jnp.mean(apply(parameters, tokens, states, labels=labels)[0] ** 2)

    found = jax.jit(jax.grad(loss))(given)["layers.1.label_kernel"]
    for label, column in ((0, 1), (1, 9), (2, 30)):
        step = jnp.zeros_like(found).at[label, column].set(1e-2)
        name = "layers.1.label_kernel"
        high, low = (loss({**given, name: given[name] + s * step}) for s in (1, -1))
        assert float(found[label, column]) == pytest.approx(float(high - low) / 2e-2, rel=0.02)


def two_ways(settings: ModelSettings, seed: int = 3) -> tuple[Any, Any]:
    apply, parameters = create_model(replace(settings, direction="both"), seed)
    return apply, parameters


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
@pytest.mark.parametrize("layers", [1, 3])
def test_no_character_is_predicted_from_itself(cell: CellName, layers: int) -> None:
    settings = replace(ALL_LAYERS, cell=cell, num_layers=layers, vocab_size=12)
    apply, parameters = two_ways(settings)
    tokens = jnp.arange(1, 9)[None]  # each character occurs once

    def squares(embedding: jax.Array, index: int) -> jax.Array:
        states = zero_states(settings, 1)
        logits, _ = apply({**parameters, "embedding": embedding}, tokens, states, count=7)
        return jnp.sum(logits[index] ** 2)

    for index in (0, 3, 6):
        gradient = np.asarray(jax.grad(squares)(parameters["embedding"], index))
        reach = np.abs(gradient).sum(-1)
        assert reach[index + 2] == 0  # logits 0 are those of the character at the index 1
        others = np.delete(np.arange(1, 9), index + 1)
        assert (reach[others] > 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("settings", [SETTINGS, ALL_LAYERS], ids=["last", "all"])
def test_logits_of_both_directions_equal_those_of_a_plain_loop_in_each(
    settings: ModelSettings,
) -> None:
    apply, parameters = two_ways(settings)
    arrays = {name: np.asarray(array) for name, array in parameters.items()}
    tokens = np.asarray(TOKENS[:1, :9])
    logits, after = apply(parameters, tokens, zero_states(settings, 1), count=6)
    assert logits.shape == (6, 1, 9)
    ways = []
    for stack, text in (("layers", tokens[0]), ("backward", tokens[0, ::-1])):
        names = {n.replace(stack, "layers"): a for n, a in arrays.items() if n.startswith(stack)}
        engine = NumpyEngine(settings, {**arrays, **names})
        states, outputs = engine.zero_states(), []
        for token in text:
            outputs.append(projected_outputs(settings, states))
            states = engine.read(np.array([token], np.int32), states)
        ways.append(np.stack(outputs))
    for index in range(6):
        both = np.concatenate([ways[0][index + 1], ways[1][::-1][index + 1]])
        expected = both @ arrays["projection.kernel"] + arrays["projection.bias"]
        np.testing.assert_allclose(logits[index, 0], expected, atol=1e-5)
    # The state that is carried on is that after the characters that were predicted from.
    whole, _ = apply(parameters, tokens, zero_states(settings, 1), count=8)
    rest, _ = apply(parameters, tokens[:, 6:], after, count=2)
    np.testing.assert_allclose(rest, whole[6:], atol=1e-5)


@pytest.mark.slow
def test_a_reversed_text_read_by_swapped_stacks_has_the_same_probabilities() -> None:
    apply, parameters = two_ways(ALL_LAYERS)
    exchange = {"layers": "backward", "backward": "layers"}
    swapped = {
        ".".join([exchange.get(first, first), *rest]): array
        for (first, *rest), array in ((n.split("."), a) for n, a in parameters.items())
    }
    swapped["projection.kernel"] = jnp.roll(parameters["projection.kernel"], 16, axis=0)
    states = zero_states(ALL_LAYERS, 3)
    plain, _ = apply(parameters, TOKENS, states, count=18)
    mirrored, _ = apply(swapped, TOKENS[:, ::-1], states, count=18)
    np.testing.assert_allclose(mirrored[::-1], plain, atol=1e-5)


@pytest.mark.slow
def test_labels_reach_the_layers_of_both_directions() -> None:
    settings = replace(ALL_LAYERS, num_labels=2)
    apply, parameters = two_ways(settings)
    source = np.random.default_rng(2)
    random = {
        name: jnp.asarray(source.normal(size=array.shape), jnp.float32)
        if name.endswith("label_kernel")
        else array
        for name, array in parameters.items()
    }
    labels = jnp.full((3, 20, 1), 2)
    states = zero_states(settings, 3)
    labelled, _ = apply(random, TOKENS, states, labels=labels, count=18)
    arrays = {name: np.asarray(array) for name, array in random.items()}
    _, plain = with_labels(
        replace(settings, direction="both"), arrays, np.array([0, 1], np.float32)
    )
    expected, _ = two_ways(ALL_LAYERS)[0](plain, TOKENS, states, count=18)
    np.testing.assert_allclose(labelled, expected, atol=1e-5)
