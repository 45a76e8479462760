"""Training with several real processes on this machine."""

import json
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from host_processes import Processes

from textgen.runs.run import Run

pytestmark = pytest.mark.slow

NETWORK = ["--hidden-size", "16", "--num-layers", "1", "--batch-size", "8", "--devices", "2"]
STEPS = ["--steps", "60", "--eval-every", "20", "--checkpoint-every", "20"]
# A training that ends only if it is stopped.
ENDLESS = ["names", *NETWORK, "--steps", "100000", "--eval-every", "50"]
ENDLESS += ["--checkpoint-every", "50", "--run", "r"]
# Exit code when another process is lost.
LOST = 75


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Processes]]:
    """Return a function that starts processes; those that are left are killed at the end."""
    with ExitStack() as stack:

        def start(*arguments: str, count: int = 2, own: Sequence[str] = ()) -> Processes:
            return stack.enter_context(Processes(arguments, tmp_path, count=count, own=own))

        yield start


def checkpoints(run: Path) -> dict[str, bytes]:
    """Return the arrays of all checkpoints of a run."""
    return {
        str(path.relative_to(run)): path.read_bytes() for path in run.rglob("step-*/*.safetensors")
    }


def has_step(run: Path, step: int) -> bool:
    try:
        return any(one >= step for one in Run(run).steps())
    except Exception:
        return False


def test_two_processes_train_as_one_does_to_the_last_bit_and_one_of_them_speaks(
    start: Callable[..., Processes], tmp_path: Path
) -> None:
    runs = tmp_path / "checkpoints"
    (tmp_path / "text.txt").write_text("the quick brown fox jumps over the lazy dog\n" * 100)
    one = start("text.txt", *NETWORK, *STEPS, "--run", "one", "--hosts", "none", count=1)
    ((code, _, errors),) = one.ended()
    assert code == 0, errors
    # Stopped after 30 steps and gone on with by the same command.
    command = ["text.txt", *NETWORK, *STEPS, "--run", "two", "--resume-or-start"]
    (code, output, errors), other = start(*command, "--stop-after", "30").ended()
    assert (code, output) == (0, ""), errors
    assert "step 20/60" in errors
    assert other == (0, "", "")
    (code, output, _), other = start(*command, "--json").ended()
    assert (code, other) == (0, (0, "", ""))
    events = [json.loads(line) for line in output.splitlines()]
    assert [event["type"] for event in events].count("done") == 1, output
    of_one, of_two = checkpoints(runs / "one"), checkpoints(runs / "two")
    for step in (40, 60):
        for name in ("model", "train_state"):
            path = f"checkpoints/step-{step:08}/{name}.safetensors"
            assert of_one[path] == of_two[path]
    losses = [
        [row.get("validation_bits_per_character") for row in Run(runs / name).metrics()]
        for name in ("one", "two")
    ]
    assert losses[0] == losses[1]


def test_a_signal_to_one_stops_and_saves_all(
    start: Callable[..., Processes], tmp_path: Path
) -> None:
    processes, run = start(*ENDLESS), tmp_path / "checkpoints" / "r"
    processes.wait_for(lambda: has_step(run, 50))
    processes.started[1].send_signal(signal.SIGTERM)
    (code, _, errors), (other, _, said) = processes.ended()
    assert (code, other) == (143, 143)
    assert "stopped and saved at step" in errors
    assert said == ""


@pytest.mark.parametrize("victim", [0, 1])
def test_a_killed_process_ends_the_others_in_one_line(
    victim: int, start: Callable[..., Processes], tmp_path: Path
) -> None:
    processes, run = start(*ENDLESS), tmp_path / "checkpoints" / "r"
    processes.wait_for(lambda: has_step(run, 50))
    # With its guard the process that it guards goes too.
    processes.started[victim].kill()
    code, _, errors = processes.ended()[1 - victim]
    assert code == LOST, errors
    last = errors.strip().splitlines()[-1]
    assert last.startswith("textgen: ")
    assert f"process {victim}" in last
    assert "start the same command again" in last
    assert "Traceback" not in errors
    assert Run(run).problems() == []


def test_what_differs_is_named_and_nobody_trains(
    start: Callable[..., Processes], tmp_path: Path
) -> None:
    processes = start("names", *NETWORK, *STEPS, "--run", "r", own=["--seed", "1"])
    (code, _, errors), (other, _, said) = processes.ended()
    assert (code, other, said) == (2, 2, "")
    last = errors.strip().splitlines()[-1]
    assert "(process 1) differs from" in last
    assert "in its options" in last
    assert not (tmp_path / "checkpoints").exists()
