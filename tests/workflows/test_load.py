import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from textgen.errors import UsageError
from textgen.generation.numpy_engine import NumpyEngine
from textgen.runs.run import Run
from textgen.settings import SamplingSettings
from textgen.workflows.load import (
    load_forward,
    load_measured,
    load_mixed,
    load_model,
    mix_with,
)

COLD = SamplingSettings(temperature=0)


def test_a_model_writes_what_it_is_asked_for(labelled_run: Path) -> None:
    for kind, letters in (("low", "abcd"), ("high", "wxyz")):
        for language, end in (("one", "."), ("two", "!")):
            model = load_forward(None, "a test", [f"kind={kind}", f"language={language}"])
            assert model.labels == {"kind": {kind: 1.0}, "language": {language: 1.0}}
            written = model.generator(seed=1).generate(30, COLD)
            assert written.finish_reason == "end"
            assert {*written.text} <= {*letters, end}


def test_without_labels_a_model_writes_as_all_of_them(labelled_run: Path) -> None:
    model = load_model("kinds")
    texts = [model.generator(seed=1, sample=k).generate(30).text for k in range(40)]
    kinds = [text[0] in "abcd" for text in texts if text]
    # Each kind is drawn with about one half; all 40 are of one kind once in 10**11.
    assert any(kinds)
    assert not all(kinds)


def test_a_generator_changes_its_labels_between_two_documents(labelled_run: Path) -> None:
    generator = load_forward("kinds", "a test", ["kind=low", "language=one"]).generator(seed=1)
    first = generator.generate(30, COLD).text
    generator.use_labels({"kind": "high", "language": "one"})
    second = generator.generate(30, COLD).text
    assert {*first} <= {*"abcd."}
    assert {*second} <= {*"wxyz."}
    generator.use_labels({"kind": {"low": 1, "high": 1}})
    assert generator.labels == {"kind": {"low": 0.5, "high": 0.5}}
    generator.use_labels({})
    plain = load_model("kinds").generator(seed=1)
    reader = generator.reader
    assert isinstance(reader, NumpyEngine)
    zero = reader.zero_states()
    np.testing.assert_array_equal(reader.logits(zero), plain.reader.logits(zero))


def test_inside_a_document_the_state_stays_when_the_labels_change(labelled_run: Path) -> None:
    generator = load_forward("kinds", "a test", ["kind=low", "language=one"]).generator(seed=1)
    generator.feed("ab")
    before = generator.settle()
    generator.use_labels({"kind": "low", "language": "two"})
    after = generator.settle()
    assert after.recurrent is before.recurrent
    assert after.recent is before.recent
    other = load_forward("kinds", "a test", ["kind=low", "language=two"]).generator(seed=1)
    other.state = before
    assert generator.generate(30).text == other.generate(30).text
    assert generator.settle().labels == other.settle().labels == generator.labels


def test_labels_that_a_run_does_not_have_are_refused(tiny_run: Path, labelled_run: Path) -> None:
    with pytest.raises(UsageError, match="kind has no value 'lo'; this run was trained with low"):
        load_forward("kinds", "a test", ["kind=lo"])
    with pytest.raises(UsageError, match="trained without labels"):
        load_forward("fox", "a test", ["kind=low"])
    with pytest.raises(UsageError, match="trained without labels"):
        load_model("fox").generator(seed=0).use_labels({"kind": "low"})
    assert load_forward("fox", "a test", None).labels == {}


@pytest.mark.slow
def test_both_engines_write_labels_alike(labelled_run: Path) -> None:
    model = load_forward("kinds", "a test", ["kind=high"])
    texts = []
    for engine in (None, model.jax_engine()):
        generator = model.generator(seed=3, engine=engine)
        texts.append(generator.generate(20, SamplingSettings(temperature=0.5)).text)
        generator.use_labels({"kind": "low"})
        texts.append(generator.generate(20, SamplingSettings(temperature=0.5)).text)
    assert texts[:2] == texts[2:]


def test_a_run_of_both_directions_is_refused_by_name_of_what_it_is_for(two_way_run: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load_forward("two-ways", "textgen sample")
    assert str(refused.value) == (
        "the run 'two-ways' reads in both directions, which is for textgen restore and textgen "
        "proofread; textgen sample needs a run that reads forward: train one without --direction "
        "both"
    )


def test_the_refusal_names_a_run_of_the_same_text_that_reads_forward(
    two_way_run: Path, tiny_run: Path
) -> None:
    other = two_way_run.with_name("other")
    shutil.copytree(tiny_run, other)

    def refusal() -> str:
        with pytest.raises(UsageError) as refused:
            load_forward("two-ways", "textgen sample")
        return str(refused.value)

    # A run of another text is no help.
    assert refusal().endswith("train one without --direction both")
    record = Run(other).record()
    same = replace(record.corpus, sha256=Run(two_way_run).record().corpus.sha256)
    Run(other).write_record(replace(record, corpus=same))
    assert refusal().endswith("'other' reads the same text forward")


def test_runs_of_both_directions_cannot_be_mixed(two_way_run: Path, tiny_run: Path) -> None:
    for name, mixed in (("fox", ["two-ways:0.1"]), ("two-ways+fox", [])):
        with pytest.raises(UsageError, match="'two-ways' reads in both directions"):
            load_mixed(name, "textgen sample", mixed=mixed)
    with pytest.raises(UsageError, match="'two-ways' reads in both directions"):
        load_measured("fox+two-ways")
    assert load_measured("two-ways").config.settings.direction == "both"  # type: ignore[union-attr]


def test_a_run_is_mixed_with_others_that_are_named_apart_or_together(tiny_run: Path) -> None:
    apart = load_mixed("fox", "a test", mixed=["fox:0.25"])
    together = load_mixed("fox:0.75+fox:0.25", "a test")
    assert apart.name == together.name == "fox:0.75+fox:0.25"
    assert apart.sha256 == together.sha256
    assert load_mixed(None, "a test", mixed=["fox"]).name == "fox+fox"
    assert load_mixed("fox", "a test").others == ()
    main = load_model("fox")
    assert mix_with(main, [], "a test") is main
    assert mix_with(main, ["fox:0.25"], "a test").sha256 == apart.sha256
