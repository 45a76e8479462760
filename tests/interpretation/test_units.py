import numpy as np
import pytest

from tests.networks import random_model
from textgen.interpretation.features import FEATURES
from textgen.interpretation.gates import watch
from textgen.interpretation.units import (
    LEAD,
    Moments,
    choose_part,
    choose_units,
    read_halves,
    read_memory,
)
from textgen.settings import CellName


def moments_of(x: np.ndarray, y: np.ndarray, piece: int = 7) -> Moments:
    moments = Moments(x.shape[1], y.shape[1])
    for begin in range(0, len(x), piece):
        moments.add(x[begin : begin + piece], y[begin : begin + piece])
    return moments


def test_sums_of_pieces_give_the_correlations_of_the_whole() -> None:
    random = np.random.default_rng(0)
    x, y = random.normal(size=(40, 3)) + 5, random.normal(size=(40, 4)) * 3
    y[:, 1] -= 2 * x[:, 2]
    expected = np.corrcoef(x, y, rowvar=False)[:3, 3:]
    np.testing.assert_allclose(moments_of(x, y).correlations(), expected, atol=1e-12)


def test_correlations_worked_by_hand() -> None:
    # r of (0, 1, 2) is -1 with its negative, 0 with (0, 1, 0), and 0 by definition with a constant.
    # The rows are repeated three hundred times, so that sums of 0.1 are not exact.
    x = np.array([[0.0, 0.1], [1.0, 0.1], [2.0, 0.1]] * 300)
    y = np.array([[0.0, 0.0, 0.3], [-1.0, 1.0, 0.3], [-2.0, 0.0, 0.3]] * 300)
    moments = moments_of(x, y)
    assert moments.correlations().tolist() == [[-1, 0, 0], [0, 0, 0]]
    assert moments.varies().tolist() == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["lstm", "gru", "rnn"])
def test_streams_side_by_side_read_what_one_stream_reads(cell: CellName) -> None:
    # The text is shorter than a stream's lead, so that every stream reads it from the beginning.
    random = np.random.default_rng(1)
    model = random_model(cell)
    tokens = random.integers(1, 8, 101, dtype=np.int32)
    values = random.normal(size=(2, 101))
    *_, (first, second) = read_halves(model.config, model.parameters, tokens, values)
    layers = [watch(model.config, model.parameters, tokens, layer) for layer in (1, 2)]
    memory = np.concatenate([layer.quantities[layer.memory] for layer in layers], axis=1)
    assert (first.count, second.count) == (50, 51)
    for half, part in ((first, slice(0, 50)), (second, slice(50, 101))):
        plain = moments_of(values[:, part].T, memory[part].astype(np.float64))
        np.testing.assert_allclose(half.correlations(), plain.correlations(), atol=1e-5)


def test_parts_of_a_text_are_read_as_the_text_is() -> None:
    model = random_model("gru")
    tokens = np.random.default_rng(2).integers(1, 8, LEAD + 60, dtype=np.int32)
    starts = [0, 3, 40, LEAD - 1]
    found = read_memory(model.config, model.parameters, tokens, starts, 9)
    layers = [watch(model.config, model.parameters, tokens, layer) for layer in (1, 2)]
    memory = np.concatenate([layer.quantities["hidden"] for layer in layers], axis=1)
    assert found.shape == (4, 9, memory.shape[1])
    for part, start in zip(found, starts, strict=True):
        np.testing.assert_allclose(part, memory[start : start + 9], atol=1e-5)


def test_the_part_in_which_a_feature_varies_most_is_chosen() -> None:
    values = np.array([0.0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0])
    assert choose_part(values, [0, 4, 6], 4) == 4
    assert choose_part(values, [0, 6], 4) == 6
    assert choose_part(values, [0, 7], 4) == 0


def test_every_character_is_counted_once_in_its_half() -> None:
    model = random_model("rnn", hidden=1, layers=1)
    tokens = np.ones(301, np.int32)
    counts = [
        (first.count, second.count)
        for first, second in read_halves(
            model.config, model.parameters, tokens, np.arange(301.0)[None]
        )
    ]
    assert counts[-1] == (150, 151)
    assert counts == sorted(counts)
    assert len(counts) < 301 / 10


def test_a_unit_is_chosen_on_one_half_and_tested_on_the_other() -> None:
    x = np.array([[0.0, 1, 5], [1.0, 1, 5], [0.0, 1, 5], [1.0, 1, 6]])
    one = np.array([[0.0, 0.5], [-1.0, 0.5], [0.0, 0.6], [-1.0, 0.4]])
    other = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    varied = x + np.array([[0, 0, 0], [0, 1, 0], [0, 0, 0], [0, 0, -1]])
    found, late, early = choose_units(
        moments_of(x, one), moments_of(varied, other), 1, FEATURES[:3]
    )
    assert found is not None
    # The second unit follows the feature in the second half, which the choice does not see.
    assert found == (FEATURES[0], 1, 0, -1.0, 0.0)
    assert late is early is None  # each is constant in one of the halves
    found, *_ = choose_units(moments_of(x, other), moments_of(x, one), 1, FEATURES[:3])
    assert found is not None
    assert (found.layer, found.unit, found.chosen) == (2, 0, 1.0)
    assert found.tested == pytest.approx(-1 / np.sqrt(2))
