"""Trainings that are logged: each evaluation once, in one log, whatever happens."""

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.tracking.event_files import logged_in
from tests.workflows.trainings import notes, rows, start
from textgen.errors import DivergedError
from textgen.evaluation.protocols import Evaluator
from textgen.runs.logged import read_logged
from textgen.runs.run import Run
from textgen.tracking.tensorboard import TensorBoard
from textgen.tracking.trackers import LoggedRun
from textgen.workflows.event_records import event_record
from textgen.workflows.events import Event, Note
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision
from textgen.workflows.training_log import TrainingLog, identity_of, scalars_of, settings_of


class Paper:
    """A tracker that cannot forget, and keeps its logs in this process."""

    name = "paper"
    is_in_folder = False

    def __init__(self, logs: dict[str, list[tuple[int, float, str | None]]]) -> None:
        self.logs = logs
        self.is_open = False

    def begin(self, run: LoggedRun) -> None:
        print("begun")
        assert run.is_known == (run.identity in self.logs)
        self.log_of_run = self.logs.setdefault(run.identity, [])
        self.settings, self.is_open = run.settings, True

    def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
        self.log_of_run.append((step, scalars["val/loss"], sample))

    def go_back(self, step: int) -> bool:
        return False

    def end(self) -> None:
        self.is_open = False


def expected(run: Path) -> list[tuple[int, float, str | None]]:
    """Return what a log of a run holds if each row of its metrics was logged once."""
    bits = "validation_bits_per_character"
    return [(row["step"], row[bits] * math.log(2), row["sample"]) for row in Run(run).metrics()]


def resumed(name: str, targets: list[Any]) -> list[Event]:
    return list(TrainingLog(targets).follow(resume_training(name, Supervision())))


@pytest.mark.slow
def test_a_run_that_is_stopped_and_resumed_has_one_log(
    corpus: Path, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paper, run = Paper({}), own_folder / "checkpoints" / "r"
    list(TrainingLog([paper, TensorBoard()]).follow(start(corpus, "r", stop_after=6)))
    assert not paper.is_open
    second = Paper(paper.logs)
    resumed("r", [second, TensorBoard()])
    (log,) = paper.logs.values()
    assert [step for step, *_ in log] == [4, 8, 12]
    assert log == expected(run)
    found = logged_in(run / "tensorboard")
    assert found["val/loss"] == pytest.approx({step: loss for step, loss, _ in log})
    names = {"train/loss", "train/learning_rate", "train/gradient_norm", "val/bits_per_character"}
    assert names < found.keys()
    assert (second.settings["hidden_size"], second.settings["steps"]) == (16, 12)
    # What trackers print is no output of a command.
    assert capsys.readouterr() == ("", "begun\nbegun\n")


@pytest.mark.slow
def test_a_run_that_was_killed_after_an_evaluation_logs_it_once(
    corpus: Path, finished_run: Path
) -> None:
    paper = Paper({})
    resumed("r", [paper, TensorBoard()])
    assert paper.logs == {}  # the run is finished, so nothing is trained
    # The run as it was at step 9, in a process that was killed after the evaluation of step 12.
    shutil.rmtree(Run(finished_run).folder(12))
    list(TrainingLog([paper, TensorBoard()]).follow(resume_training("r", Supervision())))
    shutil.rmtree(Run(finished_run).folder(12))
    resumed("r", [Paper(paper.logs), TensorBoard()])
    (log,) = paper.logs.values()
    assert log == expected(finished_run)
    assert list(logged_in(finished_run / "tensorboard")["val/loss"]) == [4, 8, 12]


@pytest.mark.slow
def test_after_a_roll_back_no_step_is_logged_twice(
    corpus: Path, own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations, part = [0], Evaluator.part

    def failing(self: Evaluator, *given: Any) -> float:
        evaluations[0] += 1
        return math.nan if evaluations[0] == 6 else part(self, *given)

    monkeypatch.setattr(Evaluator, "part", failing)
    paper = Paper({})
    changes = {"eval_every": 2, "checkpoint_every": 6}
    log = TrainingLog([paper, TensorBoard()])
    try:
        events = list(log.follow(start(corpus, "r", **changes)))
    except DivergedError:
        pytest.fail("it is rolled back once")
    assert "training goes back to step" in notes(events)
    run = own_folder / "checkpoints" / "r"
    found = logged_in(run / "tensorboard")["val/loss"]
    assert list(found) == [row["step"] for row in rows(run)] == [2, 4, 6, 8, 10, 12]
    kept = {step: loss for step, loss, _ in expected(run)}
    assert found == pytest.approx(kept)  # TensorBoard forgets what came before
    (steps,) = ([step for step, *_ in log] for log in paper.logs.values())
    assert steps == [*kept]


@pytest.mark.slow
def test_a_log_that_begins_late_gets_what_came_before(corpus: Path, own_folder: Path) -> None:
    list(start(corpus, "r", stop_after=6))
    paper = Paper({})
    resumed("r", [paper])
    assert [*paper.logs.values()] == [expected(own_folder / "checkpoints" / "r")]
    assert [*read_logged(own_folder / "checkpoints" / "r").values()] == [12]


@pytest.mark.slow
def test_a_function_gets_every_event_and_its_own_dictionary(corpus: Path) -> None:
    heard: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        heard.append(json.loads(json.dumps(event)))
        event.clear()

    events = list(TrainingLog([hear, hear]).follow(start(corpus, "r")))
    assert heard == [event_record(event) for event in events for _ in range(2)]
    kinds = {event["type"] for event in heard}
    assert {"note", "plan", "evaluation", "sample", "checkpoint", "done"} <= kinds


@pytest.mark.slow
def test_what_fails_is_told_once_and_training_goes_on(corpus: Path, own_folder: Path) -> None:
    class Broken(Paper):
        def log(self, step: int, scalars: Mapping[str, float], sample: str | None) -> None:
            raise OSError(f"no network at step {step}")

        def end(self) -> None:
            raise ConnectionError("still none")

    def fail(event: dict[str, Any]) -> None:
        if event["type"] == "checkpoint":
            raise KeyError("x")

    events = list(TrainingLog([Broken({}), fail]).follow(start(corpus, "r")))
    told = [event.text for event in events if isinstance(event, Note) and event.grave]
    mine = f"{fail.__module__}:{fail.__qualname__}"
    assert sorted(told) == sorted(
        [
            "logging to paper failed, and training goes on: OSError: no network at step 4",
            f"logging to {mine} failed, and training goes on: KeyError: 'x'",
        ]
    )
    assert len(rows(own_folder / "checkpoints" / "r")) == 3


def test_losses_are_in_nats_under_the_usual_names() -> None:
    row = {"step": 3, "training_bits_per_character": 2.0, "learning_rate": 0.5, "sample": "x"}
    assert scalars_of(row) == {
        "train/loss": pytest.approx(1.3862943611),
        "train/bits_per_character": 2.0,
        "train/learning_rate": 0.5,
    }


def test_runs_of_other_names_have_other_identities(finished_run: Path) -> None:
    run = Run(finished_run)
    record = run.record()
    other = Run(Path(shutil.copytree(finished_run, "checkpoints/copy")))
    assert identity_of(run, record) == identity_of(run, run.record())
    assert identity_of(run, record) != identity_of(other, other.record())
    settings = settings_of(record)
    assert settings["learning_rate"] == record.plan.learning_rate
    assert settings["text"] == "fables.txt"  # without its folder
