"""Runs made of what was learnt; tests/session/test_learning_commands.py has the command."""

import errno
import json
import math
from pathlib import Path

import numpy as np
import pytest

from textgen.errors import RunExistsError, StorageError
from textgen.generation.learning import Learnt
from textgen.generation.model import Model
from textgen.runs import files
from textgen.runs.library import list_runs
from textgen.workflows.keep import keep_learnt
from textgen.workflows.load import load_model
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision


@pytest.fixture
def model(tiny_run: Path) -> Model:
    return load_model("fox")


def learnt_of(model: Model) -> Learnt:
    """Return weights as if they had been learnt: those of the model, slightly changed."""
    weights = {name: array * np.float32(0.9) for name, array in model.parameters.items()}
    return Learnt(3, 60, 100.0, 120.0, 0, weights, (), (), 0.0)


@pytest.mark.slow
def test_a_kept_run_has_the_text_the_weights_and_both_losses(model: Model) -> None:
    learnt = learnt_of(model)
    run = keep_learnt(model, learnt, "mine")
    record, origin = run.record(), model.run.record()
    assert record.corpus == origin.corpus
    kept = load_model("mine")
    assert kept.sha256 != model.sha256
    for name, array in learnt.arrays.items():
        assert kept.parameters[name].tobytes() == array.tobytes()
    (ancestor,) = record.ancestry
    (loss,) = run.validation_losses().values()
    assert ancestor.first_loss != loss
    expected = model.run.validation_losses()[model.step]
    assert ancestor.first_loss == pytest.approx(expected, rel=1e-3)
    assert not run.problems()


@pytest.mark.slow
def test_a_kept_run_is_trained_further_like_any_other(model: Model) -> None:
    keep_learnt(model, learnt_of(model), "mine")
    events = list(resume_training("mine", Supervision(keep=9), steps=2))
    assert type(events[-1]).__name__ == "Ended"
    assert load_model("mine").run.steps() == [0, 2]


def test_what_a_run_was_learnt_from_is_counted_once_more(model: Model) -> None:
    keep_learnt(model, learnt_of(model), "mine")
    again = keep_learnt(load_model("mine"), learnt_of(model), "second")
    first, second = again.record().ancestry
    assert (first.name, second.name, second.learnt_characters) == ("fox", "mine", 60)
    assert math.isfinite(second.first_loss)


def test_a_taken_name_is_refused(model: Model) -> None:
    with pytest.raises(RunExistsError, match="already exists"):
        keep_learnt(model, learnt_of(model), "fox")


def test_nothing_is_left_where_there_is_no_room(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(files, "write_durably", full)
    with pytest.raises(StorageError, match="space"):
        keep_learnt(model, learnt_of(model), "mine")
    assert [run.name for run in list_runs()] == ["fox"]
    assert not list(Path("checkpoints").glob(".tmp*"))


def test_an_ancestor_without_learning_is_written_as_before(model: Model) -> None:
    run = keep_learnt(model, learnt_of(model), "mine")
    ancestor = run.record().ancestry[0]
    plain = type(ancestor)(**{**ancestor.to_json(), "learnt_characters": 0, "origin": ()})
    assert "learnt_characters" not in json.dumps(plain.to_json())
