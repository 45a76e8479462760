from dataclasses import replace

import numpy as np
import pytest

from tests.networks import random_network
from textgen.network import growth
from textgen.network.cells import CELLS
from textgen.network.growth import grow_parameters, move_labels
from textgen.network.inference import next_logits, prepare_parameters, step_network
from textgen.network.parameters import parameter_shapes
from textgen.settings import ModelSettings

SHAPES = [{}, {"cell": "gru", "projected": "all"}, {"projection_rank": 3}, {"num_labels": 2}]


def logits_after(settings: ModelSettings, parameters: dict[str, np.ndarray]) -> np.ndarray:
    """Return the logits after three known characters, float [V]."""
    zero = np.zeros(settings.hidden_size, np.float32)
    states = tuple(CELLS[settings.cell].fill_state(zero) for _ in range(settings.num_layers))
    prepared = prepare_parameters(parameters)
    for token in (3, 1, 6):
        states = step_network(settings, prepared, token, states)
    return np.asarray(next_logits(settings, prepared, states))


@pytest.mark.parametrize("changes", SHAPES)
def test_known_characters_keep_their_logits(changes: dict[str, object]) -> None:
    settings, parameters = random_network(**changes)
    larger = replace(settings, vocab_size=settings.vocab_size + 4)
    grown = grow_parameters(parameters, settings, larger.vocab_size, seed=1)
    assert {name: array.shape for name, array in grown.items()} == parameter_shapes(larger)
    assert {array.dtype for array in grown.values()} == {np.dtype(np.float32)}
    before, after = logits_after(settings, parameters), logits_after(larger, grown)
    np.testing.assert_allclose(after[: settings.vocab_size], before, atol=1e-5)


def test_without_noise_the_logit_of_a_new_character_is_the_mean_of_the_known_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(growth, "NOISE", 0.0)
    settings, parameters = random_network()
    grown = grow_parameters(parameters, settings, 9, seed=1)
    logits = logits_after(replace(settings, vocab_size=9), grown)
    np.testing.assert_allclose(logits[7:], logits[1:7].mean(), atol=1e-5)
    np.testing.assert_allclose(grown["embedding"][8], parameters["embedding"][1:].mean(0))


def test_noise_tells_new_characters_apart_and_follows_the_seed() -> None:
    settings, parameters = random_network()
    made = [grow_parameters(parameters, settings, 9, seed) for seed in (1, 1, 2)]
    for name in ("embedding", "projection.kernel"):
        first, again, other = (one[name] if name == "embedding" else one[name].T for one in made)
        assert (first == again).all()
        assert (first[7:] != other[7:]).all()
        assert (first[7] != first[8]).all()


def test_the_order_of_the_arrays_does_not_matter() -> None:
    settings, parameters = random_network()
    first, second = (
        grow_parameters(dict(items), settings, 9, seed=1)
        for items in (parameters.items(), reversed(parameters.items()))
    )
    assert {n: a.tobytes() for n, a in first.items()} == {n: a.tobytes() for n, a in second.items()}


def vectors_of(settings: ModelSettings, arrays: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [arrays[f"layers.{n}.label_kernel"] for n in range(settings.num_layers)]


def test_labels_that_stay_keep_their_vectors_and_new_ones_are_zero() -> None:
    settings, parameters = random_network(num_labels=3)
    moved = move_labels(parameters, settings, [2, None, 0, None])
    shapes = {name: array.shape for name, array in moved.items()}
    assert shapes == parameter_shapes(replace(settings, num_labels=4))
    for old, new in zip(vectors_of(settings, parameters), vectors_of(settings, moved), strict=True):
        np.testing.assert_array_equal(new, [old[2], 0 * old[0], old[0], 0 * old[0]])


def test_labels_are_added_to_a_network_without_and_left_out_of_one_with_them() -> None:
    plain, parameters = random_network()
    moved = move_labels(parameters, plain, [None, None])
    labelled = replace(plain, num_labels=2)
    assert {name: array.shape for name, array in moved.items()} == parameter_shapes(labelled)
    assert all(not vector.any() for vector in vectors_of(labelled, moved))
    back = move_labels(moved, labelled, [])
    assert {name: array.shape for name, array in back.items()} == parameter_shapes(plain)


def test_a_vocabulary_that_does_not_grow_changes_nothing() -> None:
    settings, parameters = random_network()
    same = grow_parameters(parameters, settings, settings.vocab_size, seed=1)
    assert {name: array.tobytes() for name, array in same.items()} == {
        name: array.tobytes() for name, array in parameters.items()
    }
