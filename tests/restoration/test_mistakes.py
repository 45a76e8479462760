import math
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TEXT
from tests.networks import random_network
from textgen.generation.model import Model
from textgen.restoration import mistakes
from textgen.restoration.mistakes import find_mistakes
from textgen.restoration.reader import TwoWayReader
from textgen.workflows.load import load_model
from textgen.workflows.restore import allowed_characters, two_way_reader

# The network knows little of mistakes: it has read few different lines.
CERTAIN = 0.05
FOX = TEXT.splitlines()[0] + "\n"


@pytest.fixture(scope="module")
def model(two_way_run_source: Path) -> Model:
    return load_model(str(two_way_run_source))


def mistakes_in(model: Model, text: str) -> list[tuple[int, str, str, str]]:
    vocabulary = model.config.vocabulary
    tokens, allowed = vocabulary.encode(text), allowed_characters(vocabulary)
    parts = [*find_mistakes(two_way_reader(model), tokens, allowed)]
    assert parts[-1][0] == len(text)
    found = [one for _, mistakes in parts for one in mistakes]
    return [
        (one.position, one.kind, vocabulary.decode(one.found), vocabulary.decode(one.meant))
        for one in found
        if one.certainty > CERTAIN
    ]


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (FOX, []),
        (FOX.replace("brown", "brozn"), [(13, "wrong", "z", "w")]),
        (FOX.replace(" and ", " ad "), [(46, "missing", "", "n")]),
        (FOX.replace("brown", "browxn"), [(14, "added", "x", "")]),
        (FOX.replace("jumps", "jupms"), [(22, "swapped", "pm", "mp")]),
    ],
)
def test_each_kind_of_mistake_is_found_and_mended(
    model: Model, wrong: str, expected: list[tuple[int, str, str, str]]
) -> None:
    assert mistakes_in(model, FOX + wrong + FOX) == [
        (len(FOX) + position, *rest) for position, *rest in expected
    ]


def test_a_mistake_is_no_more_certain_than_its_gain_and_how_rare_mistakes_are(model: Model) -> None:
    vocabulary = model.config.vocabulary
    tokens = vocabulary.encode(FOX + FOX.replace("jumps", "jupms") + FOX)
    parts = find_mistakes(two_way_reader(model), tokens, allowed_characters(vocabulary))
    (swapped,) = (one for _, some in parts for one in some if one.kind == "swapped")
    # One character in 200 is a mistake, and one mistake in four is of this kind. Other corrections
    # of the same place can only make this one less certain.
    odds = math.exp(swapped.gain) / 800
    assert odds / 20 < swapped.certainty / (1 - swapped.certainty) <= odds * (1 + 1e-6)


@pytest.mark.slow
def test_a_large_alphabet_is_searched_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = TwoWayReader(*random_network(direction="both"))
    tokens = np.random.default_rng(4).integers(1, 7, 300).astype(np.int32)
    writable = np.arange(7) > 0
    (expected,) = find_mistakes(reader, tokens, writable)
    assert len(expected[1]) > 3
    monkeypatch.setattr(mistakes, "MOST_LOGITS", 10 * 2 * 7)  # those of ten characters
    (found,) = find_mistakes(reader, tokens, writable)
    assert [one.position for one in found[1]] == [one.position for one in expected[1]]
