from textgen.network.parameters import parameter_count, parameter_shapes
from textgen.settings import ModelSettings


def test_the_count_of_a_network_worked_by_hand() -> None:
    settings = ModelSettings(
        vocab_size=10, embedding_size=4, hidden_size=3, num_layers=2, dropout_rate=0
    )
    # 10*4; 4*12 + 3*12 + 12; 3*12 + 3*12 + 12; 3*10 + 10
    assert parameter_count(settings) == 40 + 96 + 84 + 40
    assert parameter_shapes(settings)["layers.1.input_kernel"] == (3, 12)
