import math
from itertools import pairwise

import numpy as np
import pytest

from tests.networks import random_model, random_network
from textgen.errors import UsageError
from textgen.evaluation.protocols import DynamicEvaluator, DynamicSettings
from textgen.generation.generator import Generator
from textgen.generation.learning import MOST_EXCESS, Learnt, Lesson, TextLearner
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.model import network_function
from textgen.settings import LearningSettings
from textgen.training.online import Learner

MODEL, PARAMETERS = random_network()
TRAINING = np.random.default_rng(0).integers(0, 7, 200).astype(np.int32)
# A text that repeats itself, so that there is something to learn.
TEXT = np.resize(np.random.default_rng(1).integers(0, 7, 11), 6 * 10 + 4).astype(np.int32)
SETTINGS = LearningSettings(segment=6, learning_rate=0.02, decay=0.01)


@pytest.fixture(scope="module")
def learner() -> TextLearner:
    return TextLearner(MODEL, PARAMETERS, TRAINING, SETTINGS)


def last(learner: TextLearner, tokens: np.ndarray, learnt: Learnt | None = None) -> Learnt:
    return [*learner.learn(tokens, learnt)][-1]


@pytest.mark.slow
def test_learning_is_dynamic_evaluation_with_one_copy_of_the_weights(learner: TextLearner) -> None:
    learners = (Learner(SETTINGS.learning_rate, SETTINGS.decay),)
    evaluator = DynamicEvaluator(
        network_function(MODEL), MODEL, DynamicSettings(segment=6, learners=learners)
    )
    nats = np.concatenate(list(evaluator.measure(PARAMETERS, TRAINING, TEXT[:61])))
    learnt = last(learner, TEXT)
    assert (learnt.segments, learnt.characters) == (10, 60)
    assert learnt.nats == pytest.approx(float(nats.sum()), rel=1e-5)
    assert learnt.bits_per_character == pytest.approx(float(nats.mean()) / math.log(2), rel=1e-5)
    assert learnt.nats < 0.9 * learnt.trained_nats


def test_what_is_learnt_depends_on_the_text_alone(learner: TextLearner) -> None:
    whole = last(learner, TEXT)
    lesson = Lesson(learner, TEXT[:1], learner.trained)
    for part in (TEXT[1:2], TEXT[2:20], TEXT[20:20], TEXT[20:]):
        lesson = lesson.followed_by(part)
    assert lesson.learnt.sha256 == whole.sha256
    assert whole.sha256 != learner.trained.sha256
    again = last(learner, TEXT, last(learner, TEXT[:31]))
    assert again.sha256 == whole.sha256


def test_the_measure_of_a_part_is_that_of_the_text(learner: TextLearner) -> None:
    learnt = last(learner, TEXT[:37])
    found = learner.measure(learner.trained.weights, learnt.trained_states, TEXT[:49], 36)
    both = last(learner, TEXT[:49])
    assert found == pytest.approx((both.trained_nats - learnt.trained_nats) / 12, rel=1e-5)


@pytest.mark.slow
def test_weights_that_predict_worse_go_back_to_the_trained_ones() -> None:
    wild = TextLearner(
        MODEL, PARAMETERS, TRAINING, LearningSettings(segment=6, learning_rate=1.0, decay=0.0)
    )
    text = np.random.default_rng(5).integers(0, 7, 6 * 20 + 1).astype(np.int32)
    steps = [wild.trained, *wild.learn(text)]
    returned = [b for a, b in pairwise(steps) if b.returns > a.returns]
    assert returned
    assert all(step.sha256 == wild.trained.sha256 for step in returned)
    assert all(0 <= step.excess <= MOST_EXCESS for step in steps)
    assert math.isfinite(steps[-1].nats)


def test_weights_that_are_not_finite_go_back_to_the_trained_ones(
    learner: TextLearner, monkeypatch: pytest.MonkeyPatch
) -> None:
    online = learner._online
    adapt = online.adapt

    def broken(*arguments: object) -> object:
        weights, states, nats = adapt(*arguments)  # type: ignore[arg-type]
        return weights | {"projection.bias": weights["projection.bias"] * np.nan}, states, nats

    monkeypatch.setattr(online, "adapt", broken)
    learnt = last(learner, TEXT[:7])
    assert learnt.returns == 1
    assert learnt.sha256 == learner.trained.sha256


def test_a_run_without_its_text_cannot_learn() -> None:
    with pytest.raises(UsageError, match="has not kept its training text"):
        TextLearner(MODEL, PARAMETERS, None)


def taught(text: str) -> tuple[Generator, Generator, Learnt]:
    """Return a generator that has learnt a text, one that has read it, and what was learnt."""
    model = random_model()
    tokens = model.config.vocabulary.encode("abc def\n" * 20)
    first = Generator(
        model.generator(seed=0).reader, model.config.vocabulary, "\n", training=lambda: tokens
    )
    other = first.fork()
    learnt = first.learn(text)
    other.feed(text)
    return first, other, learnt


@pytest.mark.slow
def test_a_generator_learns_what_it_reads_and_a_fork_keeps_its_weights() -> None:
    text = "fade a bad cab\n" * 40
    first, other, learnt = taught(text)
    assert learnt.characters == 600
    assert first.settle().characters == other.settle().characters == 601
    # The learnt weights, not the state, make the difference.
    other.state = first.settle()
    assert first.score(text).mean() < 0.95 * other.score(text).mean()
    first.use_weights(None)
    first.state = other.state
    assert first.score(text).tobytes() == other.score(text).tobytes()


@pytest.mark.slow
def test_texts_learnt_one_after_the_other_are_one_text() -> None:
    whole, _, learnt = taught("fade a bad cab\n" * 4)
    parts, _, _ = taught("fade a b")
    parts.learn("ad cab\nfade a bad cab\nfade a bad cab\n")
    again = parts.learn("fade a bad cab\n")
    assert again.sha256 == learnt.sha256
    assert (again.characters, whole.settle().characters) == (60, 61)


def test_labels_are_a_difference_of_the_learnt_weights_too() -> None:
    model = random_model()
    reader = model.generator(seed=0).reader
    labelled = dict(reader.parameters)
    labelled["projection.bias"] = labelled["projection.bias"] + np.float32(0.5)
    other = NumpyEngine(reader.settings, labelled)
    generator = Generator(
        reader, model.config.vocabulary, "\n", relabel=lambda _: ({"a": {"b": 1.0}}, other, other)
    )
    learnt = {name: array * np.float32(2) for name, array in reader.parameters.items()}
    generator.use_weights(learnt)
    generator.use_labels({"a": "b"})
    found = generator.reader.parameters
    np.testing.assert_allclose(found["projection.bias"], learnt["projection.bias"] + 0.5, rtol=1e-6)
    assert found["embedding"] is learnt["embedding"]
    generator.use_weights(None)
    assert generator.reader.parameters["projection.bias"] is labelled["projection.bias"]
