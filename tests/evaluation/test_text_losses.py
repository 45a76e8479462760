"""The losses of a mixture in the compiled evaluation, against the step by step of NumPy."""

import numpy as np
import pytest

from tests.networks import random_model
from textgen.data.vocabulary import END
from textgen.evaluation.protocols import Evaluator
from textgen.evaluation.scoring import MixedScorer, MixedSeparateScorer, NumpyScorer
from textgen.evaluation.text_losses import shape_function
from textgen.generation.mixed_model import MixedModel
from textgen.generation.numpy_engine import NumpyEngine
from textgen.runtime.devices import make_mesh

MIXED = MixedModel(
    (
        random_model(characters="\nabc", seed=1),
        random_model("gru", characters="\n bdc" + END, hidden=4, layers=1, seed=2),
    ),
    (0.7, 0.3),
)
TEXT = "\nabd cab\ncbb d\u4e2d" * 30
TOKENS = MIXED.config.vocabulary.encode(TEXT, "replace").astype(np.uint8)


def numpy_losses() -> np.ndarray:
    """Return the losses of all but the first character with the state carried along."""
    engine = NumpyEngine(MIXED.config.settings, MIXED.parameters)
    states = engine.read(TOKENS[:1].astype(np.int32), engine.zero_states())
    return engine.read_scored(TOKENS[1:].astype(np.int32), states)[0]


@pytest.mark.slow
def test_the_compiled_stream_is_the_mean_of_the_losses_that_numpy_finds() -> None:
    shape = MIXED.config.settings
    evaluator = Evaluator(shape_function(shape), shape, make_mesh(1, 1))
    found = evaluator.stream(MIXED.parameters, TOKENS)
    assert found == pytest.approx(float(numpy_losses().mean(dtype=float)), rel=1e-5)


@pytest.mark.slow
def test_a_window_begins_anew_with_every_part() -> None:
    shape = MIXED.config.settings
    evaluator = Evaluator(shape_function(shape), shape, make_mesh(1, 1))
    engine, nats = NumpyEngine(shape, MIXED.parameters), []
    for begin in range(0, len(TOKENS) - 1, 256):
        piece = TOKENS[begin : begin + 257].astype(np.int32)
        states = engine.read(piece[:1], engine.zero_states())
        nats.append(engine.read_scored(piece[1:], states)[0])
    expected = float(np.concatenate(nats).mean(dtype=float))
    assert evaluator.window(MIXED.parameters, TOKENS) == pytest.approx(expected, rel=1e-5)


def test_scorers_of_the_parts_together_find_the_surprise_to_the_mixture() -> None:
    tokens, start = TOKENS[1:].astype(np.int32), int(TOKENS[0])
    scorers = [
        NumpyScorer(model.config.settings, part.arrays, int(part.readings[start]))
        for model, part in zip(MIXED.models, MIXED.parameters, strict=True)
    ]
    scorer = MixedScorer(scorers, MIXED.parameters)
    parts = [scorer.read(tokens[begin : begin + 100]) for begin in range(0, len(tokens), 100)]
    np.testing.assert_allclose(np.concatenate(parts), numpy_losses(), rtol=1e-4)
    separate = MixedSeparateScorer(scorers, MIXED.parameters)
    alone = separate.read_each([tokens[:50], tokens[:7]])
    np.testing.assert_allclose(alone[0], numpy_losses()[:50], rtol=1e-4)
    np.testing.assert_allclose(alone[1], numpy_losses()[:7], rtol=1e-4)
