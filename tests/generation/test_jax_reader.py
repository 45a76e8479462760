import threading

import jax
import numpy as np
import pytest

from tests.networks import random_model
from textgen.aside import is_working
from textgen.generation.engine import LongReader
from textgen.generation.generator import Generator
from textgen.generation.jax_reader import JaxReader
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network import inference
from textgen.network.cells import CELLS
from textgen.settings import CellName


def states_of(generator: Generator) -> list[np.ndarray]:
    return [np.asarray(member) for layer in generator.settle().recurrent for member in layer]


@pytest.mark.parametrize("largest_table", [inference.LARGEST_TABLE, 0])
@pytest.mark.parametrize("cell", CELLS)
def test_a_long_text_is_read_as_character_by_character(
    cell: CellName, largest_table: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(JaxReader, "piece", 8)
    monkeypatch.setattr(inference, "LARGEST_TABLE", largest_table)
    model = random_model(cell)
    tokens = np.random.default_rng(0).integers(1, 11, 101).astype(np.int32)
    long, plain = (model.generator(seed=3) for _ in range(2))
    for generator in (long, plain):
        generator.feed("abc")
    assert [*dict.fromkeys(long.feed_long(tokens, "jax"))] == [0, 8, 72, 96]
    long.feed_tokens(tokens[96:])
    plain.feed_tokens(tokens)
    for found, expected in zip(states_of(long), states_of(plain), strict=True):
        assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert long.settle().characters == plain.settle().characters == 1 + 3 + 101
    assert long.settle().recent.tolist() == plain.settle().recent.tolist()


def test_layers_read_on_different_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JaxReader, "piece", 8)
    used, place = list[object](), jax.device_put

    def record(arrays: object, device: object) -> object:
        used.append(device)
        return place(arrays, device)

    monkeypatch.setattr(jax, "device_put", record)
    assert [*random_model().generator(seed=3).feed_long(np.ones(40, np.int32), "jax")][-1] == 40
    assert len({*used}) == min(2, jax.device_count())


def test_a_reading_that_is_stopped_has_read_what_it_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JaxReader, "piece", 8)
    generator = random_model().generator(seed=3)
    tokens = np.ones(100, np.int32)
    for read in generator.feed_long(tokens, "jax"):
        if read == 72:
            break
    assert generator.settle().characters == 72


def test_a_reading_can_be_stopped_while_jax_starts() -> None:
    model, may_start, has_ended = random_model(), threading.Event(), threading.Event()

    def start(engine: NumpyEngine) -> LongReader:
        try:
            assert may_start.wait(60)
            return JaxReader(engine.settings, engine.parameters)
        finally:
            has_ended.set()

    reader = NumpyEngine(model.config.settings, model.parameters)
    generator = Generator(reader, model.config.vocabulary, model.config.start, start_reader=start)
    reading = generator.feed_long(np.ones(100, np.int32), "jax")
    assert [next(reading) for _ in range(3)] == [0, 0, 0]
    reading.close()
    assert is_working()
    may_start.set()
    assert has_ended.wait(60)
    assert generator.settle().characters == 0


def test_a_short_text_does_not_start_jax() -> None:
    assert [*random_model().generator(seed=3).feed_long(np.ones(100, np.int32))] == []
