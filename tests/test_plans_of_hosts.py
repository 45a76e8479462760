"""What several processes agree on: a plan, why there is none, and when to stop."""

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import TEXT
from tests.processes import SECONDS, ended, started

pytestmark = pytest.mark.slow

COMMAND = ["train", "fox.txt", "--hidden-size", "8", "--num-layers", "1", "--steps", "20"]


@pytest.mark.parametrize("place", ["shared", "local"])
def test_several_processes_plan_together_and_leave_nothing(place: str, tmp_path: Path) -> None:
    (tmp_path / "fox.txt").write_text(TEXT)
    with started([*COMMAND, "--dry-run", "--corpus", place]) as processes:
        (code, output, errors), *others = ended(processes)
    assert code == 0, errors
    assert output == ""
    assert others == [(0, "", "")]
    assert "this is only the plan: nothing was written" in errors
    assert [path.name for path in tmp_path.iterdir()] == ["fox.txt"]


@pytest.mark.parametrize(
    ("options", "allowed"),
    [
        (["--devices", "3"], "devices must be a multiple of the 2 processes, got 3"),
        (
            ["--devices", "2", "--batch-size", "7"],
            "batch-size must be a multiple of the 2 devices, got 7",
        ),
        (["--batch-size", "3"], "batch-size must be a multiple of the 2 processes, got 3"),
    ],
)
def test_what_cannot_be_shared_evenly_is_refused_in_one_line(
    options: list[str], allowed: str, tmp_path: Path
) -> None:
    (tmp_path / "fox.txt").write_text(TEXT)
    with started([*COMMAND, *options, "--quiet"]) as processes:
        (code, output, errors), (of_other, _, said) = ended(processes)
    assert (code, of_other, output) == (2, 2, "")
    assert errors.splitlines()[-1] == f"textgen: {allowed}"
    # Options that contradict each other are refused before the processes meet.
    assert said in ("", f"textgen: {allowed}\n")
    assert [*tmp_path.glob("checkpoints/*")] == []


def test_a_signal_to_every_process_of_a_step_stops_and_saves_all(tmp_path: Path) -> None:
    """Slurm signals each process that it finds, so that a guarded one gets the signal twice."""
    (tmp_path / "fox.txt").write_text(TEXT)
    endless = ["--steps", "1000000", "--eval-every", "20", "--checkpoint-every", "20"]
    with started([*COMMAND, *endless, "--run", "r"]) as processes:
        deadline = time.monotonic() + SECONDS
        while not [*tmp_path.glob("checkpoints/r/checkpoints/step-*")]:
            assert time.monotonic() < deadline
            assert all(process.poll() is None for process in processes)
            time.sleep(0.1)
        children = subprocess.run(
            ["pgrep", "-P", str(processes[1].pid)], capture_output=True, text=True, check=True
        )
        for pid in [processes[0].pid, *map(int, children.stdout.split()), processes[1].pid]:
            os.kill(pid, signal.SIGTERM)
        (code, _, errors), (of_other, _, said) = ended(processes)
    assert (code, of_other, said) == (143, 143, ""), errors
    assert "stopped and saved at step" in errors
