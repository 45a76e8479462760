import json
import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from tests.workflows.trainings import FABLES, NETWORK
from textgen.interpretation.gradients import GradientNorms
from textgen.pictures.gradients import draw_gradients
from textgen.planning.choices import TextSize
from textgen.planning.machine import Pace
from textgen.planning.plan import continue_plan
from textgen.planning.request import Request
from textgen.runs.library import find_run
from textgen.runs.run import Run
from textgen.settings import CellName, TrainingSettings
from textgen.terminal.cli import run_command
from textgen.terminal.commands import gradient as command
from textgen.terminal.commands.gradient import format_gradients
from textgen.workflows import gradient as workflow
from textgen.workflows.events import Ended
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def gradient(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run `textgen gradient`; return its code and what it wrote to stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command(["gradient", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.slow
def test_a_run_is_shown_trained_and_as_it_began(
    gradient: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "90")
    code, out, err = gradient("fox", "--reach=20", "--places=1")
    rows = out.splitlines()
    assert code == 0
    assert rows[0].split() == ["network", "half-life", "1", "%", "left", "1", "2", "5", "10", "20"]
    assert rows[1].startswith("A  fox (LSTM), trained")
    assert rows[2].startswith("B  fox (LSTM), untrained")
    assert [row.split()[6] for row in rows[1:3]] == ["1.000", "1.000"]
    assert "measured: fox (LSTM), trained" in err.splitlines()
    assert max(map(len, out.split("\n\n")[2].splitlines())) <= 90
    _, out, _ = gradient("fox", "--reach=20", "--places=1", "--json", "-q")
    trained, untrained = map(json.loads, out.splitlines())
    assert [one["type"] for one in (trained, untrained)] == ["gradient", "gradient"]
    assert (trained["trained"], untrained["trained"]) == (True, False)
    assert len(trained["norms"]) == len(trained["layers"][0]) == 21
    assert trained["norms"] != untrained["norms"]


@pytest.mark.slow
def test_a_picture_takes_the_place_of_the_chart_below_the_table(gradient: Say) -> None:
    given = ("--reach=20", "--places=1", "-q")
    table, notes, _ = gradient(*given)[1].split("\n\n")
    code, out, err = gradient(*given, "-o", "g.svg")
    assert (code, out, err) == (0, f"{table}\n\n{notes}\n", "")
    assert Path("g.svg").read_text().startswith("<?xml")


@pytest.mark.slow
def test_the_cells_are_trained_once_to_be_compared(
    gradient: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = Path("fables.txt")
    corpus.write_text(FABLES, encoding="utf-8")
    tiny = NETWORK | {"steps": 2}
    monkeypatch.setattr(workflow, "COMPARED", tiny)
    monkeypatch.setattr(workflow, "shipped_corpus", lambda: corpus)
    # One of the three was begun and interrupted.
    request = Request(**tiny, cell="gru")
    events = start_training(
        [corpus], "compare-gru", request, Supervision(stop_after=1), is_measurement=True
    )
    assert [event.step for event in events if isinstance(event, Ended)] == [1]
    code, out, err = gradient("--compare", "--reach=5", "--places=1")
    assert code == 0
    assert Run(Path("checkpoints/compare-lstm")).record().is_measurement
    assert find_run(None).name == "fox"
    pattern = r"^training compare-(\w+) \((\d of 3)\) from step (\d) on$"
    told = re.findall(pattern, err, re.MULTILINE)
    assert told == [("lstm", "1 of 3", "0"), ("gru", "2 of 3", "1"), ("rnn", "3 of 3", "0")]
    assert re.findall(r"\((.*?)\), trained", out.split("\n\n")[0]) == ["LSTM", "GRU", "vanilla RNN"]
    _, again, err = gradient("--compare", "--reach=5", "--places=1")
    assert again == out
    assert "training" not in err


def test_the_cells_are_evaluated_at_the_same_steps_however_fast_they_are() -> None:
    text = TextSize(vocab_size=64, training_characters=200_000)
    intervals = set()
    for seconds in (0.001, 0.2):
        request = Request(**workflow.COMPARED)
        model = request.model_settings(64, 128, 0.0)
        chosen = {"steps": 800, "learning_rate": 0.01, "warmup_steps": 0, "devices": 1}
        draft = TrainingSettings(**(chosen | request.training_options))
        pace = Pace(seconds_per_step=seconds, seconds_per_evaluation=1.0, seconds_to_start=1.0)
        plan = continue_plan(request, model, draft, text, pace).training
        intervals.add((plan.eval_every, plan.checkpoint_every))
    ((eval_every, checkpoint_every),) = intervals
    assert 800 % eval_every == 800 % checkpoint_every == 0


def test_a_chart_gives_each_network_a_colour_and_goes_as_far_down_as_the_picture(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(command, "takes_colours", lambda _: True)
    followed = []
    for cell in get_args(CellName):
        for is_trained, rate in ((True, 1.0), (False, 2.0)):
            norms = np.exp(-rate * np.arange(101.0))
            found = GradientNorms(norms, norms[None], 64)
            followed.append(workflow.Followed(f"compare-{cell}", cell, is_trained, found))
    chart = command.format_gradients(followed).split("\n\n")[2]
    assert "-8 " in chart
    assert len(set(re.findall(r"\x1b\[(\d+)m[A-F]\x1b\[0m compare", chart))) == 6
    figure = draw_gradients([(one.run, one.is_trained, one.found) for one in followed])
    assert figure.axes[0].get_ylim()[0] == 1e-8


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["none"], 4, "known runs: fox"),
        (["--compare", "fox"], 2, "--compare trains its own runs"),
        (["--compare", "--model", "fox"], 2, "--compare trains its own runs"),
        (["--model", "none"], 4, "known runs: fox"),
        (["fox"] * 20, 2, "name at most"),
        (["fox", "--reach=1"], 2, "reach must be"),
        (["fox", "--reach=1000"], 2, "reach is at most 142"),
        (["fox", "-o", "g.pdf"], 2, "output must be a file in .png or .svg"),
        (["kept"], 2, "has not kept its text"),
    ],
)
def test_bad_input_is_told_in_one_line(
    gradient: Say, tiny_run: Path, arguments: list[str], code: int, message: str
) -> None:
    kept = Run(Path(shutil.copytree(tiny_run, tiny_run.with_name("kept"))))
    record = kept.record()
    corpus = type(record.corpus)(**(vars(record.corpus) | {"kept": False}))
    kept.write_record(type(record)(**(vars(record) | {"corpus": corpus})))
    found, out, err = gradient(*arguments)
    assert (found, out) == (code, "")
    assert re.search(message, err.splitlines()[-1])


@pytest.mark.parametrize(
    ("columns", "left_out"),
    [
        (20, []),
        (60, []),
        (80, ["2", "10", "50", "200"]),
        (100, ["2", "10", "50", "200"]),
        (130, []),
    ],
)
def test_a_table_without_room_for_all_distances_says_which_it_leaves_out(
    monkeypatch: pytest.MonkeyPatch, columns: int, left_out: list[str]
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    found = GradientNorms(0.5 ** np.arange(201.0), np.zeros((1, 201)), 1)
    followed = [workflow.Followed("a-run", "lstm", trained, found) for trained in (True, False)]
    table, notes, _ = format_gradients(followed).split("\n\n")
    assert max(map(len, [*table.split("\n"), *notes.split("\n")])) <= columns
    # k = 5 has 2**-4 of what k = 1 has, and k = 10 has 2**-9.
    assert table.count("0.062") == 2
    assert ("0.002" in table) is ("10" not in left_out)
    told = f"There is no room for k = {', '.join(left_out)}; --json has all distances."
    assert (told in " ".join(notes.split())) is bool(left_out)
