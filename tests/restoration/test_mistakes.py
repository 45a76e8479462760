from pathlib import Path

import pytest

from tests.conftest import TEXT
from textgen.generation.model import Model
from textgen.restoration.mistakes import find_mistakes
from textgen.workflows.load import load_model
from textgen.workflows.restore import allowed_characters, two_way_reader

# The network knows little of mistakes: it has read few different lines.
CERTAIN = 0.1
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
