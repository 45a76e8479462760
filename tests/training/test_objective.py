import math
from dataclasses import replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from textgen.network.model import create_model, dropout_masks, zero_states
from textgen.settings import ModelSettings, TrainingSettings
from textgen.training import objective
from textgen.training.devices import make_mesh
from textgen.training.objective import (
    TrainState,
    cross_entropy,
    learning_rates,
    make_optimizer,
    make_train_steps,
    place,
    reset_states,
    state_arrays,
    state_from_arrays,
    steps_at_once,
)

MODEL = ModelSettings(vocab_size=9, embedding_size=6, hidden_size=8, num_layers=2, dropout_rate=0.3)


def plan(**changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {
        "steps": 100,
        "batch_size": 4,
        "sequence_length": 10,
        "learning_rate": 0.01,
        "warmup_steps": 10,
        "eval_every": 10,
        "checkpoint_every": 10,
    }
    return TrainingSettings(**(values | changes))


@pytest.mark.parametrize("vocab_size", [2, 65, 600])
def test_the_cross_entropy_of_uniform_logits_is_ln_v(vocab_size: int) -> None:
    logits = jnp.full((3, 2, vocab_size), 1.7)
    targets = jnp.asarray(np.random.default_rng(0).integers(0, vocab_size, (3, 2)))
    np.testing.assert_allclose(cross_entropy(logits, targets), math.log(vocab_size), rtol=1e-6)


def test_the_cross_entropy_of_given_odds_is_their_logarithm() -> None:
    # Odds 1 : 2 : 5, so probabilities 1/8, 1/4 and 5/8.
    logits = jnp.log(jnp.array([[1.0, 2.0, 5.0]] * 3))
    expected = [-math.log(1 / 8), -math.log(1 / 4), -math.log(5 / 8)]
    np.testing.assert_allclose(cross_entropy(logits, jnp.arange(3)), expected, rtol=1e-6)


def test_the_rate_rises_to_its_peak_and_falls_to_zero_along_a_cosine() -> None:
    rates = learning_rates(plan(), 0, 100)
    assert len(rates) == 100
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 1000, rtol=1e-6)
    progress = np.arange(0, 91) / 91  # from the peak at step 10 to zero at step 101
    np.testing.assert_allclose(
        rates[9:], 0.01 * (1 + np.cos(np.pi * progress)) / 2, rtol=1e-4, atol=1e-9
    )
    assert 0 < rates[-1] < 1e-5
    np.testing.assert_array_equal(learning_rates(plan(), 60, 7), rates[60:67])


def test_a_plan_of_one_step_has_a_rate() -> None:
    np.testing.assert_allclose(
        learning_rates(plan(steps=1, warmup_steps=0), 0, 1), [0.005], rtol=1e-6
    )


def test_only_marked_rows_are_reset() -> None:
    state = ({"h": jnp.ones((3, 2))},)
    found = reset_states(state, jnp.array([False, True, False]))
    np.testing.assert_array_equal(found[0]["h"], [[1, 1], [0, 0], [1, 1]])


def test_the_optimizer_is_optax_adamw_with_decay_of_the_kernels_alone() -> None:
    settings = plan(weight_decay=0.1, b1=0.8, b2=0.9)
    parameters = {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([3.0])}
    reference = optax.adamw(
        0.02, b1=0.8, b2=0.9, weight_decay=0.1, mask={"kernel": True, "bias": False}
    )
    ours, expected = parameters, parameters
    our_state = make_optimizer(settings).init(ours)
    reference_state = reference.init(expected)
    for number in range(3):
        gradients = {"kernel": jnp.array([[3.0, number]]), "bias": jnp.array([-1.0])}
        updates, our_state = make_optimizer(settings).update(gradients, our_state, ours)
        ours = jax.tree.map(lambda p, u: p - 0.02 * u, ours, updates)
        updates, reference_state = reference.update(gradients, reference_state, expected)
        expected = optax.apply_updates(expected, updates)
    for name in parameters:
        np.testing.assert_allclose(ours[name], expected[name], rtol=1e-6)
        assert not np.allclose(ours[name], parameters[name])


@cache
def trained(devices: int, steps: int = 3, at_once: int = 1) -> tuple[TrainState, list[float]]:
    settings = plan(devices=devices)
    mesh = make_mesh(devices, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    optimizer = make_optimizer(settings).init(parameters)
    state = place(TrainState(parameters, optimizer, zero_states(MODEL, 4)), mesh)
    run = make_train_steps(apply, MODEL, settings, mesh)
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
            tokens[places, :, :-1],
            tokens[places, :, 1:],
            resets[places],
            places.astype(np.int32),
            np.full(5, 0.001, np.float32),
        )
        losses += np.asarray(measures)[:at_once, 0].tolist()
    assert run._cache_size() == 1  # type: ignore[attr-defined]
    return state, losses


def test_a_step_that_leaves_a_weight_without_a_number_says_so_at_once() -> None:
    settings = plan()
    mesh = make_mesh(1, settings.batch_size)
    apply, parameters = create_model(MODEL, seed=0)
    state = TrainState(parameters, make_optimizer(settings).init(parameters), zero_states(MODEL, 4))
    run = make_train_steps(apply, MODEL, settings, mesh)
    inputs = np.ones((2, 4, 10), np.int32)
    still, far = np.float32(0), np.float32(np.inf)
    for rates, sound in (([still, still], [True, True]), ([still, far], [True, False])):
        _, measures = run(
            place(state, mesh),
            np.int32(2),
            inputs,
            inputs + 1,
            np.zeros((2, 4), bool),
            np.arange(2, dtype=np.int32),
            np.array(rates, np.float32),
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
    assert steps_at_once(MODEL, plan()) == 16
    large = replace(MODEL, hidden_size=512, embedding_size=512)
    assert steps_at_once(large, plan(batch_size=32, sequence_length=64)) == 2
    assert 2 < steps_at_once(large, plan(batch_size=8, sequence_length=64)) < 16


def test_the_devices_share_the_update_of_a_large_parameter(monkeypatch: Any) -> None:
    whole, losses = trained(2)
    monkeypatch.setattr(objective, "SHARED_UPDATE", 64)
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
    run = make_train_steps(apply, MODEL, settings, mesh)
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
            tokens[None, :, :-1],
            tokens[None, :, 1:],
            resets[None],
            np.array([number], np.int32),
            np.array([0.001], np.float32),
        )
        assert float(measures[0, 0]) == pytest.approx(float(value), abs=1e-6)
        assert float(measures[0, 1]) == pytest.approx(length, rel=1e-5)
        for left, right in zip(jax.tree.leaves(state), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(left, right, atol=2e-5)


def test_a_state_written_as_arrays_comes_back_the_same() -> None:
    state, _ = trained(1)
    arrays = state_arrays(state)
    assert float(np.abs(arrays["recurrent.0.cell"]).max()) > 0
    parameters = {name: np.asarray(array) for name, array in state.parameters.items()}
    skeleton = jax.tree.map(jnp.zeros_like, state)
    restored = state_from_arrays(parameters, arrays, skeleton)
    assert jax.tree.structure(restored) == jax.tree.structure(state)
    for left, right in zip(jax.tree.leaves(restored), jax.tree.leaves(state), strict=True):
        np.testing.assert_array_equal(left, right)


def test_a_state_that_does_not_fit_names_every_mismatch() -> None:
    state, _ = trained(1)
    arrays = state_arrays(state)
    del arrays["recurrent.0.cell"]
    arrays["recurrent.1.cell"] = np.zeros((2, 2), np.float32)
    message = r"0\.cell is missing.*1\.cell is float32 \(2, 2\), expected float32 \(4, 8\)"
    with pytest.raises(ValueError, match=message):
        state_from_arrays({}, arrays, state)
