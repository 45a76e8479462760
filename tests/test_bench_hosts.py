"""The command `bench` in several real processes on this machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from textgen.runtime.together import LOST_SECONDS

pytestmark = pytest.mark.slow

# Starts the command with a small network in place of the large ones.
SMALL = (
    "from textgen.workflows import bench, bench_hosts;"
    "bench_hosts.SHAPES = bench.SHAPES = ((1, 16, 4, 8), (1, 24, 5, 8));"
    "bench_hosts.SIZES = (2**10, 2**14);"
    "from textgen.__main__ import main; main()"
)
# Longest time for processes to come to an end, in seconds.
SECONDS = 150

Start = Callable[..., list[subprocess.Popen[str]]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts processes; those that are left are killed at the end."""
    made = list[subprocess.Popen[str]]()

    def start(*arguments: str, count: int = 2) -> list[subprocess.Popen[str]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        for number in range(count):
            told = {
                "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
                "JAX_NUM_PROCESSES": str(count),
                "JAX_PROCESS_ID": str(number),
                # A guard would start the command without the small network; this test is one.
                "TEXTGEN_GUARDED_BY": str(os.getpid()),
            }
            command = [sys.executable, "-c", SMALL, "bench", *arguments]
            pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
            process = subprocess.Popen(command, env=os.environ | told, text=True, **pipes)  # type: ignore[call-overload]
            made.append(process)
        return made

    yield start
    for process in made:
        process.kill()
        process.communicate()


def test_two_processes_measure_what_they_exchange_and_gain(start: Start) -> None:
    first, other = start("--seconds", "0.05", "--json")
    output, errors = first.communicate(timeout=SECONDS)
    assert first.returncode == 0, errors
    assert other.communicate(timeout=SECONDS) == ("", "")
    assert other.returncode == 0
    rows = [json.loads(line) for line in output.splitlines()]
    kinds = ["all_reduce", "all_reduce", "cluster", "step", "step"]
    assert [row["type"] for row in rows] == kinds
    assert [row["bytes"] for row in rows[:2]] == [2**10, 2**14]
    assert all(row["seconds"] > 0 for row in rows[:2])
    cluster, *steps = rows[2:]
    assert (cluster["processes"], cluster["hosts"]) == (2, 1)
    assert cluster["devices"] % 2 == 0
    assert cluster["bandwidth"] > 0
    assert cluster["latency"] >= 0
    for step in steps:
        assert step["batch_size"] % cluster["devices"] == 0
        # Alone, process 0 has its own devices and no others.
        assert step["devices_alone"] <= cluster["devices"] // 2
        assert step["devices"] == cluster["devices"]
        assert step["gain"] == pytest.approx(step["seconds_alone"] / step["seconds"])
        characters = step["batch_size"] * step["sequence_length"]
        assert step["characters_per_second"] == pytest.approx(characters / step["seconds"])
        assert step["exchange"] > 0


def test_a_signal_to_any_process_ends_the_measurement_of_all(start: Start) -> None:
    first, other = start("--seconds", "3600", "--progress", "plain")
    assert first.stderr is not None
    assert any("measuring 2 processes" in line for line in first.stderr)
    time.sleep(2)
    other.send_signal(signal.SIGINT)
    for process in (first, other):
        output, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, output) == (130, "")
        assert "Traceback" not in errors
    assert errors == ""


def test_a_lost_process_ends_the_measurement_in_one_line(start: Start) -> None:
    first, other = start("--seconds", "3600", "--quiet")
    time.sleep(LOST_SECONDS / 2)
    other.kill()
    _, errors = first.communicate(timeout=SECONDS)
    assert first.returncode == 75
    assert errors.startswith("textgen: ")
    assert "(process 1)" in errors
    assert errors.count("\n") == 1


def test_processes_measure_their_own_machine_if_they_are_told_to(start: Start) -> None:
    for process in start("--hosts", "none", "--seconds", "0.01", "--json", "--quiet"):
        output, errors = process.communicate(timeout=SECONDS)
        assert (process.returncode, errors) == (0, "")
        assert [json.loads(line)["type"] for line in output.splitlines()] == ["speed", "speed"]
