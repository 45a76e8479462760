"""The texts that a network writes while it is trained."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import textgen
from tests.networks import random_network
from tests.workflows.trainings import rows, start
from textgen.data.vocabulary import END, Vocabulary
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import METRICS, Run
from textgen.settings import SamplingSettings
from textgen.training.loop import Trainer
from textgen.workflows.events import Sampled
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.training_samples import (
    SAMPLED_CHARACTERS,
    sample_text,
    sampling_seconds,
)


def trainer_of(characters: str, step: int, **changes: Any) -> tuple[Trainer, ModelConfig]:
    """Return what a trainer of a random network shows of itself, and its model."""
    settings, parameters = random_network(vocab_size=len(characters) + 1, **changes)
    trainer: Any = SimpleNamespace(
        model=settings,
        state=SimpleNamespace(parameters=parameters),
        progress=SimpleNamespace(step=step),
    )
    vocabulary = Vocabulary(characters)
    return trainer, ModelConfig(settings, vocabulary, characters[0], "nfc", ())


def test_the_same_weights_and_step_write_the_same_text_and_stay_as_they_are() -> None:
    trainer, config = trainer_of("abcdefgh", 7)
    before = {name: array.copy() for name, array in trainer.state.parameters.items()}
    text = sample_text(trainer, config)
    assert text == sample_text(trainer, config)
    assert len(text or "") == SAMPLED_CHARACTERS
    assert text != sample_text(*trainer_of("abcdefgh", 8))
    for name, array in trainer.state.parameters.items():
        np.testing.assert_array_equal(array, before[name])


def test_short_documents_fill_the_sample_and_stand_on_lines_of_their_own() -> None:
    text = sample_text(*trainer_of(f"{END}abc", 3))
    documents = (text or "").split("\n")
    assert len(documents) >= 5
    assert all(document and set(document) <= set("abc") for document in documents)
    assert SAMPLED_CHARACTERS // 2 < len(text or "") <= SAMPLED_CHARACTERS


def test_a_network_of_both_directions_writes_nothing_and_that_takes_no_time() -> None:
    trainer, config = trainer_of("abcdefgh", 7, direction="both")
    assert sample_text(trainer, config) is None
    assert sampling_seconds(trainer) == 0


@pytest.mark.parametrize("vocab_size", [9, 40_000])
def test_the_time_of_a_sample_is_measured_for_any_vocabulary(vocab_size: int) -> None:
    settings, parameters = random_network(vocab_size=vocab_size)
    trainer: Any = SimpleNamespace(model=settings, state=SimpleNamespace(parameters=parameters))
    assert 0 < sampling_seconds(trainer) < 20


def test_each_evaluation_keeps_what_the_generator_of_its_checkpoint_writes(
    whole_run: Callable[..., Path],
) -> None:
    run = Run(whole_run())
    evaluated = run.metrics()
    assert [row["step"] for row in evaluated] == [4, 8, 12]
    # Steps 3, 6, 9 and 12 have checkpoints; 12 is evaluated too.
    last = run.load(12)
    trainer: Any = SimpleNamespace(
        model=last.config.settings,
        state=SimpleNamespace(parameters=last.parameters),
        progress=SimpleNamespace(step=12),
    )
    assert evaluated[-1]["sample"] == sample_text(trainer, last.config)
    generator = textgen.load(run.path, seed=12)
    if run.best_step() == 12:
        written = "".join(generator.stream(SAMPLED_CHARACTERS, SamplingSettings()))
        assert evaluated[-1]["sample"] == written.strip()


@pytest.mark.slow
def test_samples_of_a_resumed_run_are_those_of_one_that_never_stopped(
    corpus: Path, whole_run: Callable[..., Path], own_folder: Path
) -> None:
    list(start(corpus, "r", stop_after=6))
    events = list(resume_training("r", Supervision()))
    kept = [row["sample"] for row in rows(own_folder / "checkpoints" / "r")]
    assert kept == [row["sample"] for row in rows(whole_run())]
    told = [event for event in events if isinstance(event, Sampled)]
    assert [(one.step, one.text) for one in told] == [(8, kept[1]), (12, kept[2])]


def test_rows_without_samples_and_with_strange_texts_are_read(finished_run: Path) -> None:
    path = finished_run / METRICS
    old = [{"step": 1, "validation_bits_per_character": 2.0}, {"step": 2, "sample": "\ud800\x1b é"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in old))
    assert Run(finished_run).metrics() == old
    path.write_text('{"step": 1, "sample": 3}\n{"step": 2}\n')
    with pytest.raises(textgen.TextgenError, match="line 1 is not a row of metrics"):
        Run(finished_run).metrics()
