import math
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.training.plans import MODEL, plan
from textgen.network.model import create_model, dropout_masks, zero_states
from textgen.runtime.devices import make_mesh
from textgen.training import train_state as train_state_module
from textgen.training.optimizer import make_optimizer
from textgen.training.train_state import (
    TrainState,
    fresh_state,
    place,
)
from textgen.training.train_step import Batch, Recipe, make_train_steps, steps_per_call


@cache
def trained(devices: int, steps: int = 3, at_once: int = 1) -> tuple[TrainState, list[float]]:
    settings = plan(devices=devices)
    mesh = make_mesh(devices, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    state = place(fresh_state(MODEL, settings, parameters), mesh)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    tokens = np.random.default_rng(1).integers(1, 9, (5, 4, 11)).astype(np.int32)
    resets = np.zeros((5, 4), bool)
    resets[0, 0] = resets[2, 2] = True
    losses: list[float] = []
    for begin in range(0, steps, at_once):
        # Five batches are given, of which `at_once` are used.
        places = np.arange(begin, begin + 5) % 5
        state, measures = run(
            state,
            np.int32(at_once),
            Batch(
                tokens[places, :, :-1],
                tokens[places, :, 1:],
                resets[places],
                places.astype(np.int32),
                np.full(5, 0.001, np.float32),
            ),
        )
        losses += np.asarray(measures)[:at_once, 0].tolist()
    assert run._cache_size() == 1  # type: ignore[attr-defined]
    return state, losses


def test_a_step_that_leaves_a_weight_without_a_number_says_so_at_once() -> None:
    settings = plan()
    mesh = make_mesh(1, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    state = fresh_state(MODEL, settings, parameters)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    inputs = np.ones((2, 4, 10), np.int32)
    still, far = np.float32(0), np.float32(np.inf)
    for rates, sound in (([still, still], [True, True]), ([still, far], [True, False])):
        _, measures = run(
            place(state, mesh),
            np.int32(2),
            Batch(
                inputs,
                inputs + 1,
                np.zeros((2, 4), bool),
                np.arange(2, dtype=np.int32),
                np.array(rates, np.float32),
            ),
        )
        assert np.isfinite(measures[:, 0]).all()  # the losses do not tell yet
        assert np.isfinite(measures[:, 1]).tolist() == sound


def test_one_and_two_devices_agree() -> None:
    (one, losses), (two, other_losses) = trained(1), trained(2)
    np.testing.assert_allclose(losses, other_losses, atol=1e-5)
    assert len(two.recurrent[0].hidden.sharding.device_set) == 2
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


def test_how_many_steps_a_call_makes_changes_no_bit() -> None:
    (one, losses), (other, same) = trained(1, steps=4), trained(1, steps=4, at_once=2)
    assert len(losses) == 4
    assert losses == same
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_call_makes_fewer_steps_of_a_larger_network() -> None:
    assert steps_per_call(MODEL, plan()) == 16
    large = replace(MODEL, hidden_size=512, embedding_size=512)
    assert steps_per_call(large, plan(batch_size=32, sequence_length=64)) == 2
    assert 2 < steps_per_call(large, plan(batch_size=8, sequence_length=64)) < 16


def test_the_devices_share_the_update_of_a_large_parameter(monkeypatch: Any) -> None:
    whole, losses = trained(2)
    monkeypatch.setattr(train_state_module, "SHARED_UPDATE", 64)
    trained.cache_clear()
    shared, same = trained(2)
    trained.cache_clear()
    moment = shared.optimizer["adam"].mu["layers.1.input_kernel"]  # [8, 32]
    assert [shard.data.shape for shard in moment.addressable_shards] == [(4, 32)] * 2
    bias = shared.optimizer["adam"].mu["layers.1.bias"]
    assert [shard.data.shape for shard in bias.addressable_shards] == [(32,)] * 2
    np.testing.assert_allclose(losses, same, atol=1e-6)
    for left, right in zip(jax.tree.leaves(whole), jax.tree.leaves(shared), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-6)


def test_the_first_loss_is_near_that_of_knowing_nothing() -> None:
    assert abs(trained(1)[1][0] - math.log(9)) < 0.5


def test_a_step_resets_drops_and_descends_as_its_parts_do() -> None:
    """Two steps against the model, Optax, clipping and the masks, put together here by hand."""
    settings = plan(seed=5, max_grad_norm=0.05)
    apply, parameters = create_model(MODEL, seed=0)
    optimizer = make_optimizer(settings)
    recurrent = jax.tree.map(lambda a: a + 0.5, zero_states(MODEL, 4))
    start = TrainState(parameters, optimizer.init(parameters), recurrent)
    mesh = make_mesh(1, 4)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    tokens = np.random.default_rng(2).integers(1, 9, (4, 11)).astype(np.int32)
    resets = np.array([True, False, False, True])
    state, expected = place(start, mesh), start
    for number in (7, 8):
        masks = dropout_masks(jax.random.fold_in(jax.random.key(5), number), MODEL, 4)
        cleared = jax.tree.map(lambda a: a.at[jnp.array([0, 3])].set(0), expected.recurrent)

        def loss(parameters: Any, cleared: Any = cleared, masks: Any = masks) -> Any:
            logits, after = apply(parameters, tokens[:, :-1], cleared, masks)
            log_probabilities = jax.nn.log_softmax(logits)
            chosen = jnp.take_along_axis(log_probabilities, tokens[:, 1:].T[..., None], axis=-1)
            return -jnp.mean(chosen), after

        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(expected.parameters)
        length = float(optax.tree.norm(gradients))
        assert length > settings.max_grad_norm  # so that clipping shows
        gradients = jax.tree.map(lambda g: g * settings.max_grad_norm / length, gradients)  # noqa: B023
        updates, moments = optimizer.update(gradients, expected.optimizer, expected.parameters)
        moved = jax.tree.map(lambda p, u: p - 0.001 * u, expected.parameters, updates)
        expected = TrainState(moved, moments, after)
        state, measures = run(
            state,
            np.int32(1),
            Batch(
                tokens[None, :, :-1],
                tokens[None, :, 1:],
                resets[None],
                np.array([number], np.int32),
                np.array([0.001], np.float32),
            ),
        )
        assert float(measures[0, 0]) == pytest.approx(float(value), abs=1e-6)
        assert float(measures[0, 1]) == pytest.approx(length, rel=1e-5)
        for left, right in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(left, right, atol=2e-5)
