import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from textgen.generation.candidates import COMPARED, Compared, Sorted, number_to_reach
from textgen.generation.filters import (
    FILTERS,
    Draws,
    apply_filters,
    choose,
    draw_filtered,
    filter_values,
    penalise,
    positive,
    softmax,
)
from textgen.generation.jax_engine import COMPILED
from textgen.generation.operations import PYTHON
from textgen.settings import SamplingSettings

# Ids 1 to 5 with these odds; id 0 is likelier than all of them and never to be drawn.
ODDS = np.array([1000.0, 10.0, 4.0, 3.0, 2.0, 1.0])
LOGITS = np.log(ODDS).astype(np.float32)


NEVER_USED = np.zeros(6, bool)


def permitted(logits: Any, used: Any = NEVER_USED, penalty: float = 1.0) -> Any:
    """Return logits with the unknown character forbidden and the penalty applied."""
    xp = logits.__array_namespace__()
    logits = xp.where(xp.arange(logits.shape[-1]) > 0, logits, -xp.inf)
    return logits if penalty == 1 else penalise(logits, used, positive(penalty))


def kept(logits: Any, compared: bool = False, **settings: Any) -> list[int]:
    """Return the ids that the filters keep, found in one of two ways."""
    candidates = Compared(logits) if compared else Sorted(logits)
    apply_filters(candidates, filter_values(SamplingSettings(**settings), len(logits)))
    if isinstance(candidates, Compared):
        return np.flatnonzero(candidates.kept).tolist()
    return candidates.ids().tolist()


def allowed(logits: Any = LOGITS, **settings: Any) -> list[int]:
    """Return the ids that the filters keep; both ways must agree."""
    ids = kept(permitted(logits), **settings)
    assert ids == kept(permitted(logits), compared=True, **settings)
    return ids


def drawn(count: int = 8_000, **settings: float) -> np.ndarray:
    """Return the share of each id over evenly spread numbers: exact to 1 in `count`."""
    temperature = np.float32(settings.pop("temperature", 0.8))
    values = filter_values(SamplingSettings(**settings), 6)
    uniforms = (np.arange(count, dtype=np.float32) + 0.5) / count
    logits = permitted(LOGITS)
    ids = [draw_filtered(logits, values, each, temperature, PYTHON) for each in uniforms]
    return np.bincount(ids, minlength=6) / count


@pytest.mark.parametrize("size", [1, 2, 511, 512, 513, 640, 641, 2000])
def test_the_number_of_weights_that_reach_a_limit(size: int) -> None:
    # Small whole numbers, whose sums float32 holds exactly in any order.
    weights = np.random.default_rng(size).integers(0, 9, size).astype(np.float32)
    weights[0] = 1
    sums = np.cumsum(weights)
    for reached in {0, size // 3, size // 2, size - 1}:
        for limit in (sums[reached], sums[reached] - np.float32(0.5)):
            expected = int(np.argmax(sums >= limit)) + 1
            assert number_to_reach(limit, weights) == expected
    assert number_to_reach(sums[-1] + np.float32(1), weights) == size + 1


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_frequencies_follow_the_softmax_at_the_temperature(temperature: float) -> None:
    weights = ODDS[1:] ** (1 / temperature)
    expected = [0, *weights / weights.sum()]
    np.testing.assert_allclose(drawn(temperature=temperature), expected, atol=2e-4)


@pytest.mark.slow
def test_frequencies_of_the_seeded_numbers_follow_the_softmax() -> None:
    uniforms = Draws(3, 0).take(100_000)
    logits = permitted(jnp.asarray(LOGITS))
    ids = jax.vmap(choose, (None, 0, None))(logits, uniforms, np.float32(0.5))
    expected = ODDS[1:] ** 2 / (ODDS[1:] ** 2).sum()
    # Standard deviation at most 0.0016, so that six of them go wrong once in 10**8.
    np.testing.assert_allclose(np.bincount(ids)[1:] / 100_000, expected, atol=0.01)


def test_temperature_zero_and_top_k_one_take_the_likeliest() -> None:
    np.testing.assert_array_equal(drawn(9, temperature=0), [0, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(drawn(9, top_k=1), [0, 1, 0, 0, 0, 0])
    for temperature in (1e-4, 1e-10, 1e-39, 1e-45):
        np.testing.assert_array_equal(drawn(9, temperature=temperature), [0, 1, 0, 0, 0, 0])


def test_each_filter_keeps_what_its_definition_says() -> None:
    assert allowed(top_k=3) == [1, 2, 3]
    # Probabilities 0.50, 0.20, 0.15, 0.10, 0.05.
    assert allowed(top_p=0.49) == [1]
    assert allowed(top_p=0.51) == [1, 2]
    assert allowed(top_p=0.71) == [1, 2, 3]
    assert allowed(min_p=0.25) == [1, 2, 3]
    assert allowed(min_p=0.45) == [1]
    # top_k comes first: of 10 : 4 : 3 the first two have 14/17 = 0.82.
    assert allowed(top_k=3, top_p=0.80) == [1, 2]


def test_a_filter_that_cannot_remove_a_character_is_off() -> None:
    assert filter_values(SamplingSettings(), 6) == {}
    assert filter_values(SamplingSettings(top_k=6), 6) == {}
    on = SamplingSettings(top_k=5, typical_p=0.9, top_p=0.9, min_p=0.1)
    values = filter_values(on, 6)
    assert [*values] == [each.name for each in FILTERS]
    assert {value.dtype for value in values.values()} == {np.dtype(np.float32)}


def test_the_temperature_comes_after_the_filters() -> None:
    # At temperature 2 alone, the likeliest would have 0.34 and top_p 0.49 would keep two.
    assert drawn(top_p=0.49, temperature=2)[1] == 1


def test_a_number_next_to_one_never_leaves_the_vocabulary() -> None:
    last = np.float32(1 - 2**-24)
    for scale in np.linspace(0.1, 5, 200, dtype=np.float32):
        logits = permitted(np.where(np.arange(6) < 4, LOGITS * scale, -50).astype(np.float32))
        assert 1 <= choose(logits, last, np.float32(1)) <= 5
        assert choose(logits, np.float32(0), np.float32(1)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("vocab_size", [6, COMPARED, COMPARED + 1, 600])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"top_k": 2},
        {"typical_p": 0.6},
        {"top_p": 0.7},
        {"min_p": 0.3},
        {"top_k": 4, "typical_p": 0.9, "top_p": 0.9, "min_p": 0.01},
    ],
)
def test_jax_draws_what_numpy_draws(settings: dict[str, float], vocab_size: int) -> None:
    random = np.random.default_rng(0)
    rows = permitted((3 * random.normal(size=(100, vocab_size))).astype(np.float32))
    uniforms, temperature = random.random(100).astype(np.float32), np.float32(0.7)
    values = filter_values(SamplingSettings(**settings), vocab_size)
    expected = [
        draw_filtered(*pair, temperature, PYTHON)
        for pair in zip(rows, [values] * 100, uniforms, strict=True)
    ]

    @jax.jit
    def draw(row: jax.Array, uniform: jax.Array) -> Any:
        return draw_filtered(row, values, uniform, temperature, COMPILED)

    found = [draw(jnp.asarray(row), each) for row, each in zip(rows, uniforms, strict=True)]
    assert found == expected


def kept_by_sorting(logits: np.ndarray, name: str, value: float) -> set[int]:
    """Return the ids that a filter keeps, by a sort of the probabilities in float64."""
    odds = np.exp(logits.astype(float) - logits.max())
    odds /= odds.sum()
    entropy = -(odds[odds > 0] * np.log(odds[odds > 0])).sum()
    keys = abs(-np.log(np.maximum(odds, 1e-300)) - entropy) if name == "typical_p" else -odds
    shares = np.full(len(odds), 1.0) if name == "top_k" else odds
    before, ids = 0.0, set[int]()
    for key in sorted(set(keys)):
        group = np.flatnonzero(keys == key)
        if before >= value:
            break
        ids |= set(group.tolist())
        before += shares[group].sum()
    return ids


@pytest.mark.parametrize("compared", [False, True])
@pytest.mark.parametrize("size", [2, 65, COMPARED + 1, 1500])
@pytest.mark.parametrize("name", ["top_k", "typical_p", "top_p"])
def test_a_filter_keeps_what_a_sort_in_float64_keeps(name: str, size: int, compared: bool) -> None:
    random = np.random.default_rng(size)
    for trial in range(6):
        logits = (random.normal(size=size) * (1, 4, 30)[trial % 3]).astype(np.float32)
        if trial > 2:  # many are equally likely
            logits = logits.round()
        if trial % 3 == 2:  # some weights have fewer digits than float32 should hold
            logits[0] = logits.max() - 95
        value = (2 + trial) if name == "top_k" else float(random.uniform(0.05, 0.95))
        if name == "top_k" and value >= size:
            continue
        found = set(kept(logits, compared, **{name: value}))
        if name == "top_k":
            assert found == kept_by_sorting(logits, name, value)
        else:  # sums in float32 may differ in the last digits
            wider, narrower = value * (1 + 1e-5), value * (1 - 1e-5)
            assert found <= kept_by_sorting(logits, name, wider)
            assert found >= kept_by_sorting(logits, name, narrower)


@pytest.mark.parametrize("compared", [False, True])
def test_what_is_kept_has_the_probability_and_what_is_equally_likely_stays_together(
    compared: bool,
) -> None:
    random = np.random.default_rng(4)
    for size in (3, 65, 200, 700):
        logits = random.normal(size=size).round(1).astype(np.float32)
        odds = np.exp(logits.astype(float))
        for p in (1e-46, 1e-6, 0.3, 0.9, 0.999999):
            for name in ("top_p", "typical_p"):
                ids = kept(logits, compared, **{name: p})
                assert odds[ids].sum() >= p * odds.sum() * (1 - 1e-5)
                assert set(np.flatnonzero(np.isin(logits, logits[ids]))) == set(ids)


def test_typical_characters_are_those_of_the_expected_surprise() -> None:
    # Surprises -ln p of 0.69, 1.61, 1.90, 2.30, 3.00 nats; 1.33 are expected. Nearest first: ids 2
    # (0.28 away, p 0.20), 3 (0.57, 0.15), 1 (0.64, 0.50), 4 (0.97), 5 (1.67).
    assert allowed(typical_p=0.19) == [2]
    assert allowed(typical_p=0.21) == [2, 3]
    assert allowed(typical_p=0.36) == [1, 2, 3]
    assert allowed(typical_p=0.86) == [1, 2, 3, 4]
    # typical_p comes before top_p: of 2 and 3 the likelier has 4/7 = 0.57.
    assert allowed(typical_p=0.21, top_p=0.56) == [2]


def test_the_repetition_penalty_lowers_logits_of_either_sign() -> None:
    logits = np.array([9, 2.0, 2.0, -2.0, -2.0, 0.5], np.float32)
    used = np.array([False, True, False, True, False, False])
    found = permitted(logits, used, 4.0)
    np.testing.assert_allclose(found, [-np.inf, 0.5, 2, -8, -2, 0.5])
    # It comes first: the penalised likeliest is no longer among the two that top_k keeps.
    assert kept(permitted(logits, used, 5.0), top_k=2) == [2, 5]


@pytest.mark.slow
def test_where_nothing_is_permitted_the_unknown_character_stands_for_it() -> None:
    nothing, all_on = np.full(6, -np.inf, np.float32), {"top_k": 2, "typical_p": 0.5, "min_p": 0.1}
    for settings in ({}, {**all_on, "top_p": 0.5}):
        values = filter_values(SamplingSettings(**settings), 6)
        for temperature in (0, 0.8):
            rest = (values, np.float32(0.7), np.float32(temperature))
            assert draw_filtered(nothing, *rest, PYTHON) == 0
            assert draw_filtered(jnp.asarray(nothing), *rest, COMPILED) == 0


def test_the_smallest_values_keep_the_likeliest_and_warn_of_nothing() -> None:
    for name in ("typical_p", "top_p"):
        assert len(allowed(**{name: 1e-46})) == 1
    assert allowed(min_p=1e-46) == [1, 2, 3, 4, 5]


def test_softmax_of_given_odds() -> None:
    np.testing.assert_allclose(softmax(np.log([1.0, 3.0, 4.0])), [1 / 8, 3 / 8, 1 / 2])
    assert softmax(np.array([-math.inf, 0.0])).tolist() == [0, 1]


def test_numbers_depend_on_seed_sample_and_position_alone() -> None:
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
