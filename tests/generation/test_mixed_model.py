"""Several models that write together, against each of them alone and against themselves."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.networks import random_model
from textgen.data.vocabulary import END
from textgen.errors import SettingError, UsageError
from textgen.evaluation.scoring import charge_unknown
from textgen.generation.engine import choose_engine, numpy_seconds
from textgen.generation.generator import write_side_by_side
from textgen.generation.jax_reader import JaxReader
from textgen.generation.mixed_model import MixedModel
from textgen.generation.model import Model
from textgen.generation.next_words import next_words
from textgen.runs.library import find_run
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_mixed

FIRST = random_model(characters="\n abcd", seed=1)
SECOND = random_model("gru", characters="\n cbex", hidden=4, layers=1, seed=2)
MIXED = MixedModel((FIRST, SECOND), (0.7, 0.3))
CONTROLS = SamplingSettings(
    temperature=0.7,
    top_k=6,
    typical_p=0.97,
    top_p=0.95,
    min_p=0.01,
    repetition_penalty=1.2,
    forbid="x",
    starts=("ab", "e"),
)


@pytest.mark.slow
def test_both_engines_write_the_same_with_all_controls() -> None:
    for settings in (SamplingSettings(), CONTROLS):
        texts = []
        for engine in (None, MIXED.jax_engine()):
            generator = MIXED.generator(seed=4, engine=engine)
            generator.feed("abe")
            texts.append(generator.generate(80, settings))
        # They part with a chance of about 2e-6 a character.
        assert texts[0].text == texts[1].text
        assert len(texts[0].text) > 5
        assert texts[0].bits_per_character == pytest.approx(texts[1].bits_per_character, rel=1e-4)
        assert "x" not in texts[0].text or settings is not CONTROLS


@pytest.mark.slow
def test_several_texts_are_written_side_by_side_as_each_alone() -> None:
    first = MIXED.generator(seed=4, engine=MIXED.jax_engine())
    together = [first.fork(number) for number in range(3)]
    pieces = [*write_side_by_side(together, 40, SamplingSettings())]
    for number in range(3):
        alone = MIXED.generator(seed=4, sample=number).generate(40).text
        assert "".join(step[number].text for step in pieces if step[number]) == alone


def test_a_run_mixed_with_itself_writes_what_it_writes_alone() -> None:
    twice = MixedModel((FIRST, FIRST), (0.4, 0.6))
    for settings in (SamplingSettings(), replace(CONTROLS, forbid="")):
        settings = replace(settings, starts=("ab", "d")) if settings.starts else settings
        alone = FIRST.generator(seed=9).generate(60, settings)
        mixed = twice.generator(seed=9).generate(60, settings)
        assert mixed.text == alone.text
        assert mixed.bits_per_character == pytest.approx(alone.bits_per_character, rel=1e-4)


def test_the_surprise_of_each_character_is_that_of_the_mean_of_the_probabilities() -> None:
    text = "a bé\ncex\u4e2d bb"
    charged = []
    for model in (FIRST, SECOND, MIXED):
        generator = model.generator(seed=0)
        bits = generator.score(text, "replace")
        tokens = generator.encode(text, "replace")
        vocab_size = model.config.settings.vocab_size
        charged.append(charge_unknown(bits * math.log(2), tokens, vocab_size))
    mean = 0.7 * np.exp(-charged[0].astype(float)) + 0.3 * np.exp(-charged[1].astype(float))
    np.testing.assert_allclose(charged[2], -np.log(mean), rtol=1e-5)


def test_the_state_goes_on_can_be_forked_and_is_brought_back() -> None:
    generator = MIXED.generator(seed=4)
    generator.feed("abe")
    before = generator.settle()
    whole = generator.generate(30).text
    generator.state = before
    parts = [generator.generate(7).text, generator.fork().generate(23).text]
    assert "".join(parts) == whole


def test_a_first_run_of_documents_ends_its_texts_and_another_one_does_not() -> None:
    documents = random_model(characters="\n abcd" + END, seed=3)
    documents.parameters["projection.bias"][-1] += 3  # type: ignore[index]
    ended = MixedModel((documents, FIRST), (0.5, 0.5)).generator(seed=1).generate(400)
    assert ended.finish_reason == "end"
    endless = MixedModel((FIRST, documents), (0.5, 0.5)).generator(seed=1).generate(400)
    assert (endless.finish_reason, len(endless.text)) == ("length", 400)
    assert END not in endless.text


def test_the_likeliest_next_words_are_those_of_the_mixture() -> None:
    generator = MIXED.generator(seed=1)
    generator.feed("ab ")
    found = next_words(generator, 5)
    twin = generator.fork()
    word = found[0].text
    bits = twin.score_tokens(generator.vocabulary.encode(word + " ")).sum()
    # It may also end with another separator, or begin after one more.
    assert found[0].probability >= 2**-bits * (1 - 1e-6)


def test_a_mixture_does_not_learn() -> None:
    with pytest.raises(UsageError, match="a mixture of runs does not learn; take one run alone"):
        MIXED.generator(seed=1).learner()


def test_the_name_tells_the_weights_unless_they_are_equal() -> None:
    assert MIXED.name == "made-up:0.7+made-up:0.3"
    half = replace(MIXED, weights=(0.5, 0.5))
    assert half.name == "made-up+made-up"
    assert half.sha256 != MIXED.sha256 != FIRST.sha256
    assert [part["weight"] for part in MIXED.to_json()] == [0.7, 0.3]


def test_the_estimated_cost_is_the_sum_of_those_of_the_parts() -> None:
    parts = [numpy_seconds(model.config.settings) for model in (FIRST, SECOND)]
    assert numpy_seconds(MIXED.config.settings) == pytest.approx(sum(parts))
    # So that the compiled loop pays sooner.
    shape, length = FIRST.config.settings, round(0.6 * 0.65 / parts[0])
    twice = MixedModel((FIRST, FIRST), (0.5, 0.5)).config.settings
    assert choose_engine("auto", shape, length, 1) == "numpy"
    assert choose_engine("auto", twice, length, 1) == "jax"


def test_each_part_writes_with_the_labels_that_it_has(labelled_run: Path, tiny_run: Path) -> None:
    mixed = load_mixed("kinds", "a test", ["kind=low"], mixed=["fox:0.2"])
    assert isinstance(mixed, MixedModel)
    assert mixed.labels == {"kind": {"low": 1.0}}
    alone = Model.best_of(find_run("kinds")).labelled({"kind": "low"})
    np.testing.assert_array_equal(
        mixed.models[0].parameters["layers.0.bias"], alone.parameters["layers.0.bias"]
    )
    generator = mixed.generator(seed=1)
    generator.use_labels({"kind": "high"})
    assert generator.labels == {"kind": {"high": 1.0}}
    assert {*"wxyz"} & {*generator.generate(30).text}
    with pytest.raises(UsageError, match="there is no label 'mood'; this run has kind, language"):
        mixed.labelled({"mood": "low"})


def test_copies_are_limited_from_the_training_texts_of_all_parts(
    labelled_run: Path, tiny_run: Path
) -> None:
    mixed = load_mixed("fox", "a test", mixed=["kinds:0.5"])
    training = mixed.training_tokens()
    assert training is not None
    text = mixed.config.vocabulary.decode(training)
    assert "the quick brown fox" in text
    # Each document of the other run is a line here, in which there are no ends.
    assert "\naaa.\n" in text
    generator = mixed.generator(seed=3)
    generator.feed("the quick brown")
    written = generator.generate(300, SamplingSettings(max_copy=8)).text
    stretches = [written[at : at + 9] for at in range(len(written) - 8)]
    assert not [stretch for stretch in stretches if stretch in text]


def test_the_same_training_text_is_taken_once(tiny_run: Path) -> None:
    mixed = load_mixed("fox+fox", "a test")
    one, whole = Model.best_of(find_run("fox")).training_tokens(), mixed.training_tokens()
    assert one is not None
    assert whole is not None
    assert len(whole) == len(one)


def test_settings_that_the_mixture_cannot_follow_are_refused_as_for_one_run() -> None:
    with pytest.raises(SettingError, match="only"):
        MIXED.generator(seed=1).generate(5, SamplingSettings(only="Z"))
    assert {*MIXED.generator(seed=1).generate(20, SamplingSettings(only="xd")).text} <= {*"xd"}


def test_a_long_text_is_read_in_a_compiled_loop_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(JaxReader, "piece", 8)
    tokens = np.random.default_rng(0).integers(1, 8, 40).astype(np.int32)
    long, plain = (MIXED.generator(seed=3) for _ in range(2))
    assert [*dict.fromkeys(long.feed_long(tokens, "jax"))] == [0, 8, 40]
    plain.feed_tokens(tokens)
    pairs = zip(long.settle().recurrent, plain.settle().recurrent, strict=True)
    for found, expected in pairs:
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=0, atol=1e-5)
