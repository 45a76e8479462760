import math

import jax.numpy as jnp
import numpy as np
import pytest

from textgen.generation.sampling import Draws, allowed_logits, compile_settings, draw, softmax
from textgen.settings import SamplingSettings

# Ids 1 to 5 with these odds; id 0 is likelier than all of them and never to be drawn.
ODDS = np.array([1000.0, 10.0, 4.0, 3.0, 2.0, 1.0])
LOGITS = np.log(ODDS).astype(np.float32)


def allowed(**settings: float) -> list[int]:
    filters, knobs = compile_settings(SamplingSettings(**settings), 6)  # type: ignore[arg-type]
    return np.flatnonzero(np.isfinite(allowed_logits(LOGITS, filters, knobs))).tolist()


def drawn(count: int = 40_000, logits: np.ndarray = LOGITS, **settings: float) -> np.ndarray:
    """Return the share of each id over evenly spread numbers: exact to 1 in `count`."""
    filters, knobs = compile_settings(SamplingSettings(**settings), 6)  # type: ignore[arg-type]
    uniforms = (np.arange(count, dtype=np.float32) + 0.5) / count
    ids = draw(np.broadcast_to(logits, (count, 6)), uniforms, filters, knobs)
    return np.bincount(ids, minlength=6) / count


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_follow_the_softmax_at_the_temperature(temperature: float) -> None:
    weights = ODDS[1:] ** (1 / temperature)
    expected = [0, *weights / weights.sum()]
    np.testing.assert_allclose(drawn(temperature=temperature), expected, atol=1e-4)


def test_frequencies_of_the_seeded_numbers_follow_the_softmax() -> None:
    filters, knobs = compile_settings(SamplingSettings(temperature=0.5), 6)
    uniforms = Draws(3, 0).take(100_000)
    ids = draw(np.broadcast_to(LOGITS, (100_000, 6)), uniforms, filters, knobs)
    expected = ODDS[1:] ** 2 / (ODDS[1:] ** 2).sum()
    # Standard deviation at most 0.0016, so that six of them go wrong once in 10**8.
    np.testing.assert_allclose(np.bincount(ids)[1:] / 100_000, expected, atol=0.01)


def test_temperature_zero_and_top_k_one_take_the_likeliest() -> None:
    np.testing.assert_array_equal(drawn(temperature=0), [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(drawn(top_k=1), [0, 1, 0, 0, 0, 0])
    for temperature in (1e-4, 1e-10, 1e-39, 1e-45):
        np.testing.assert_array_equal(drawn(temperature=temperature), [0, 1, 0, 0, 0, 0])


def test_each_filter_keeps_what_its_definition_says() -> None:
    assert allowed() == [1, 2, 3, 4, 5]
    assert allowed(top_k=3) == [1, 2, 3]
    # Probabilities 0.50, 0.20, 0.15, 0.10, 0.05.
    assert allowed(top_p=0.49) == [1]
    assert allowed(top_p=0.51) == [1, 2]
    assert allowed(top_p=0.71) == [1, 2, 3]
    assert allowed(min_p=0.25) == [1, 2, 3]
    assert allowed(min_p=0.45) == [1]
    # top_k comes first: of 10 : 4 : 3 the first two have 14/17 = 0.82.
    assert allowed(top_k=3, top_p=0.80) == [1, 2]


def test_the_temperature_comes_after_the_filters() -> None:
    # At temperature 2 alone, the likeliest would have 0.34 and top_p 0.49 would keep two.
    assert drawn(top_p=0.49, temperature=2)[1] == 1


def test_a_number_next_to_one_never_leaves_the_vocabulary() -> None:
    last = np.float32(1 - 2**-24)
    for scale in np.linspace(0.1, 5, 200, dtype=np.float32):
        logits = np.where(np.arange(6) < 4, LOGITS * scale, -50).astype(np.float32)
        filters, knobs = compile_settings(SamplingSettings(temperature=1), 6)
        assert 1 <= draw(logits, last, filters, knobs) <= 5
        assert draw(logits, np.float32(0), filters, knobs) == 1


@pytest.mark.parametrize(
    "settings", [{}, {"top_k": 2}, {"top_p": 0.7}, {"min_p": 0.3}, {"temperature": 0}]
)
def test_jax_draws_what_numpy_draws(settings: dict[str, float]) -> None:
    random = np.random.default_rng(0)
    logits = (3 * random.normal(size=(500, 6))).astype(np.float32)
    uniforms = random.random(500).astype(np.float32)
    filters, knobs = compile_settings(SamplingSettings(**settings), 6)  # type: ignore[arg-type]
    expected = draw(logits, uniforms, filters, knobs)
    found = draw(jnp.asarray(logits), jnp.asarray(uniforms), filters, knobs)
    np.testing.assert_array_equal(found, expected)


def test_softmax_of_given_odds() -> None:
    np.testing.assert_allclose(softmax(np.log([1.0, 3.0, 4.0])), [1 / 8, 3 / 8, 1 / 2])
    assert softmax(np.array([-math.inf, 0.0])).tolist() == [0, 1]


def test_numbers_depend_on_seed_sample_and_place_alone() -> None:
    whole = Draws(7, 2).take(50)
    pieces = Draws(7, 2)
    np.testing.assert_array_equal(
        np.concatenate([pieces.take(n) for n in (1, 6, 0, 20, 23)]), whole
    )
    for position in range(12):
        np.testing.assert_array_equal(Draws(7, 2, position).take(5), whole[position : position + 5])
    assert not np.array_equal(Draws(7, 3).take(50), whole)
    assert not np.array_equal(Draws(8, 2).take(50), whole)
    assert whole.dtype == np.float32
    assert (whole < 1).all()
