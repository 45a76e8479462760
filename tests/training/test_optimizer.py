import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from tests.training.plans import plan
from textgen.training.muon import WEIGHT_DECAY, scale_by_muon
from textgen.training.optimizer import learning_rates, make_optimizer


@pytest.mark.slow
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


def test_muon_updates_the_kernels_inside_the_layers_and_adamw_the_rest() -> None:
    inner = ("layers.0.input_kernel", "backward.1.recurrent_kernel")
    rest = ("embedding", "layers.0.bias", "layers.0.label_kernel", "projection.kernel")
    random = np.random.default_rng(1)
    parameters = {
        name: jnp.array(random.standard_normal((4, 8) if name != "layers.0.bias" else 8))
        for name in (*inner, *rest)
    }
    both, adamw, muon = (
        make_optimizer(plan(weight_decay=0.1, optimizer="muon")),
        make_optimizer(plan(weight_decay=0.1)),
        scale_by_muon(),
    )
    kernels = {name: parameters[name] for name in inner}
    states = both.init(parameters), adamw.init(parameters), muon.init(kernels)
    for number in range(2):
        gradients = {name: (number + 1) * leaf - 0.3 for name, leaf in parameters.items()}
        found, state = both.update(gradients, states[0], parameters)
        expected, old = adamw.update(gradients, states[1], parameters)
        inside, mean = muon.update({name: gradients[name] for name in inner}, states[2])
        states = state, old, mean
        for name in rest:
            np.testing.assert_array_equal(found[name], expected[name])
        for name in inner:
            np.testing.assert_allclose(
                found[name], inside[name] + WEIGHT_DECAY * parameters[name], rtol=1e-5
            )


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "warmup", "steps", "begin"),
    [(0.006, 100, 3345, 0), (0.01, 3, 60, 19), (0.25, 0, 1000, 505), (0.003, 10, 9999, 4096)],
)
def test_rates_are_those_of_optax_to_the_last_bit(
    rate: float, warmup: int, steps: int, begin: int
) -> None:
    schedule = optax.warmup_cosine_decay_schedule(0.0, rate, warmup, steps + 1)
    expected = np.asarray(schedule(jnp.arange(begin + 1, begin + 600)))
    made = plan(learning_rate=rate, warmup_steps=warmup, steps=steps)
    np.testing.assert_array_equal(learning_rates(made, begin, 599), expected)


@pytest.mark.slow
def test_after_a_correction_the_rest_of_the_cosine_fills_the_steps_that_are_left() -> None:
    first = plan(steps=99, warmup_steps=10, learning_rate=0.01)
    # 60 of 100 intervals are left at step 40; they are passed in 30, and then in 60 again.
    shorter = first.corrected(40, 69)
    before, after = learning_rates(first, 0, 99), learning_rates(shorter, 0, 69)
    np.testing.assert_array_equal(after[:40], before[:40])
    np.testing.assert_allclose(after[40:], before[41::2], rtol=1e-4, atol=1e-9)
    longer = shorter.corrected(55, 84)
    again = learning_rates(longer, 0, 84)
    np.testing.assert_array_equal(again[:55], after[:55])
    np.testing.assert_allclose(again[55:], before[70:], rtol=1e-4, atol=1e-9)
