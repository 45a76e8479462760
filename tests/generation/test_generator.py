from pathlib import Path

import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.errors import UnknownCharacterError
from textgen.generation.compiled import JaxEngine, _sampling_mesh
from textgen.generation.engines import Engine, NumpyEngine, choose_engine
from textgen.generation.generator import Generator, write_side_by_side
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import read_checkpoint
from textgen.settings import ModelSettings, SamplingSettings

MODEL = ModelSettings(
    vocab_size=27, embedding_size=8, hidden_size=16, num_layers=2, dropout_rate=0.2
)
RANDOM = np.random.default_rng(0)
PARAMETERS = {
    name: (2 * RANDOM.normal(size=shape) / shape[0] ** 0.5).astype(np.float32)
    for name, shape in parameter_shapes(MODEL).items()
}
READER = NumpyEngine(MODEL, PARAMETERS)
JAX = JaxEngine(MODEL, PARAMETERS)
VOCABULARY = Vocabulary("abcdefghijklmnopqrstuvwxy\n")
SETTINGS = SamplingSettings(temperature=0.9, top_k=20)


def generator(engine: Engine | None = None, sample: int = 0) -> Generator:
    return Generator(READER, VOCABULARY, "\n", seed=11, sample=sample, engine=engine)


def write(session: Generator, length: int, settings: SamplingSettings = SETTINGS) -> str:
    return "".join(session.stream(length, settings))


def test_text_in_pieces_is_text_at_once() -> None:
    for engine in (None, JAX):
        at_once, in_pieces = generator(engine), generator(engine)
        whole = write(at_once, 600)
        assert "".join(write(in_pieces, n) for n in (1, 255, 256, 88)) == whole
        assert in_pieces.state.position == 600
        for one, other in zip(at_once.state.recurrent, in_pieces.state.recurrent, strict=True):
            np.testing.assert_allclose(one.cell, other.cell, atol=1e-5)


def test_the_engines_agree() -> None:
    assert write(generator(), 1000) == write(generator(JAX), 1000)


def test_a_sample_depends_on_its_index_and_not_on_its_neighbours() -> None:
    alone = [write(generator(sample=number), 300) for number in range(5)]
    for engine in (None, JAX):
        together = [generator(engine, number) for number in range(5)]
        columns = zip(*write_side_by_side(together, 300, SETTINGS), strict=True)
        texts = ["".join(piece.text for piece in column if piece) for column in columns]
        assert texts == alone
    assert len(set(alone)) == 5


def test_several_samples_share_the_devices() -> None:
    assert _sampling_mesh(many=True).size == 2
    assert _sampling_mesh(many=False).size == 1


def test_without_a_prompt_the_start_character_is_read_and_not_written() -> None:
    silent, told = generator(), generator()
    told.feed("\n")
    assert write(silent, 50) == write(told, 50)


def test_what_is_read_changes_what_is_written() -> None:
    one, other = generator(), generator()
    one.feed("abc")
    other.feed("abd")
    assert write(one, 100) != write(other, 100)


def test_an_unknown_character_leaves_the_state_as_it_was() -> None:
    session = generator()
    session.feed("ab")
    before = session.state
    with pytest.raises(UnknownCharacterError, match=r"'Z' \(U\+005A\) at position 3"):
        session.feed("abZ")
    assert session.state is before


def test_a_fork_goes_its_own_way_and_a_state_can_be_returned_to() -> None:
    session = generator()
    session.feed("hello")
    kept = session.state
    twin, other = session.fork(), session.fork(sample=9)
    first = write(session, 80)
    assert write(twin, 80) == first
    assert write(other, 80) != first
    session.state = kept
    assert write(session, 80) == first


def test_the_unknown_character_is_read_and_never_written() -> None:
    session = generator()
    session.feed("aZb", "replace")
    assert session.state.characters == 3
    text = write(session, 2000, SamplingSettings(temperature=5))
    assert "\ufffd" not in text


GOLDEN = Path(__file__).parents[1] / "golden" / "format-1" / "step-00000400"


def test_both_engines_write_the_same_2000_characters_from_a_kept_checkpoint() -> None:
    checkpoint = read_checkpoint(GOLDEN)
    config = checkpoint.config
    reader = NumpyEngine(config.settings, checkpoint.parameters)
    engine = JaxEngine(config.settings, checkpoint.parameters)
    texts = []
    for writer in (None, engine):
        session = Generator(reader, config.vocabulary, config.start, seed=2, engine=writer)
        texts.append(write(session, 2000, SamplingSettings(temperature=0.8)))
    assert texts[0] == texts[1]
    assert len(set(texts[0])) > 20


def test_auto_takes_numpy_for_a_little_and_jax_for_a_lot() -> None:
    big = ModelSettings(
        vocab_size=66, embedding_size=256, hidden_size=256, num_layers=2, dropout_rate=0
    )
    assert choose_engine("auto", big, 500, 1) == "numpy"
    assert choose_engine("auto", big, 100_000, 1) == "jax"
    assert choose_engine("auto", big, 500, 100) == "jax"
    assert choose_engine("numpy", big, 100_000, 1) == "numpy"
