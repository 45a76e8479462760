"""Train, stop, resume, go further: whole runs of a tiny network."""

import itertools
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from itertools import groupby, islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.workflows.trainings import SIZES, content, notes, rows, start
from textgen.errors import (
    CorpusError,
    DamagedError,
    LockedError,
    RunExistsError,
    SettingError,
    StorageError,
    UsageError,
)
from textgen.planning.choices import WIDTHS
from textgen.planning.machine import Pace
from textgen.planning.request import Request
from textgen.runs.lock import training_lock
from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.settings import SamplingSettings, TrainingSettings
from textgen.terminal.display.progress import format_end, format_plan
from textgen.training.loop import Report, Trainer
from textgen.workflows.events import (
    Corrected,
    Ended,
    Event,
    Note,
    Planned,
    Sampled,
    Saved,
    Working,
)
from textgen.workflows.load import load_model
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training


@pytest.mark.slow
def test_a_training_tells_what_happens_in_order(corpus: Path) -> None:
    events = list(start(corpus, "r"))
    kinds = [type(event) for event in events if not isinstance(event, Note)]
    assert kinds[0] is Planned
    assert kinds[-1] is Ended
    # Evaluations every 4 steps and checkpoints every 3: steps between are made at once.
    reports = [event.step for event in events if isinstance(event, Report)]
    assert reports == [3, 4, 6, 8, 9, 12]
    assert [event.step for event in events if isinstance(event, Saved)] == [3, 6, 9, 12]
    assert sum(isinstance(event, Sampled) for event in events) == 3
    ended = events[-1]
    assert isinstance(ended, Ended)
    assert ended.finished
    assert ended.step == 12
    assert [row["step"] for row in rows(Path("checkpoints/r"))] == [4, 8, 12]


def test_a_shipped_text_is_trained_on_by_its_name_where_no_file_is_called_so(corpus: Path) -> None:
    def said_first(count: int) -> str:
        events = start_training([Path("names")], None, Request(**SIZES), Supervision())
        with closing(events):
            return notes(list(islice(events, count)))

    assert said_first(2) == ("names: the text that ships with textgen\nread 97,960 characters")
    corpus.rename("names")
    assert said_first(1) == "read 2,400 characters"


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
@pytest.mark.parametrize("cut", [1, 5, 6, 11])
def test_a_run_cut_and_resumed_equals_one_uncut_to_the_last_bit(
    whole_run: Callable[..., Path], corpus: Path, cut: int, devices: int
) -> None:
    stopped = list(start(corpus, "cut", devices=devices, keep=9, stop_after=cut))
    assert isinstance(stopped[-1], Ended)
    assert (stopped[-1].finished, stopped[-1].step) == (False, cut)
    list(resume_training("cut", Supervision(keep=9)))
    whole, parts = whole_run(devices=devices), Path("checkpoints/cut")
    assert content(whole, 12) == content(parts, 12)
    assert rows(whole) == rows(parts)
    assert Run(parts).problems() == []


@pytest.mark.slow
@pytest.mark.parametrize("cell", ["gru", "rnn"])
def test_every_cell_trains_resumes_and_writes_alike_on_both_engines(
    whole_run: Callable[..., Path], corpus: Path, cell: str
) -> None:
    list(start(corpus, "cut", cell=cell, keep=9, stop_after=7))
    list(resume_training("cut", Supervision(keep=9)))
    whole, parts = whole_run(cell=cell), Path("checkpoints/cut")
    assert content(whole, 12) == content(parts, 12)
    assert rows(whole) == rows(parts)

    model = load_model(str(whole))
    assert model.config.settings.cell == cell
    assert model.config.to_json()["architecture"] == cell
    texts = []
    for engine in (None, model.jax_engine()):
        generator = model.generator(seed=3, engine=engine)
        generator.feed("The heron")
        texts.append("".join(generator.stream(300, SamplingSettings())))
    assert len(texts[0]) == 300
    assert texts[0] == texts[1]


@pytest.mark.slow
def test_a_run_killed_before_its_first_checkpoint_starts_again(
    whole_run: Callable[..., Path], corpus: Path
) -> None:
    events = start(corpus, "killed")
    while not isinstance(next(events), Report):
        pass
    events.close()  # type: ignore[attr-defined]
    assert Run(Path("checkpoints/killed")).steps() == []
    list(resume_training("killed", Supervision()))
    assert content(whole_run(), 12) == content(Path("checkpoints/killed"), 12)


@pytest.mark.slow
def test_a_stop_that_is_asked_for_saves_first(corpus: Path) -> None:
    made = [0]
    events = list[Event]()
    for event in start(corpus, "r", should_stop=lambda: made[-1] >= 4):
        events.append(event)
        if isinstance(event, Report):
            made.append(event.step)
    assert isinstance(events[-1], Ended)
    assert events[-1].step == 4
    assert Run(Path("checkpoints/r")).steps() == [3, 4]


def test_a_stop_while_the_machine_is_measured_leaves_nothing_behind(corpus: Path) -> None:
    # Asked before the text is read, after it, and then while measuring.
    answers = itertools.chain([False, False], itertools.repeat(True))
    events = start(corpus, "r", steps=10**6, should_stop=answers.__next__)
    with pytest.raises(KeyboardInterrupt):
        list(events)
    assert list(Path("checkpoints").iterdir()) == []


@pytest.mark.slow
def test_a_dry_run_has_the_plan_of_the_training_and_writes_nothing(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = corpus.parent / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    request = Request(**SIZES)
    before = sorted(Path().rglob("*"))
    events = [*start_training([corpus], "dry", request, Supervision(), only_plans=True)]
    assert sorted(Path().rglob("*")) == before
    assert "nothing was written" in notes(events[-1:])
    [dry] = [event for event in events if isinstance(event, Planned)]
    wet = next(event for event in start(corpus, "dry") if isinstance(event, Planned))
    assert dry.record.plan == wet.record.plan
    assert dry.record.config.to_json() == wet.record.config.to_json()
    assert dry.record.corpus == wet.record.corpus
    with pytest.raises(RunExistsError):
        next(start_training([corpus], "dry", request, Supervision(), only_plans=True))


@pytest.mark.slow
def test_a_stop_while_a_further_plan_is_measured_changes_nothing(finished_run: Path) -> None:
    # As if this process had trained it: the lock names the last process that did.
    (finished_run / "lock").write_text(str(os.getpid()))
    before = {path: path.read_bytes() for path in Path("checkpoints").rglob("*") if path.is_file()}
    for further in ({"steps": 1000}, {"minutes": 1}):
        with pytest.raises(KeyboardInterrupt):
            list(resume_training("r", Supervision(should_stop=lambda: True), **further))
    after = {path: path.read_bytes() for path in Path("checkpoints").rglob("*") if path.is_file()}
    assert after == before


@pytest.mark.slow
def test_a_finished_run_says_so_and_can_be_trained_further(finished_run: Path) -> None:
    before = content(finished_run, 12)
    events = list(resume_training("r", Supervision()))
    assert "finished after 12 steps" in notes(events)
    ended = events[1]
    assert len(events) == 2
    assert isinstance(ended, Ended)
    assert (ended.is_old, ended.finished, ended.step) == (True, True, 12)
    list(resume_training("r", Supervision(keep=99), steps=6))
    run = Run(finished_run)
    assert content(run.path, 12) == before
    assert run.steps()[-1] == 18
    assert [plan.first_step for plan in run.record().plans] == [0, 12]
    old, new = run.load(12, train_state=True), run.load(18, train_state=True)
    assert not np.array_equal(old.parameters["embedding"], new.parameters["embedding"])
    # A fresh optimizer: it has counted the steps of the new plan alone.
    counts = [int(state.train_state["optimizer.adam.count"]) for state in (old, new)]
    assert counts == [12, 6]
    assert [row["step"] for row in run.metrics()][:3] == [4, 8, 12]
    assert run.metrics()[-1]["step"] == 18
    assert "finished after 18 steps" in notes(list(resume_training("r", Supervision())))


@pytest.mark.slow
def test_a_further_plan_can_be_cut_and_resumed_too(finished_run: Path) -> None:
    for name in ("one", "two"):
        shutil.copytree(finished_run, finished_run.with_name(name))
    further = {"steps": 8}
    list(resume_training("one", Supervision(keep=9), **further))
    list(resume_training("two", Supervision(keep=9, stop_after=15), **further))
    list(resume_training("two", Supervision(keep=9)))
    assert content(Path("checkpoints/one"), 20) == content(Path("checkpoints/two"), 20)


@pytest.mark.slow
def test_an_unfinished_run_takes_no_new_plan(corpus: Path) -> None:
    list(start(corpus, "r", stop_after=5))
    with pytest.raises(UsageError, match="step 5 of 12"):
        list(resume_training("r", Supervision(), steps=10))


@pytest.mark.slow
def test_training_falls_back_from_a_damaged_checkpoint_and_says_so(
    whole_run: Callable[..., Path], corpus: Path
) -> None:
    list(start(corpus, "r", stop_after=6))
    path = Path("checkpoints/r")
    model = Run(path).folder(6) / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-1] + b"!")
    with pytest.raises(DamagedError):
        Run(path).load(6)
    events = list(resume_training("r", Supervision()))
    assert "model.safetensors' is damaged" in notes(events)
    assert "renamed and not used" in notes(events)
    assert content(whole_run(), 12) == content(path, 12)
    assert rows(whole_run()) == rows(path)


@pytest.mark.slow
def test_a_step_damaged_twice_is_set_aside_twice(corpus: Path) -> None:
    list(start(corpus, "r", stop_after=3, eval_every=3))
    run = Run(Path("checkpoints/r"))
    for _ in range(2):
        (run.folder(3) / "model.safetensors").write_bytes(b"?")
        events = list(resume_training("r", Supervision(stop_after=3)))
        assert "no undamaged checkpoint is left" in notes(events)
        assert run.steps() == [3]
    assert len(list((run.path / "checkpoints").glob("damaged-*"))) == 2


def test_a_command_that_is_refused_sets_nothing_aside(finished_run: Path) -> None:
    run = Run(finished_run)
    (run.folder(12) / "model.safetensors").write_bytes(b"?")
    with pytest.raises(UsageError, match="finish it first"):
        list(resume_training("r", Supervision(), steps=5))
    assert run.steps()[-1] == 12
    assert run.problems()


@pytest.mark.slow
def test_an_old_manifest_that_is_damaged_does_not_end_a_training(corpus: Path) -> None:
    list(start(corpus, "r", stop_after=6))
    run = Run(Path("checkpoints/r"))
    (run.folder(3) / "manifest.json").write_text("{}")
    events = list(resume_training("r", Supervision()))
    assert "manifest.json' is damaged" in notes(events)
    assert isinstance(events[-1], Ended)
    assert events[-1].finished


def test_a_stop_that_is_past_is_refused_before_the_run_is_changed(finished_run: Path) -> None:
    before = (finished_run / "run.json").read_bytes()
    with pytest.raises(SettingError, match="stop_after must be above 12"):
        list(resume_training("r", Supervision(stop_after=3), steps=10))
    assert (finished_run / "run.json").read_bytes() == before


@pytest.mark.slow
def test_without_the_kept_text_the_files_are_read_again(
    whole_run: Callable[..., Path], corpus: Path
) -> None:
    list(start(corpus, "r", keep_corpus=False, stop_after=4))
    path = Path("checkpoints/r")
    assert not (path / "corpus.tokens").exists()
    assert Run(path).problems() == []
    list(resume_training("r", Supervision()))
    assert content(whole_run(), 12) == content(path, 12)
    shutil.rmtree(path)
    list(start(corpus, "r", keep_corpus=False, stop_after=4))
    corpus.write_text(corpus.read_text() + "changed")
    with pytest.raises(CorpusError, match="no longer the text"):
        list(resume_training("r", Supervision()))


class PaperTimekeeper:
    """Gives a plan of 12 steps 3 fewer after step 4."""

    def correct(
        self, plan: TrainingSettings, step: int, *, is_evaluated: bool
    ) -> TrainingSettings | None:
        return plan.corrected(step, 9) if step == 4 and is_evaluated else None


@pytest.mark.slow
def test_a_corrected_plan_is_in_the_run_and_resumed_to_the_last_bit(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["textgen.workflows.train"]
    monkeypatch.setattr(module, "keep_time", lambda *_: PaperTimekeeper())
    *events, ended = list(start(corpus, "whole"))
    assert isinstance(ended, Ended)
    assert (ended.finished, ended.step, ended.record.plan.last_step) == (True, 9, 9)
    assert [event.step for event in events if isinstance(event, Corrected)] == [4]
    whole, cut = Path("checkpoints/whole"), Path("checkpoints/cut")
    assert Run(whole).record().plan.corrections == ((4, 12),)
    assert [row["step"] for row in rows(whole)] == [4, 8, 9]
    list(start(corpus, "cut", stop_after=6))
    list(resume_training("cut", Supervision()))
    assert content(whole, 9) == content(cut, 9)
    assert rows(whole) == rows(cut)


def test_a_plan_that_cannot_be_corrected_on_the_disk_goes_on_as_it_was(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = sys.modules["textgen.workflows.train"]
    monkeypatch.setattr(module, "keep_time", lambda *_: PaperTimekeeper())
    original = Run.write_record

    def write(run: Run, record: RunRecord) -> None:
        if record.plan.corrections:
            raise StorageError(run.path / "run.json", "no space left on the disk")
        original(run, record)

    monkeypatch.setattr(Run, "write_record", write)
    *events, ended = list(start(corpus, "r"))
    assert isinstance(ended, Ended)
    assert (ended.finished, ended.step) == (True, 12)
    assert not [event for event in events if isinstance(event, Corrected)]
    told = [event for event in events if isinstance(event, Note) and event.grave]
    assert ["is not corrected" in note.text for note in told] == [True]


@pytest.mark.slow
def test_old_checkpoints_are_pruned_but_never_the_best(corpus: Path) -> None:
    list(start(corpus, "r", steps=24, eval_every=3, keep=1))
    run = Run(Path("checkpoints/r"))
    losses = {row["step"]: row["validation_bits_per_character"] for row in rows(run.path)}
    assert run.steps() == sorted({min(losses, key=lambda step: losses[step]), 24})


@pytest.mark.slow
def test_a_run_is_not_trained_twice_at_once(corpus: Path) -> None:
    list(start(corpus, "r", stop_after=4))
    with training_lock(Path("checkpoints/r")), pytest.raises(LockedError):
        list(resume_training("r", Supervision()))


@pytest.mark.slow
def test_nothing_is_left_behind_by_a_start_that_fails(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    list(start(corpus, "r", stop_after=1))
    with pytest.raises(RunExistsError):
        list(start(corpus, "r"))
    with pytest.raises(SettingError, match="devices"):
        list(start(corpus, "s", devices=64, batch_size=64))

    def broken(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Trainer, "measure", broken)
    with pytest.raises(ZeroDivisionError):
        list(start(corpus, "t"))
    assert [path.name for path in Path("checkpoints").iterdir()] == ["r"]


@pytest.mark.slow
def test_a_name_that_is_taken_meanwhile_is_answered_with_one_that_is_free(corpus: Path) -> None:
    events = start(corpus, "r")
    next(event for event in events if isinstance(event, Note))
    for taken in ("r", "r-2"):
        Path("checkpoints", taken).mkdir()
    with pytest.raises(RunExistsError, match="such as --run r-3"):
        list(events)


@pytest.mark.slow
def test_what_takes_long_before_the_plan_is_told(corpus: Path) -> None:
    told = list[Working]()
    events = start(corpus, "r", tell=told.append)
    next(event for event in events if isinstance(event, Planned))
    measuring = "measuring: "
    assert [text for text, _ in groupby(work.text for work in told)][:4] == [
        "reading the text",
        "reading the text: 2,400 characters",
        f"{measuring}compiling the training step",
        f"{measuring}making the first training steps",
    ]
    assert all(work.seconds for work in told if work.text.startswith(measuring))


def speed_of_products(monkeypatch: pytest.MonkeyPatch, operations: float) -> None:
    """Replace the measurement of large products by a number of operations per second."""
    module = sys.modules["textgen.workflows.hosts"]
    monkeypatch.setattr(module, "product_speed", lambda *_, **__: operations)


@pytest.mark.slow
def test_a_text_of_a_hundred_characters_can_be_trained_on(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_text("a short text, and no more of it. " * 3 + "x", encoding="utf-8")
    request = Request(steps=3, hidden_size=8, num_layers=1)
    events = list(start_training([path], None, request, Supervision()))
    assert isinstance(events[-1], Ended)
    assert events[-1].finished


@pytest.mark.slow
def test_dropout_and_steps_are_chosen_where_nothing_is_asked_for(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The highest number of epochs takes far less than ten minutes, so that no clock decides.
    sizes = {"hidden_size": 8, "num_layers": 1, "batch_size": 8, "sequence_length": 16}
    request = Request(minutes=10, devices=1, **sizes)
    speed_of_products(monkeypatch, 1e9)
    monkeypatch.setattr(sys.modules["textgen.workflows.supervise"], "SECONDS_TO_MEASURE", 0.1)
    list(start_training([corpus], "r", request, Supervision()))
    record = Run(Path("checkpoints/r")).record()
    assert record.plan.steps > 50
    assert record.config.settings.dropout_rate > 0.2  # for many epochs of a short text


@pytest.mark.slow
def test_a_machine_much_faster_than_its_large_products_promised_is_measured_again(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # At this pace the second narrowest network is chosen.
    pace = Pace(seconds_per_step=0.4, seconds_per_evaluation=0.01, seconds_to_start=0.0)
    speed_of_products(monkeypatch, 1.0)
    monkeypatch.setattr(Trainer, "measure", lambda *_: pace)
    request = Request(steps=1, num_layers=1)
    events = list(start_training([corpus], "r", request, Supervision()))
    width = Run(Path("checkpoints/r")).record().config.settings.hidden_size
    assert width > min(WIDTHS)
    (planned,) = (event for event in events if isinstance(event, Planned))
    assert any(f"1x{width}" in reason for reason in planned.reasons)
    assert f"1x{width}: the largest network" in format_plan(planned)


@pytest.mark.slow
def test_a_run_that_ended_early_is_finished_however_it_was_cut(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Losses that fall until step 8 and rise from there on.
    monkeypatch.setattr(Trainer, "evaluate", lambda self: 2 + abs(self.progress.step - 8) / 100)
    plan: dict[str, Any] = {"steps": 400, "patience": 2, "keep": 9, "checkpoint_every": 4}
    ended = list(start(corpus, "whole", **plan))[-1]
    assert isinstance(ended, Ended)
    assert (ended.finished, ended.step, ended.best_step) == (True, 16, 8)
    assert "finished at step 16 of 400, since the validation loss no longer falls" in format_end(
        ended
    )
    assert "finished after 16 steps" in notes(list(resume_training("whole", Supervision())))
    assert summarise(Run(Path("checkpoints/whole")))["finished"]

    cut = list(start(corpus, "cut", **plan, stop_after=13))[-1]
    assert isinstance(cut, Ended)
    assert not cut.finished
    assert not summarise(Run(Path("checkpoints/cut")))["finished"]
    list(resume_training("cut", Supervision(keep=9)))
    whole, parts = Path("checkpoints/whole"), Path("checkpoints/cut")
    assert content(whole, 16) == content(parts, 16)
    assert rows(whole) == rows(parts)

    # A further plan of which nothing but run.json was written, as if killed at once: what was
    # waited for before it does not end it.
    events = resume_training("cut", Supervision(), steps=5)
    next(event for event in events if isinstance(event, Planned))
    events.close()  # type: ignore[attr-defined]
    further = list(resume_training("cut", Supervision()))
    assert isinstance(further[-1], Ended)
    assert further[-1].step == 21


@pytest.mark.slow
def test_a_machine_is_not_timed_where_nothing_depends_on_it(
    corpus: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def timed(*_: Any, **__: Any) -> float:
        raise AssertionError("timed")

    monkeypatch.setattr(sys.modules["textgen.workflows.hosts"], "product_speed", timed)
    assert list(start(corpus, "r"))
    told = list[Working]()
    with pytest.raises(AssertionError, match="timed"):
        list(start(corpus, "s", hidden_size=None, tell=told.append))
    assert told[-1].text == "measuring: timing matrix products"
