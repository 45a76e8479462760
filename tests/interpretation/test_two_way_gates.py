import numpy as np
import pytest

from tests.networks import CHARACTERS, random_network
from textgen.data.vocabulary import Vocabulary
from textgen.interpretation.gates import Watched, quantities_of
from textgen.interpretation.two_way_gates import watch_both
from textgen.network.cells import CELLS
from textgen.network.parameters import Arrays
from textgen.restoration.reader import TwoWayReader
from textgen.runs.checkpoint import ModelConfig
from textgen.settings import CellName, ModelSettings

TEXT = "Tab \nfade"


def network(cell: CellName = "lstm") -> tuple[ModelConfig, Arrays]:
    settings, parameters = random_network(
        vocab_size=len(CHARACTERS) + 1, direction="both", cell=cell, projected="all"
    )
    return ModelConfig(settings, Vocabulary(CHARACTERS), "\n"), parameters


def turned(settings: ModelSettings, parameters: Arrays) -> Arrays:
    """Return the network whose two stacks of layers are exchanged."""
    other = {"layers": "backward", "backward": "layers"}
    found = {}
    for name, array in parameters.items():
        first, dot, rest = name.partition(".")
        found[other.get(first, first) + dot + rest] = array
    found["projection.kernel"] = np.roll(
        parameters["projection.kernel"], settings.num_layers * settings.hidden_size, axis=0
    )
    return found


def read(config: ModelConfig, parameters: Arrays, text: str, layer: int) -> list[Watched]:
    return [*watch_both(config, parameters, config.vocabulary.encode(text), layer)]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("layer", [1, 2])
def test_a_text_read_from_its_end_by_exchanged_stacks_gives_the_same(
    cell: CellName, layer: int
) -> None:
    config, parameters = network(cell)
    forward, backward = read(config, parameters, TEXT, layer)
    other = turned(config.settings, parameters)
    their_forward, their_backward = read(config, other, TEXT[::-1], layer)
    assert (forward.direction, backward.direction) == ("forward", "backward")
    for mine, theirs in ((forward, their_backward), (backward, their_forward)):
        assert list(mine.quantities) == quantities_of(CELLS[cell])
        for name, values in mine.quantities.items():
            np.testing.assert_allclose(values, theirs.quantities[name][::-1], atol=1e-5)
    np.testing.assert_allclose(forward.bits, their_forward.bits[::-1], atol=1e-4)


def test_the_states_are_those_of_the_reader() -> None:
    config, parameters = network()
    forward, _ = read(config, parameters, TEXT, 2)
    reader = TwoWayReader(config.settings, parameters)
    states = reader.begin(1)
    for index, token in enumerate(config.vocabulary.encode(TEXT)):
        states = reader.step(states, token[None])
        np.testing.assert_allclose(
            forward.quantities["hidden"][index], states[1].hidden[0], atol=1e-6
        )


def test_each_character_is_predicted_from_all_others() -> None:
    config, parameters = network()
    forward, backward = read(config, parameters, TEXT, 1)
    assert (forward.bits == backward.bits).all()
    reader, tokens = TwoWayReader(config.settings, parameters), config.vocabulary.encode(TEXT)
    column = tokens[:, None]
    logits = (reader.parts_before(column) + reader.parts_behind(column))[:, 0]
    chances = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    for index, (row, token) in enumerate(zip(chances, tokens, strict=True)):
        assert forward.bits[index] == pytest.approx(-np.log2(row[token]), rel=1e-4)
        best = forward.guesses[index][0]
        assert best.character == config.vocabulary.characters[row[1:].argmax()]
        assert best.probability == pytest.approx(row[1:].max(), rel=1e-4)
    assert len(forward.guesses) == len(TEXT) + 1


def test_a_character_does_not_change_its_own_prediction() -> None:
    config, parameters = network()
    one, other = (read(config, parameters, text, 1)[0] for text in ("fade", "fbde"))
    assert one.guesses[1] == other.guesses[1]
    assert one.guesses[0] != other.guesses[0]
    assert one.guesses[2] != other.guesses[2]
