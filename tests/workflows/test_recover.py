"""Disks that fail, losses that explode: what training does about them."""

import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflows.trainings import FABLES, content, notes, rows, start
from textgen.errors import DivergedError, StorageError
from textgen.runs import checkpoint as checkpoint_module
from textgen.runs.files import write_durably
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.terminal.display.run_tables import format_summary
from textgen.training.loop import JUMP, Progress, Trainer
from textgen.workflows.events import Ended, Event, Note, Saved
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision


def fail_writes(monkeypatch: pytest.MonkeyPatch, number: int, steps: range) -> None:
    """Let the checkpoints of some steps fail with an error of the system."""

    def write(path: Path, data: bytes) -> None:
        if any(f"step-{step:08d}" in str(path) for step in steps):
            raise OSError(number, os.strerror(number))
        write_durably(path, data)

    monkeypatch.setattr(checkpoint_module, "write_durably", write)


FAILURES = [errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EACCES, errno.EROFS]


@pytest.mark.slow
@pytest.mark.parametrize("number", FAILURES)
def test_training_goes_on_when_a_checkpoint_cannot_be_written(
    whole_run: Callable[..., Path], corpus: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = whole_run()
    fail_writes(monkeypatch, number, range(6, 9))
    events = list(start(corpus, "r"))
    assert [event.step for event in events if isinstance(event, Saved)] == [3, 9, 12]
    (note,) = (event for event in events if isinstance(event, Note) and event.grave)
    assert "the last saved step is 3; training continues and will try again" in note.text
    path = Path("checkpoints/r")
    assert content(path, 12) == content(whole, 12)
    assert rows(path) == rows(whole)
    assert Run(path).problems() == []
    assert not list((path / "checkpoints").glob(".tmp-*"))


@pytest.mark.slow
@pytest.mark.parametrize("number", [errno.EIO, errno.EACCES, errno.ESTALE])
def test_a_run_that_cannot_even_be_looked_at_for_a_while_goes_on(
    corpus: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    events = start(corpus, "r")
    next(event for event in events if isinstance(event, Saved))

    def unreachable(real: Any) -> Any:
        def fail(path: Any, *arguments: Any, **keywords: Any) -> Any:
            if "checkpoints/r" in str(path):
                raise OSError(number, os.strerror(number))
            return real(path, *arguments, **keywords)

        return fail

    with monkeypatch.context() as patch:
        for name in ("stat", "scandir", "open", "mkdir"):
            patch.setattr(os, name, unreachable(getattr(os, name)))
        patch.setattr("io.open", unreachable(open))
        texts = (event.text for event in events if isinstance(event, Note) and event.grave)
        assert any("training continues and will try again" in text for text in texts)
    ended = list(events)[-1]
    assert isinstance(ended, Ended)
    assert ended.finished
    assert Run(Path("checkpoints/r")).problems() == []


@pytest.mark.slow
def test_checkpoints_make_no_room_on_a_disk_that_is_not_full(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail_writes(monkeypatch, errno.EIO, range(9, 10))
    list(start(corpus, "r", keep=9))
    assert Run(Path("checkpoints/r")).steps() == [3, 6, 12]


@pytest.mark.slow
def test_a_checkpoint_is_written_although_the_metrics_cannot_be(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: Run, added: Any) -> None:
        if added:
            raise StorageError(self.path, "Input/output error")

    monkeypatch.setattr(Run, "add_metrics", fail)
    with pytest.raises(StorageError, match=r"Input/output error; the last saved step is 12"):
        list(start(corpus, "r", keep=9))
    assert Run(Path("checkpoints/r")).steps() == [3, 6, 9, 12]


@pytest.mark.slow
@pytest.mark.parametrize("number", FAILURES)
def test_a_last_checkpoint_that_cannot_be_written_ends_it_with_the_one_before_sound(
    whole_run: Callable[..., Path], corpus: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    with monkeypatch.context() as patch:
        fail_writes(patch, number, range(10, 13))
        with pytest.raises(StorageError, match=r"step-00000012.*the last saved step is 9"):
            list(start(corpus, "r"))
    run = Run(Path("checkpoints/r"))
    assert run.steps()[-1] == 9
    assert run.problems() == []
    list(resume_training("r", Supervision()))
    assert content(run.path, 12) == content(whole_run(), 12)


@pytest.mark.slow
def test_older_checkpoints_make_room_on_a_full_disk(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path("checkpoints/r/checkpoints")

    def write(path: Path, data: bytes) -> None:
        if len(list(folder.glob("step-*"))) >= 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_durably(path, data)

    monkeypatch.setattr(checkpoint_module, "write_durably", write)
    events = list(start(corpus, "r", keep=9))
    assert [event.step for event in events if isinstance(event, Saved)] == [3, 6, 9, 12]
    run = Run(Path("checkpoints/r"))
    assert run.steps()[-1] == 12
    assert run.best_step() in run.steps()
    assert run.problems() == []


@pytest.mark.slow
def test_rows_of_metrics_that_cannot_be_written_are_written_later(
    whole_run: Callable[..., Path], corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = whole_run()
    add, calls = Run.add_metrics, iter(range(99))

    def fail_first(self: Run, added: Any) -> None:
        if next(calls) < 2:
            raise StorageError(self.path, "no space")
        add(self, added)

    monkeypatch.setattr(Run, "add_metrics", fail_first)
    list(start(corpus, "r"))
    assert rows(Path("checkpoints/r")) == rows(whole)


@pytest.mark.slow
@pytest.mark.parametrize("eval_every", [4, 100])
def test_a_run_whose_folder_disappears_is_not_half_made_again(
    corpus: Path, eval_every: int
) -> None:
    events = start(corpus, "r", eval_every=eval_every)
    next(event for event in events if isinstance(event, Saved))
    shutil.rmtree("checkpoints/r")
    with pytest.raises(StorageError, match="no longer exists"):
        list(events)
    assert not Path("checkpoints/r").exists()


@pytest.mark.slow
def test_a_manifest_damaged_while_training_does_not_end_it(corpus: Path) -> None:
    events = start(corpus, "r", keep=1)
    next(event for event in events if isinstance(event, Saved))
    (Run(Path("checkpoints/r")).folder(3) / "manifest.json").write_text("?")
    ended = list(events)[-1]
    assert isinstance(ended, Ended)
    assert ended.finished


def plant(monkeypatch: pytest.MonkeyPatch, step: int, least_rate_scale: float) -> None:
    """Make the loss of a step NaN, unless the learning rate has been lowered enough."""
    advance = Trainer.advance

    def advance_badly(self: Trainer, first: int, rates: Any) -> Any:
        losses, norms = advance(self, first, rates)
        if first < step <= first + len(rates) and self.progress.rate_scale > least_rate_scale:
            losses[step - first - 1] = np.nan
            poison = dict(self.state.parameters)
            poison["projection.bias"] = poison["projection.bias"] * np.nan
            self.state = self.state._replace(parameters=poison)
        return losses, norms

    monkeypatch.setattr(Trainer, "advance", advance_badly)


def until_planned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measuring the machine makes steps as well; it shall not count."""
    from textgen.planning.machine import Pace

    pace = Pace(seconds_per_step=0.01, seconds_per_evaluation=0.01, seconds_to_start=0.0)
    monkeypatch.setattr(Trainer, "measure", lambda *_: pace)


@pytest.mark.slow
def test_a_loss_that_is_no_number_takes_training_back_at_half_the_rate(
    whole_run: Callable[..., Path], corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        until_planned(patch)
        plant(patch, 8, 0.3)
        events = list(start(corpus, "r", keep=9))
    told = [event.text for event in events if isinstance(event, Note) and event.grave]
    assert told == [
        "the loss became nan at step 8; training goes back to step 6 and halves the learning rate "
        "(roll-back 1 of at most 5)",
        "the loss became nan at step 8; training goes back to step 6 and halves the learning rate "
        "(roll-back 2 of at most 5)",
    ]
    run = Run(Path("checkpoints/r"))
    assert run.steps() == [3, 6, 9, 12]
    assert [row["step"] for row in run.metrics()] == [4, 8, 12]
    rates = [row["learning_rate"] for row in run.metrics()]
    whole = [row["learning_rate"] for row in rows(whole_run())]
    assert rates == pytest.approx([whole[0], whole[1] / 4, whole[2] / 4])
    assert run.problems() == []
    assert [list(pair) for pair in run.load(12).progress["rollbacks"]] == [[8, 6], [8, 6]]
    assert "step 12 of 12, finished, roll-backs: 2" in format_summary(summarise(run))


@pytest.fixture(scope="module")
def rolled_back_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a run that is rolled back twice."""
    folder = tmp_path_factory.mktemp("rolled-back")
    (folder / "fables.txt").write_text(FABLES, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        until_planned(patch)
        plant(patch, 8, 0.3)
        list(start(folder / "fables.txt", str(folder / "run"), keep=1))
    return folder / "run"


@pytest.mark.slow
@pytest.mark.parametrize("cut", [2, 5, 7, 8, 10])
def test_a_run_that_was_rolled_back_is_the_same_however_it_was_cut(
    rolled_back_run: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, cut: int
) -> None:
    until_planned(monkeypatch)
    plant(monkeypatch, 8, 0.3)
    list(start(corpus, "cut", keep=1, stop_after=cut))
    list(resume_training("cut", Supervision(keep=1)))
    whole, parts = rolled_back_run, Path("checkpoints/cut")
    assert content(whole, 12) == content(parts, 12)
    assert rows(whole) == rows(parts)


@pytest.mark.slow
def test_what_came_after_the_state_gone_back_to_is_removed(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_planned(monkeypatch)
    plant(monkeypatch, 8, 0.6)
    list(start(corpus, "r", eval_every=1, stop_after=7))
    run = Run(Path("checkpoints/r"))
    assert run.steps() == [3, 6, 7]
    events = resume_training("r", Supervision())
    next(event for event in events if isinstance(event, Note) and event.grave)
    assert run.steps() == [3, 6]
    assert [row["step"] for row in run.metrics()] == [1, 2, 3, 4, 5, 6]
    list(events)
    assert [row["step"] for row in run.metrics()] == list(range(1, 13))


@pytest.mark.slow
def test_a_loss_off_before_the_first_checkpoint_begins_the_run_again(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_planned(monkeypatch)
    plant(monkeypatch, 2, 0.6)
    events = list(start(corpus, "r"))
    assert "nan at step 2; training goes back to step 0" in notes(events)
    assert isinstance(events[-1], Ended)


@pytest.mark.slow
def test_after_five_roll_backs_training_gives_up(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    until_planned(monkeypatch)
    plant(monkeypatch, 8, 0.0)
    told: list[Event] = []
    with pytest.raises(
        DivergedError, match=r"nan nats per character at step 8, although the learning"
    ):
        told.extend(start(corpus, "r"))
    assert sum(isinstance(event, Note) and event.grave for event in told) == 5
    run = Run(Path("checkpoints/r"))
    assert run.steps()[-1] == 6
    assert run.problems() == []


def test_a_jump_is_both_losses_far_above_their_best() -> None:
    def note(*evaluations: tuple[float, float]) -> Progress:
        progress = Progress(step=7)
        for validation, training in evaluations:
            progress.note_validation(validation, training)
        return progress

    assert note((2.0, 2.0), (1.5, 1.4), (1.6, 1.3)).waited == 1
    high = JUMP + 0.01
    note((1.5, 1.4), (1.5 + high, 1.0))  # learnt by heart
    note((1.5, 1.4), (1.5, 1.4 + high))  # another kind of text
    for jump in ((1.5 + high, 1.4 + high), (np.nan, 1.0), (np.inf, 1.0)):
        with pytest.raises(DivergedError, match="at step 7"):
            note((1.5, 1.4), jump)


@pytest.mark.slow
def test_a_jump_takes_training_back(corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    until_planned(monkeypatch)
    evaluate, advance = Trainer.evaluate, Trainer.advance

    def evaluate_badly(self: Trainer) -> float:
        far = self.progress.step == 8 and self.progress.rate_scale == 1
        return evaluate(self) + 2 * far

    def advance_badly(self: Trainer, first: int, rates: Any) -> Any:
        losses, norms = advance(self, first, rates)
        far = first >= 4 and self.progress.rate_scale == 1
        return [loss + 2 * far for loss in losses], norms

    monkeypatch.setattr(Trainer, "evaluate", evaluate_badly)
    monkeypatch.setattr(Trainer, "advance", advance_badly)
    events = list(start(corpus, "r"))
    assert "at step 8; training goes back to step 6" in notes(events)
    assert [row["step"] for row in rows(Path("checkpoints/r"))] == [4, 8, 12]


@pytest.mark.parametrize(
    "change",
    [
        {"step": "x"},
        {"step": True},
        {"seconds": float("nan")},
        {"waited": -1},
        {"best_loss": []},
        {"rollbacks": 3},
        {"rollbacks": [[1]]},
        {"rollbacks": [["a", "b"]]},
        {"unknown": 1},
    ],
)
def test_progress_that_makes_no_sense_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Progress.from_json({"step": 3, **change})
