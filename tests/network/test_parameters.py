from dataclasses import replace

from textgen.network.parameters import (
    operations_per_character,
    parameter_count,
    parameter_shapes,
)
from textgen.settings import ModelSettings


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
    both = replace(settings, projected="all")
    assert operations_per_character(both) == 2 * (3 * (36 + 72 + 60) + 120)
