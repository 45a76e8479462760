import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import TEXT
from tests.networks import random_model
from textgen.errors import CorpusError, UsageError
from textgen.generation.model import Model
from textgen.interpretation.features import FEATURES
from textgen.interpretation.gates import watch
from textgen.workflows.find_units import (
    EXAMPLE,
    MIN_SEARCHED,
    Reading,
    Search,
    find_examples,
    find_units,
    read_beginning,
    validation_text,
)
from textgen.workflows.load import load_model


def search(model: Model, text: str) -> Search:
    *readings, found = find_units(model, model.config.vocabulary.encode(text), "a text")
    assert isinstance(found, Search)
    counts = [reading.characters for reading in readings if isinstance(reading, Reading)]
    assert counts == sorted(counts)
    assert readings[-1] == Reading(len(text), len(text))
    return found


def test_a_unit_made_to_follow_a_feature_is_found() -> None:
    # The third unit is high at a, b and c, and low elsewhere; the others know nothing of the text.
    model = random_model("rnn", "\n abcT.", layers=1)
    for array in model.parameters.values():
        array[:] = 0
    model.parameters["embedding"][:, 0] = [0, -1, -1, 1, 1, 1, -1, -1]
    model.parameters["layers.0.input_kernel"][0, 2] = 2
    text = "ab. Tca\nbcc T.a\n" * 20
    found = search(model, text)
    assert found.halves == (160, 160)
    by_name = dict(zip((feature.name for feature in FEATURES), found.findings, strict=True))
    in_word = by_name["word position"]
    assert in_word is not None
    assert (in_word.layer, in_word.unit) == (1, 2)
    high = np.isin([*text], [*"abc"]).astype(float)
    expected = np.corrcoef(high[160:], in_word.feature.measure(text)[160:])[0, 1]
    assert in_word.tested == pytest.approx(expected, abs=1e-5)
    assert by_name["digit"] is by_name["in quotes"] is None
    rows = {row["feature"]: row for row in found.to_json()["features"]}
    assert rows["digit"]["r"] is rows["digit"]["unit"] is None
    assert rows["word position"]["r"] == round(in_word.tested, 4)
    assert rows["word position"]["chosen_r"] == round(in_word.chosen, 4)
    assert found.example in ("ab. Tca", "bcc T.a")
    assert found.to_json()["chosen_on"] == found.to_json()["tested_on"] == 160


def test_examples_are_lines_of_the_half_that_was_not_chosen_from() -> None:
    model = random_model("gru", "\n abcT.", layers=2)
    text = "ab. Tca\n\nbcc T.a bbbbbbbb aa\n" * 20
    tokens = model.config.vocabulary.encode(text)
    found = search(model, text)
    examples = find_examples(found, tokens)
    sizes = [abs(example.found.tested) for example in examples]
    assert sizes == sorted(sizes, reverse=True)
    assert len(examples) == sum(one is not None for one in found.findings)
    layers = [watch(model.config, model.parameters, tokens, layer) for layer in (1, 2)]
    for example in examples:
        assert len(example.text) == len(example.memory) == len(example.values) == EXAMPLE
        assert example.text[0] != "\n"
        measured = example.found.feature.measure(text)
        memory = layers[example.found.layer - 1].quantities["hidden"][:, example.found.unit]
        places = [
            index
            for index in range(len(text) // 2, len(text))
            if text.startswith("\n" + example.text, index - 1)
            and np.array_equal(measured[index : index + EXAMPLE], example.values)
            and np.allclose(memory[index : index + EXAMPLE], example.memory, atol=1e-4)
        ]
        assert places


def test_a_text_without_lines_has_examples_too() -> None:
    model = random_model("rnn", "\n abcT.", layers=1)
    text = "ab. Tca bcc T.a" * 14
    tokens = model.config.vocabulary.encode(text)
    examples = find_examples(search(model, text), tokens)
    assert {len(example.text) for example in examples} == {EXAMPLE}


def test_the_text_of_a_run_is_its_validation_part(tiny_run: Path) -> None:
    model = load_model("fox")
    held_out = TEXT[len(TEXT) * 9 // 10 :]
    decode = model.config.vocabulary.decode
    assert decode(validation_text(model, 1000)) == held_out
    assert decode(validation_text(model, 10)) == held_out[:10]


def test_a_text_that_is_not_kept_or_too_short_is_refused(tiny_run: Path) -> None:
    from textgen.runs.files import encode_json

    model = random_model()
    tokens = np.ones(MIN_SEARCHED - 1, np.int32)
    with pytest.raises(CorpusError, match=r"'a text': the text has 199 .* 200 .* --text FILE"):
        next(find_units(model, tokens, "a text"))
    record = json.loads((tiny_run / "run.json").read_text())
    record["corpus"]["kept"] = False
    (tiny_run / "run.json").write_bytes(encode_json(record))
    with pytest.raises(
        UsageError, match="the run has not kept its text; name a text to read: --text"
    ):
        validation_text(load_model("fox"), 1000)


def test_no_more_of_a_text_is_read_than_is_wanted() -> None:
    def chunks() -> Iterator[str]:
        yield "abc"
        yield "def"
        raise AssertionError("the rest is not wanted")

    assert read_beginning(chunks(), 5) == "abcde"
    assert read_beginning(chunks(), 6) == "abcdef"
    assert read_beginning(iter(["ab"]), 5) == "ab"
