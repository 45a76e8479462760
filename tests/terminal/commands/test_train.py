"""The command `train`: what it prints for people and for programs, and how it ends."""

import json
import os
import re
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import TINY
from textgen.evaluation.protocols import bits_per_character
from textgen.runs.run import Run
from textgen.terminal.cli import run_command
from textgen.training.loop import Trainer
from textgen.workflows.supervise import Supervision


def train(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    capsys.readouterr()
    code = run_command(["train", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def without(option: str) -> list[str]:
    """Return the options of the tiny run, without one of them."""
    index = TINY.index(option)
    return TINY[:index] + TINY[index + 2 :]


@pytest.mark.slow
def test_json_is_the_only_output_and_has_a_line_for_each_event(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = train(capsys, "fox.txt", *TINY, "--json")
    assert (code, err) == (0, "")
    lines = [json.loads(line) for line in out.splitlines()]
    assert all(next(iter(line)) == "type" for line in lines)
    after_plan = [line["type"] for line in lines]
    after_plan = after_plan[after_plan.index("plan") :]
    assert [kind for kind in after_plan if kind != "progress"] == [
        "plan",
        *["evaluation", "sample", "checkpoint"] * 2,
        "done",
    ]
    plan = next(line for line in lines if line["type"] == "plan")
    assert (plan["name"], plan["plan"]["steps"], plan["model"]["hidden_size"]) == ("fox", 20, 16)
    evaluated = [line for line in lines if line["type"] == "evaluation"]
    run, done = Run(Path("checkpoints/fox")), lines[-1]
    losses = {n: bits_per_character(loss) for n, loss in run.validation_losses().items()}
    assert {line["step"]: line["validation_bits_per_character"] for line in evaluated} == losses
    assert done == {
        "type": "done",
        "name": "fox",
        "path": "checkpoints/fox",
        "step": 20,
        "steps": 20,
        "finished": True,
        "best_step": run.best_step(),
        "best_bits_per_character": losses[run.best_step()],
    }


def test_resuming_a_finished_run_ends_with_done_too(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = train(capsys, "--resume", "fox", "--json")
    assert (code, err) == (0, "")
    note, done = map(json.loads, out.splitlines())
    assert "is finished after 20 steps" in note["text"]
    run = Run(tiny_run)
    bits = bits_per_character(run.validation_losses()[run.best_step()])
    assert (done["type"], done["finished"], done["step"]) == ("done", True, 20)
    assert (done["best_step"], done["best_bits_per_character"]) == (run.best_step(), bits)
    told = train(capsys, "--resume", "fox")
    assert told[:2] == (0, "")
    assert told[2].startswith("the run 'fox' is finished after 20 steps")
    assert told[2].count("\n") == 1
    assert train(capsys, "--resume", "fox", "--quiet") == (0, "", "")


def test_a_pipe_that_nobody_writes_can_be_interrupted(
    own_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo("pipe")
    begin = Supervision.begin

    def interrupted(self: Supervision, work: str, seconds: float | None = None) -> None:
        begin(self, work, seconds)
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()

    monkeypatch.setattr(Supervision, "begin", interrupted)
    code, out, err = train(capsys, "pipe")
    assert (code, out) == (130, "")
    assert "stopped before the first step: nothing was changed" in err
    assert list(Path("checkpoints").iterdir()) == []


def test_standard_input_is_one_text_and_a_pipe_is_kept(
    own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo("pipe")
    for arguments, problem in (
        (["pipe", "--no-keep-corpus"], "a pipe cannot be read again"),
        (["fables", "--validation", "-", "--no-keep-corpus"], "a pipe cannot be read again"),
        (["-", "--validation", "-"], "standard input can be read only once"),
    ):
        code, out, err = train(capsys, *arguments)
        assert (code, out) == (2, "")
        assert problem in err


def test_an_error_with_json_is_json_too(
    tiny_run: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = train(capsys, "fox.txt", "--run", "fox", "--json")
    assert code == 2
    assert json.loads(out.splitlines()[-1])["type"] == "error"
    assert "already exists" in err


@pytest.mark.slow
@pytest.mark.parametrize(("progress", "steps"), [("plain", 2), ("none", 0)])
def test_progress_can_be_left_out_and_the_plan_stays(
    corpus: Path, capsys: pytest.CaptureFixture[str], progress: str, steps: int
) -> None:
    _, out, err = train(capsys, "fox.txt", *TINY, "--progress", progress)
    assert out == ""
    assert len(re.findall(r"^step \d+/20", err, re.MULTILINE)) == steps
    assert "\nplan     20 steps" in err
    assert "finished at step 20" in err


@pytest.fixture
def rising(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the validation loss rise from the first evaluation on."""
    monkeypatch.setattr(Trainer, "evaluate", lambda self: 2 + self.progress.step / 1000)


@pytest.mark.slow
def test_a_number_of_steps_ends_early_and_says_how_to_go_on(
    corpus: Path, capsys: pytest.CaptureFixture[str], rising: None
) -> None:
    options = [*without("--steps"), "--steps", "400"]
    code, _, err = train(capsys, "fox.txt", *options)
    # An evaluation every 10 steps, of which a third of the steps are waited for.
    last = 10 * (1 + 14)
    assert code == 0
    assert "\n         patience 14: training ends early after 14 evaluations" in err
    assert f"finished at step {last} of 400, since the validation loss no longer falls" in err
    further = f"textgen train --resume fox --steps {400 - last} --patience 0"
    assert further in err
    _, _, err = train(capsys, "--resume", "fox")
    assert f"finished after {last} steps of 400, since the validation loss no longer fell" in err
    # What was advised goes on to the end.
    code, _, err = train(capsys, *further.split()[2:])
    assert code == 0
    assert "finished at step 400;" in err


@pytest.mark.slow
def test_patience_can_be_turned_off_and_an_early_end_is_an_event(
    corpus: Path, capsys: pytest.CaptureFixture[str], rising: None
) -> None:
    options = [*without("--steps"), "--steps", "150"]
    _, _, err = train(capsys, "fox.txt", *options, "--patience", "0")
    assert "finished at step 150;" in err
    _, out, _ = train(capsys, "fox.txt", *options, "--json", "--run", "early")
    early, done = map(json.loads, out.splitlines()[-2:])
    assert early == {"type": "early_end", "step": 60, "steps": 150, "patience": 5}
    assert (done["type"], done["step"], done["finished"]) == ("done", 60, True)


def test_patience_needs_a_new_plan(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = train(capsys, "--resume", "fox", "--patience", "0")
    assert code == 2
    assert "patience cannot be given with --resume" in err


@pytest.mark.slow
def test_few_steps_are_not_called_a_network_that_writes(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, err = train(capsys, "fox.txt", *TINY)
    assert "so few steps teach little; train it further: textgen train --resume fox" in err
    _, _, err = train(capsys, "--model", "fox", "--steps", "100")
    assert "teach little" not in err


def test_a_time_that_is_too_short_is_refused_and_nothing_is_written(
    corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = [*without("--steps"), "--minutes", "0.001"]
    code, _, err = train(capsys, "fox.txt", *options)
    assert code == 2
    assert re.search(r"0\.001 minutes is too short: .* give at least --minutes [\d.]+, or", err)
    assert list(Path("checkpoints").iterdir()) == []


def test_a_run_that_cannot_be_trained_further_names_its_damage(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (Run(tiny_run).folder(20) / "model.safetensors").write_bytes(b"?")
    code, _, err = train(capsys, "--resume", "fox", "--steps", "5")
    assert code == 2
    assert re.search(r"at step 10 of 20; .*step-00000020.*is damaged.*; finish it first", err)


# A training whose steps wait as long as a file is missing.
SLOW = """
import sys, time
from pathlib import Path
from textgen.training.loop import Trainer
from textgen.workflows.supervise import Supervision
advance = Trainer.advance
def wait(self, *arguments):
    while not Path("go").exists():
        time.sleep(0.05)
    return advance(self, *arguments)
Trainer.advance = wait
from textgen.terminal.cli import run_process
sys.exit(run_process())
"""


@pytest.fixture
def slow_training(corpus: Path) -> Any:
    child = pexpect.spawn(
        sys.executable,
        ["-c", SLOW, "train", "fox.txt", *without("--steps"), "--steps", "10000"],
        encoding="utf-8",
        timeout=60,
        dimensions=(24, 100),
        env=os.environ | {"TERM": "xterm-256color"},
    )
    yield child
    child.close(force=True)


@pytest.mark.slow
def test_measuring_that_takes_long_is_shown_and_leaves_nothing_behind(slow_training: Any) -> None:
    slow_training.expect(r"measuring: making the first training steps \(about \d+ s left\), ")
    Path("go").touch()
    slow_training.expect("plan ")
    erased = slow_training.before.rindex("\r\x1b[K")
    assert "measuring" not in slow_training.before[erased:]
    slow_training.expect("step .*/10,000 .* left")


@pytest.mark.slow
def test_a_step_that_takes_long_is_made_before_the_training_stops(slow_training: Any) -> None:
    Path("go").touch()
    slow_training.expect("step .*/10,000 .* left")
    Path("go").unlink()
    slow_training.sendintr()
    slow_training.expect("saving and stopping; Ctrl-C again stops at once, without saving")
    Path("go").touch()
    slow_training.expect("stopped and saved at step")
    slow_training.expect(pexpect.EOF)
    slow_training.close()
    assert slow_training.exitstatus == 130


@pytest.mark.slow
def test_measuring_that_takes_long_can_be_stopped(slow_training: Any) -> None:
    slow_training.expect("measuring: making the first")
    slow_training.sendintr()
    slow_training.expect("stopping after this; Ctrl-C again stops at once")
    Path("go").touch()
    slow_training.expect("stopped before the first step: nothing was changed")
    slow_training.expect(pexpect.EOF)
    slow_training.close()
    assert slow_training.exitstatus == 130
    assert list(Path("checkpoints").iterdir()) == []


# What a new run may choose; its network is that of the old one.
CHOSEN = [*TINY[4:], "--run", "new"]
NEW_TEXT = "Is it late? The fox is asleep; the dog is not.\n" * 30


@pytest.mark.slow
def test_a_run_that_begins_from_another_tells_what_is_new_and_what_was_gained(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("late.txt").write_text(NEW_TEXT, encoding="utf-8")
    code, out, err = train(capsys, "late.txt", "--from", "fox", *CHOSEN)
    assert (code, out) == (0, "")
    assert re.search(r"^from +fox, step 20\n +new: 4 characters: ; \? I T$", err, re.M), err
    first = re.search(r"^step 0  validation (\d\.\d{3}) bits/char: fox as it is$", err, re.M)
    assert first
    assert f"; that of fox was {first[1]}\n" in err
    code, out, err = run_command(["info", "new", "--no-lines"]), *capsys.readouterr()
    before = f"its loss on this text before training: {first[1]} bits per character"
    assert re.search(rf"^from +fox, step 20; {before}\n +SHA-256 [0-9a-f]{{64}}, ", out, re.M), out


@pytest.mark.slow
def test_json_tells_the_ancestry_and_the_first_evaluation(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("late.txt").write_text(NEW_TEXT, encoding="utf-8")
    _, out, err = train(capsys, "late.txt", "--from", "fox", *CHOSEN, "--json")
    assert err == ""
    lines = [json.loads(line) for line in out.splitlines()]
    plan = next(line for line in lines if line["type"] == "plan")
    [ancestor] = plan["ancestry"]
    assert (ancestor["name"], ancestor["step"], plan["new_characters"]) == ("fox", 20, ";?IT")
    evaluated = [line for line in lines if line["type"] == "evaluation"]
    assert [line["step"] for line in evaluated] == [0, 10, 20]
    bits = evaluated[0]["validation_bits_per_character"]
    assert bits == lines[-1]["first_bits_per_character"]
    assert bits == bits_per_character(ancestor["first_loss"])


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--from fox --resume fox", 2, "give --from or --resume, not both"),
        ("--from fox --cell rnn", 2, "--cell rnn contradicts --from"),
        ("--from fox --run fox", 2, "the run 'checkpoints/fox' already exists"),
        ("--from cat", 4, "no run named 'cat'"),
        ("--from fox --forget-less 1", 2, "forget-less must be a number in [0, 1), got 1.0"),
        ("--forget-less 0.5", 2, "--forget-less mixes in the text of an old run; name it with"),
        ("--resume fox --forget-less 0.5", 2, "forget-less cannot be given with --resume"),
        ("--from fox --forget-less 0.5 --no-keep-corpus", 2, "the run must keep them"),
        ("--steps 0", 2, "steps must be a whole number of at least 1, got 0"),
    ],
)
def test_what_cannot_begin_from_a_run_gets_one_line(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], options: str, code: int, message: str
) -> None:
    Path("late.txt").write_text(NEW_TEXT, encoding="utf-8")
    text = [] if "--resume" in options else ["late.txt"]
    found, out, err = train(capsys, *text, *options.split())
    assert (found, out) == (code, "")
    assert message in err
    assert len(err.splitlines()) == 1
