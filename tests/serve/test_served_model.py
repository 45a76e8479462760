from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from tests.networks import random_model
from textgen.data.vocabulary import Vocabulary
from textgen.generation.model import Model
from textgen.generation.sampler import Control, Knobs, Sampler, advance, draw
from textgen.runs.run import Run
from textgen.serve.served_model import MOST_KEPT, ServedModel, in_few_shapes
from textgen.settings import SamplingSettings

VOCABULARY = Vocabulary("\n abcdef")


def walk(sampler: Sampler, knobs: Knobs, length: int) -> list[int]:
    """Return the characters that are drawn with equal logits."""
    control: Control = sampler.begin(np.zeros(0, np.int32))
    source, logits, drawn = np.random.default_rng(3), np.zeros(9, np.float32), list[int]()
    for uniform in source.random(length, np.float32):
        token = draw(logits, uniform, np.float32(1), control, knobs)
        control = advance(control, token, knobs)
        drawn.append(int(token))
    return drawn


@pytest.mark.parametrize(
    "settings",
    [
        {"words": ("abc", "ab", "dead", "f")},
        {"starts": ("ab", "c", "def")},
        {"starts": ("a",), "words": ("abc", "f")},
    ],
)
def test_settings_of_few_shapes_draw_the_same(settings: Any) -> None:
    sampler = Sampler(SamplingSettings(**settings), VOCABULARY)
    padded = in_few_shapes(sampler.knobs)
    assert walk(sampler, padded, 300) == walk(sampler, sampler.knobs, 300)


def test_lists_of_words_of_similar_sizes_have_one_shape() -> None:
    shapes = set()
    for words in (("abc",), ("abc", "ab", "dead", "f"), tuple("abcdef")):
        sampler = Sampler(SamplingSettings(words=words, starts=words), VOCABULARY)
        shapes.add(tuple(leaf.shape for leaf in jax.tree.leaves(in_few_shapes(sampler.knobs))))
    assert len(shapes) == 1


def test_large_tables_are_made_once(labelled_run: Path) -> None:
    served = ServedModel(Model.best_of(Run(labelled_run)))
    words = tuple("abcd")
    one = served.sampler(SamplingSettings(max_copy=3, words=words))
    other = served.sampler(SamplingSettings(max_copy=3, words=words, temperature=0.3))
    assert other.knobs.copies is one.knobs.copies
    assert other.knobs.words is one.knobs.words
    forbidding = served.sampler(SamplingSettings(words=words, forbid="a"))
    assert forbidding.knobs.words is not one.knobs.words
    # There is room for one table of the training text.
    served.sampler(SamplingSettings(max_copy=4))
    again = served.sampler(SamplingSettings(max_copy=3))
    assert again.knobs.copies is not one.knobs.copies


def test_settings_and_labels_are_remembered_and_forgotten(labelled_run: Path) -> None:
    served = ServedModel(Model.best_of(Run(labelled_run)))
    first = served.sampler(SamplingSettings(top_k=1))
    assert served.sampler(SamplingSettings(top_k=1)) is first
    for k in range(2, MOST_KEPT + 2):
        served.sampler(SamplingSettings(top_k=k))
    assert served.sampler(SamplingSettings(top_k=1)) is not first
    low = served.weights({"kind": "low"})
    assert served.weights({"kind": {"low": 3.0}}) is low
    assert served.weights({"kind": "high"}).network != low.network
    assert served.weights({}).network != low.network


def test_what_is_known_of_a_run(labelled_run: Path) -> None:
    run = Run(labelled_run)
    served = ServedModel(Model.best_of(run))
    assert (served.name, served.documents, served.step) == ("kinds", "row", run.best_step())
    assert [field.name for field in served.labels] == ["kind", "language"]
    assert served.created > 1_600_000_000
    assert served.settings.num_labels == 0
    # A run that is not on disk is served too.
    assert ServedModel(random_model()).created == 0
