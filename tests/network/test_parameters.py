from dataclasses import replace

import numpy as np
import pytest

from tests.networks import random_network
from textgen.network.cells import CELLS
from textgen.network.parameters import (
    describe_parameters,
    operations_per_character,
    parameter_count,
    parameter_shapes,
    with_labels,
)
from textgen.settings import CellName, ModelSettings


def test_the_count_of_a_network_worked_by_hand() -> None:
    settings = ModelSettings(
        vocab_size=10, embedding_size=4, hidden_size=3, num_layers=2, dropout_rate=0
    )
    # 10*4; 4*12 + 3*12 + 12; 3*12 + 3*12 + 12; 3*10 + 10
    assert parameter_count(settings) == 40 + 96 + 84 + 40
    assert parameter_shapes(settings)["layers.1.input_kernel"] == (3, 12)
    gru = replace(settings, cell="gru")
    assert parameter_shapes(gru)["layers.1.input_kernel"] == (3, 9)
    assert parameter_count(replace(settings, cell="rnn")) == 40 + 24 + 21 + 40
    both = replace(settings, projected="all")
    assert parameter_shapes(both)["projection.kernel"] == (6, 10)


def test_the_operations_of_a_network_worked_by_hand() -> None:
    settings = ModelSettings(
        vocab_size=10, embedding_size=4, hidden_size=3, num_layers=2, dropout_rate=0
    )
    # Forward 3*12 (layer 0), 3*12 + 3*12 (layer 1) and 3*10; three times that; the table's 10*12.
    assert operations_per_character(settings) == 2 * (3 * (36 + 72 + 30) + 120)
    every = replace(settings, projected="all")
    assert operations_per_character(every) == 2 * (3 * (36 + 72 + 60) + 120)
    # Two stacks of layers, each with a table, and an output layer that reads both.
    both = replace(settings, direction="both")
    assert operations_per_character(both) == 2 * (3 * (2 * (36 + 72) + 60) + 2 * 120)


@pytest.mark.parametrize("cell", list(CELLS))
def test_a_mixture_of_labels_is_part_of_the_biases(cell: CellName) -> None:
    settings, parameters = random_network(num_labels=3, cell=cell)
    weights = np.array([0.25, 0, 0.75], np.float32)
    plain, found = with_labels(settings, parameters, weights)
    assert plain == replace(settings, num_labels=0)
    assert {name: array.shape for name, array in found.items()} == parameter_shapes(plain)
    for layer in range(2):
        kernel = parameters[f"layers.{layer}.label_kernel"]
        moved = 0.25 * kernel[0] + 0.75 * kernel[2]
        name = f"layers.{layer}.bias"
        np.testing.assert_allclose(found[name], parameters[name] + moved, atol=1e-6)
    _, without = with_labels(settings, parameters)
    for name, array in without.items():
        assert array is parameters[name]
    assert with_labels(plain, without) == (plain, without)


def test_the_formulas_tell_how_labels_enter() -> None:
    settings, _ = random_network(num_labels=3)
    described = describe_parameters(settings)
    assert "weights @ label_kernel" in described["blocks"]["a_i"]
    assert "weights" in described
    assert "label" not in str(describe_parameters(replace(settings, num_labels=0)))


def test_a_projection_of_low_rank_worked_by_hand() -> None:
    settings = ModelSettings(
        vocab_size=1000,
        embedding_size=4,
        hidden_size=3,
        num_layers=2,
        dropout_rate=0,
        projected="all",
        projection_rank=2,
    )
    shapes = parameter_shapes(settings)
    assert shapes["projection.inner_kernel"] == (6, 2)
    assert shapes["projection.kernel"] == (2, 1000)
    # 3*12 in layer 0, 3*12 + 3*12 in layer 1, 6*2 and 2*1000. A large vocabulary has no table of
    # projections: its embeddings are projected, 4*12, three times in all.
    assert operations_per_character(settings) == 2 * 3 * (36 + 72 + 12 + 2000 + 48)
    assert "projection_rank" not in replace(settings, projection_rank=0).to_json()
    assert ModelSettings.from_json(settings.to_json()) == settings
