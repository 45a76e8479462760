import math
import re
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.training.plans import MODEL, batches, plan
from textgen.network.model import create_model, dropout_masks, zero_states
from textgen.runtime import devices as devices_module
from textgen.runtime.devices import make_mesh
from textgen.settings import Precision
from textgen.training.optimizer import make_optimizer
from textgen.training.train_state import (
    TrainState,
    fresh_state,
    place,
)
from textgen.training.train_step import Recipe, make_train_steps, steps_per_call


@cache
def trained(
    devices: int, steps: int = 3, at_once: int = 1, optimizer: str = "adamw"
) -> tuple[TrainState, list[float]]:
    settings = plan(devices=devices, optimizer=optimizer)
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
        numbers = np.arange(begin, begin + 5) % 5
        given = batches(tokens[numbers], resets[numbers], numbers)
        state, measures = run(state, np.int32(at_once), given)
        losses += np.asarray(measures)[:at_once, 0].tolist()
    assert run._cache_size() == 1  # type: ignore[attr-defined]
    return state, losses


@pytest.mark.slow
def test_a_step_that_leaves_a_weight_without_a_number_says_so_at_once() -> None:
    settings = plan()
    mesh = make_mesh(1, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    state = fresh_state(MODEL, settings, parameters)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    tokens = np.tile([[1, 2]], (4, 6))[:, :11]
    for last_rate, sound in ((0, [True, True]), (np.inf, [True, False])):
        given = batches(tokens, rates=[0, last_rate, 0, 0, 0])
        _, measures = run(place(state, mesh), np.int32(2), given)
        measures = measures[:2]
        assert np.isfinite(measures[:, 0]).all()  # the losses do not tell yet
        assert np.isfinite(measures[:, 1]).tolist() == sound


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_one_and_two_devices_agree(optimizer: str) -> None:
    one, losses = trained(1, optimizer=optimizer)
    two, other_losses = trained(2, optimizer=optimizer)
    np.testing.assert_allclose(losses, other_losses, atol=1e-5)
    assert len(two.recurrent[0].hidden.sharding.device_set) == 2
    for left, right in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_call_on_an_accelerator_makes_more_steps() -> None:
    large = replace(MODEL, hidden_size=512)
    assert steps_per_call(large, plan(batch_size=512, sequence_length=64)) == 2
    assert steps_per_call(large, plan(batch_size=512, sequence_length=64), on_cpu=False) == 16


@pytest.mark.slow
def test_the_devices_share_the_update_of_a_large_parameter(monkeypatch: Any) -> None:
    whole, losses = trained(2)
    monkeypatch.setattr(devices_module, "SHARED_UPDATE", 64)
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


@pytest.mark.slow
def test_devices_share_what_muon_computes(monkeypatch: Any) -> None:
    whole, losses = trained(1, optimizer="muon")
    monkeypatch.setattr(devices_module, "SHARED_UPDATE", 64)
    trained.cache_clear()
    shared, same = trained(2, optimizer="muon")
    trained.cache_clear()
    mean = shared.optimizer["muon"].mean["layers.1.input_kernel"]  # [8, 32]
    assert [shard.data.shape for shard in mean.addressable_shards] == [(4, 32)] * 2
    np.testing.assert_allclose(losses, same, atol=1e-5)
    for left, right in zip(jax.tree.leaves(whole), jax.tree.leaves(shared), strict=True):
        np.testing.assert_allclose(left, right, atol=1e-5)


@pytest.mark.slow
def test_a_step_sums_all_gradients_at_once_and_gathers_all_updates_at_once(
    monkeypatch: Any,
) -> None:
    monkeypatch.setattr(devices_module, "SHARED_UPDATE", 64)
    settings = plan(devices=2)
    mesh = make_mesh(2, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    state = place(fresh_state(MODEL, settings, parameters), mesh)
    tokens = np.ones((5, 4, 11), np.int32)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    given = batches(tokens, np.zeros((5, 4), bool), np.arange(5))
    program = run.lower(state, np.int32(5), given).compile().as_text()  # type: ignore[attr-defined]
    shared = [name for name, leaf in parameters.items() if leaf.size >= 64]
    assert len(shared) >= 4
    gathers = re.findall(r"\ball-gather(?:-start)?\(", program)
    sums = re.findall(r"= (.*) all-reduce(?:-start)?\(", program)
    numbers = sum(leaf.size for leaf in parameters.values())
    # The loss is summed with the gradients.
    assert (len(gathers), sums) == (1, [f"f32[{numbers + 1}]{{0}}"])


@pytest.mark.slow
def test_the_first_loss_is_near_that_of_knowing_nothing() -> None:
    assert abs(trained(1)[1][0] - math.log(9)) < 0.5


@pytest.mark.slow
def test_a_step_resets_drops_and_descends_as_its_parts_do() -> None:
    """Two steps against the model, Optax, clipping and the masks, put together here by hand."""
    settings = plan()
    apply, parameters = create_model(MODEL, seed=0)
    optimizer = make_optimizer(settings)
    recurrent = jax.tree.map(lambda a: a + 0.5, zero_states(MODEL, 4))
    start = TrainState(parameters, optimizer.init(parameters), recurrent)
    mesh = make_mesh(1, 4)
    run = make_train_steps(Recipe(apply, MODEL, settings, mesh))
    tokens = np.random.default_rng(2).integers(1, 9, (4, 11)).astype(np.int32)
    resets = np.array([True, False, False, True])

    @jax.jit
    def step_by_hand(before: TrainState, number: Any) -> Any:
        masks = dropout_masks(jax.random.fold_in(jax.random.key(5), number), MODEL, 4)
        cleared = jax.tree.map(lambda a: a.at[jnp.array([0, 3])].set(0), before.recurrent)

        def loss(parameters: Any) -> Any:
            logits, after = apply(parameters, tokens[:, :-1], cleared, masks)
            log_probabilities = jax.nn.log_softmax(logits)
            chosen = jnp.take_along_axis(log_probabilities, tokens[:, 1:].T[..., None], axis=-1)
            return -jnp.mean(chosen), after

        (value, after), gradients = jax.value_and_grad(loss, has_aux=True)(before.parameters)
        length = optax.tree.norm(gradients)
        gradients = jax.tree.map(lambda g: g * settings.max_grad_norm / length, gradients)
        updates, moments = optimizer.update(gradients, before.optimizer, before.parameters)
        moved = jax.tree.map(lambda p, u: p - 0.001 * u, before.parameters, updates)
        return TrainState(moved, moments, after), value, length

    state, expected = place(start, mesh), start
    for number in (7, 8):
        expected, value, length = step_by_hand(expected, number)
        assert length > settings.max_grad_norm  # so that clipping shows
        state, measures = run(state, np.int32(1), batches(tokens, resets, number))
        assert float(measures[0, 0]) == pytest.approx(float(value), abs=1e-6)
        assert float(measures[0, 1]) == pytest.approx(float(length), rel=1e-5)
        for left, right in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(left, right, atol=2e-5)


# A text with much to learn: words in an order that repeats, and numbers that do not.
WORDS = "".join(
    f"{word} {number % 7}, "
    for word, number in zip(
        ["fox", "dog", "hen", "cow"] * 200,
        np.random.default_rng(4).integers(0, 99, 800),
        strict=True,
    )
)


@cache
def last_losses(precision: Precision) -> tuple[TrainState, float]:
    """Train for 300 steps on a text; return the state, and the mean loss of the last 50 steps."""
    ids = {character: number for number, character in enumerate(sorted({*WORDS}), start=1)}
    tokens = np.array([ids[character] for character in WORDS], np.int32)
    model = replace(MODEL, vocab_size=len(ids) + 1, hidden_size=16, dropout_rate=0.0)
    settings = plan(precision=precision, batch_size=4, sequence_length=10, max_grad_norm=1.0)
    mesh = make_mesh(1, settings.batch_size)
    apply, parameters = create_model(model, 0, settings.computation)
    state = place(fresh_state(model, settings, parameters), mesh)
    run = make_train_steps(Recipe(apply, model, settings, mesh))
    starts, losses = np.random.default_rng(5), list[float]()
    for _ in range(60):
        at = starts.integers(0, len(tokens) - 11, (5, 4, 1)) + np.arange(11)
        state, measures = run(state, np.int32(5), batches(tokens[at], (True,) * 4, rates=0.01))
        losses += np.asarray(measures)[:, 0].tolist()
    return state, float(np.mean(losses[-50:]))


@pytest.mark.slow
def test_after_300_steps_the_loss_in_bfloat16_is_within_a_percent_of_that_in_float32() -> None:
    (state, rounded), (other, exact) = last_losses("bfloat16"), last_losses("float32")
    assert exact < 1.5  # of ln 20 = 3.0 at the start
    assert rounded != exact
    assert abs(rounded / exact - 1) < 0.01
    for leaf, same in zip(jax.tree.leaves(state), jax.tree.leaves(other), strict=True):
        assert leaf.dtype == same.dtype  # weights, moments and states are float32
