"""The laws of a mixture of networks, and values that are averaged by hand."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.networks import random_model
from textgen.data.vocabulary import END
from textgen.generation.mixed_model import AnyModel, MixedModel
from textgen.generation.model import Model
from textgen.network.mixture import (
    Shape,
    mixed_nats,
    predict,
    prepare,
    read_character,
    zero_state,
)

SHAPES: list[dict[str, Any]] = [
    {"cell": "lstm", "hidden": 5, "layers": 2},
    {"cell": "gru", "hidden": 3, "layers": 1},
    {"cell": "rnn", "hidden": 4, "layers": 3},
]
ALPHABETS = st.lists(st.sampled_from("\nabcdef" + END), min_size=1, max_size=8, unique=True)


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    weights = np.exp(logits.astype(np.float64) - logits.max())
    found: NDArray[np.float64] = weights / weights.sum()
    return found


def after_ids(shape: Shape, parameters: Any, tokens: NDArray[np.int32]) -> NDArray[np.float32]:
    """Return the logits of what follows some ids."""
    prepared, states = prepare(parameters), zero_state(shape)
    for token in tokens.tolist():
        states = read_character(shape, prepared, token, states)
    logits: NDArray[np.float32] = predict(shape, prepared, states)
    return logits


def after(model: AnyModel, text: str) -> NDArray[np.float32]:
    """Return the logits of what follows a text, of which unknown characters are read as such."""
    tokens = model.config.vocabulary.encode_documents(text, "replace")
    return after_ids(model.config.settings, model.parameters, tokens)


def mixture(*models: Model, weights: tuple[float, ...] = (0.7, 0.3)) -> MixedModel:
    return MixedModel(models, weights)


@given(
    st.lists(st.tuples(ALPHABETS, st.sampled_from(SHAPES)), min_size=2, max_size=3),
    st.lists(st.integers(1, 99), min_size=3, max_size=3),
    st.text("\nabcdefg", max_size=12),
)
def test_the_probabilities_of_a_mixture_add_up_to_one(
    parts: list[tuple[list[str], dict[str, Any]]], odds: list[int], text: str
) -> None:
    models = [
        random_model(characters="".join(alphabet), **shape, seed=number)
        for number, (alphabet, shape) in enumerate(parts)
    ]
    odds = odds[: len(models)]
    mixed = MixedModel(tuple(models), tuple(one / sum(odds) for one in odds))
    tokens = mixed.config.vocabulary.encode_documents(text, "replace")
    level, nats = 0.0, []
    for weight, model, part in zip(mixed.weights, models, mixed.parameters, strict=True):
        logits = after_ids(model.config.settings, part.arrays, part.readings[tokens])
        total = np.log(np.exp(logits.astype(np.float64)).sum())
        level += weight * total
        nats.append((total - logits)[part.readings])
    # Nothing has normalised these.
    assert np.exp(after(mixed, text) - level).sum() == pytest.approx(1, abs=1e-5)
    everything = np.arange(len(mixed.config.vocabulary))
    surprise = mixed_nats(nats, everything, mixed.parameters)
    assert np.exp(-surprise).sum() == pytest.approx(1, abs=1e-5)


def test_the_probabilities_are_the_weighted_mean_of_those_of_the_parts() -> None:
    first = random_model(characters="\nabc", seed=1)
    second = random_model("gru", characters=" bdc\n", hidden=4, seed=2)
    mixed = mixture(first, second)
    chances = softmax(after(mixed, "ab\ncb"))
    # The second network does not know a.
    one, two = softmax(after(first, "ab\ncb")), softmax(after(second, "ab\ncb"))
    symbols = mixed.config.vocabulary
    assert symbols.characters == "\nabc d"
    for character, mine, theirs in (("\n", 1, 5), ("b", 3, 2), ("c", 4, 4)):
        found = chances[symbols.encode(character)[0]]
        assert found == pytest.approx(0.7 * one[mine] + 0.3 * two[theirs], rel=1e-5)
    only_mine = chances[symbols.encode("a")[0]]
    assert only_mine == pytest.approx(0.7 * one[2], rel=1e-4)
    assert only_mine > 0.7 * one[2] * (1 - 1e-5)
    for character, theirs in ((" ", 1), ("d", 3)):
        found = chances[symbols.encode(character)[0]]
        assert found == pytest.approx(0.3 * two[theirs], rel=1e-4)


def test_a_network_mixed_with_itself_has_its_own_logits() -> None:
    model = random_model(seed=3)
    alone, mixed = after(model, "ab\nT"), after(mixture(model, model), "ab\nT")
    np.testing.assert_allclose(mixed, alone, rtol=1e-5, atol=1e-5)


def test_a_small_weight_changes_little() -> None:
    first, second = random_model(seed=3), random_model("gru", characters="\nxyz", seed=4)
    alone, size = softmax(after(first, "ab")), len(first.config.vocabulary)
    for weight in (1e-3, 1e-6):
        mixed = softmax(after(mixture(first, second, weights=(1 - weight, weight)), "ab"))
        assert np.abs(mixed[:size] - alone).max() < 2 * weight
        assert mixed[size:].sum() < 2 * weight


def test_several_texts_are_read_side_by_side() -> None:
    model = mixture(random_model(seed=1), random_model("gru", characters="\nab", seed=2))
    shape, prepared = model.config.settings, prepare(model.parameters)
    alone, both = (
        [zero_state(shape)] * 2,
        tuple(type(one)(*(np.stack([member] * 2) for member in one)) for one in zero_state(shape)),
    )
    for pair in ([1, 2], [3, 1], [2, 2]):
        both = read_character(shape, prepared, pair, both)
        alone = [
            read_character(shape, prepared, token, states)
            for token, states in zip(pair, alone, strict=True)
        ]
    together = predict(shape, prepared, both)
    for row, states in enumerate(alone):
        np.testing.assert_allclose(together[row], predict(shape, prepared, states), rtol=1e-5)


def test_what_a_part_must_not_write_gives_its_probability_to_the_rest() -> None:
    plain = random_model(characters="\nab", seed=1)
    poems = random_model(characters="\nab" + END, seed=2)
    mixed = softmax(after(mixture(plain, poems), "ab"))
    one, two = softmax(after(plain, "ab")), softmax(after(poems, "ab"))
    np.testing.assert_allclose(mixed, 0.7 * one + 0.3 * two[:4] / two[:4].sum(), rtol=1e-5)
