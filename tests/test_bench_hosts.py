"""The command `bench` in several real processes on this machine."""

import json
import os
import signal
import subprocess
import time
from contextlib import AbstractContextManager

import pytest

from tests.processes import ended, started

pytestmark = pytest.mark.slow

# Starts the command with a small network in place of the large ones.
SMALL = (
    "from functools import partial;"
    "from textgen.workflows import bench, bench_hosts;"
    "bench.product_speed = partial(bench.product_speed, repeats=1);"
    "bench_hosts.SHAPES = bench.SHAPES = ((1, 16, 5, 8),);"
    "bench_hosts.SIZES = (2**10, 2**14); bench_hosts.MOST_COUNT = 50;"
    "from textgen.__main__ import main; main()"
)


def bench(*arguments: str) -> AbstractContextManager[list[subprocess.Popen[str]]]:
    """Start the command in two processes.

    A guard would start the command without the small network. So this test is their guard.
    """
    program = ["-c", SMALL, "bench"]
    return started(arguments, program=program, TEXTGEN_GUARDED_BY=str(os.getpid()))


def test_two_processes_measure_what_they_exchange_and_gain() -> None:
    with bench("--seconds", "0.05", "--json") as processes:
        (code, output, errors), (of_other, printed, said) = ended(processes)
    assert code == 0, errors
    assert (of_other, said) == (0, "")
    # What gloo itself prints is thrown away by a guard.
    assert all(line.startswith("[Gloo]") for line in printed.splitlines())
    rows = [json.loads(line) for line in output.splitlines()]
    assert [row["type"] for row in rows] == ["all_reduce", "all_reduce", "cluster", "step"]
    assert [row["bytes"] for row in rows[:2]] == [2**10, 2**14]
    assert all(row["seconds"] > 0 for row in rows[:2])
    cluster, step = rows[2:]
    assert (cluster["processes"], cluster["hosts"]) == (2, 1)
    assert cluster["devices"] % 2 == 0
    assert cluster["bandwidth"] > 0
    assert cluster["latency"] >= 0
    assert step["batch_size"] % cluster["devices"] == 0
    # Alone, process 0 has its own devices and no others.
    assert step["devices_alone"] <= cluster["devices"] // 2
    assert step["devices"] == cluster["devices"]
    assert step["gain"] == pytest.approx(step["seconds_alone"] / step["seconds"])
    characters = step["batch_size"] * step["sequence_length"]
    assert step["characters_per_second"] == pytest.approx(characters / step["seconds"])
    assert step["exchange"] > 0


def test_a_signal_to_any_process_ends_the_measurement_of_all() -> None:
    with bench("--seconds", "3600", "--progress", "plain") as processes:
        first, other = processes
        assert first.stderr is not None
        assert any("measuring 2 processes" in line for line in first.stderr)
        time.sleep(2)
        other.send_signal(signal.SIGINT)
        (code, output, errors), (of_other, _, said) = ended(processes)
    assert (code, of_other, output, said) == (130, 130, "", "")
    assert errors.splitlines()[-1] == "stopped before the end of the measurement"
    assert "Traceback" not in errors


def test_a_lost_process_ends_the_measurement_in_one_line() -> None:
    with bench("--seconds", "3600", "--progress", "plain") as processes:
        first, other = processes
        assert first.stderr is not None
        assert any("measuring 2 processes" in line for line in first.stderr)
        time.sleep(2)
        other.kill()
        (code, _, errors), _ = ended(processes)
    assert code == 75
    last = errors.splitlines()[-1]
    assert last.startswith("textgen: ")
    assert "(process 1)" in last
    assert "Traceback" not in errors


def test_processes_measure_their_own_machine_if_they_are_told_to() -> None:
    with bench("--hosts", "none", "--seconds", "0.01", "--json", "--quiet") as processes:
        for code, output, errors in ended(processes):
            assert (code, errors) == (0, "")
            assert json.loads(output)["type"] == "speed"
