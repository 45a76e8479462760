from pathlib import Path

import numpy as np
import pytest

from textgen.data.vocabulary import END
from textgen.errors import UsageError
from textgen.generation.generator import Generator
from textgen.generation.learning import TextLearner
from textgen.workflows.learn_from import learn_from
from textgen.workflows.load import load_model

CHAPTER = "a red hen and a goat sleep on the fox"


@pytest.fixture
def generator(tiny_run: Path) -> Generator:
    return load_model("fox").generator(seed=0)


def read_after(generator: Generator) -> str:
    return generator.vocabulary.decode(generator.settle().recent)


@pytest.mark.slow
@pytest.mark.parametrize(("is_continued", "end"), [(True, ""), (False, "\n")])
def test_the_state_and_the_weights_are_those_after_the_text(
    generator: Generator, is_continued: bool, end: str
) -> None:
    twin = generator.fork()
    learnt = learn_from(generator, CHAPTER, "error", is_continued=is_continued, one_kernel=False)
    assert learnt is not None
    assert learnt.characters == 20
    assert read_after(generator) == "\n" + CHAPTER + end
    twin.use_weights(learnt.arrays)
    twin.feed(CHAPTER + end)
    for one, two in zip(generator.settle().recurrent, twin.settle().recurrent, strict=True):
        np.testing.assert_array_equal(one.hidden, two.hidden)
    assert END not in generator.vocabulary


def test_learning_that_is_stopped_changes_nothing(generator: Generator) -> None:
    before, weights = generator.settle(), generator.reader
    assert (
        learn_from(
            generator,
            CHAPTER * 3,
            "error",
            is_continued=True,
            one_kernel=False,
            should_stop=lambda: True,
        )
        is None
    )
    assert generator.settle() is before
    assert generator.reader is weights


@pytest.mark.slow
def test_progress_is_told(generator: Generator) -> None:
    told: list[str] = []
    learn_from(
        generator, CHAPTER * 2, "error", is_continued=True, one_kernel=False, tell=told.append
    )
    assert told[-1] == "learning, 60 of 60 characters"


def test_a_text_without_a_whole_segment_is_refused(generator: Generator) -> None:
    with pytest.raises(UsageError, match="has 19 characters; at least 20 are needed"):
        learn_from(generator, CHAPTER[:19], "error", is_continued=True, one_kernel=False)


def test_a_generator_makes_its_own_learner(generator: Generator) -> None:
    assert isinstance(generator.learner(), TextLearner)
