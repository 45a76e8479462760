"""Train with several processes on this machine: the same bits, what survives kills, and the speed.

    python benchmarks/hosts.py equal | kills [--kills 10] | speed

    equal   2 and 4 processes of one device, and one process of as many devices: 300 steps with
            evaluations, stopped in the middle and gone on with; compares the checkpoints
    kills   SIGKILL or SIGSTOP of a random process at a random time, again and again; the same
            command then goes on. Counts lost steps, processes that hang, and damage
    speed   one process of two devices against two processes of one, in turns

Each prints one line for each measurement. The processes share the cores of this machine.
"""

import argparse
import hashlib
import json
import os
import random
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from textgen.runs.run import Run

NETWORK = ["--hidden-size", "64", "--num-layers", "2", "--batch-size", "16"]
# Starts a command in one process of more devices than the machine may have cores.
WITH_DEVICES = (
    "import sys, jax; jax.config.update('jax_num_cpu_devices', int(sys.argv.pop(1)));"
    "jax.devices(); from textgen.__main__ import main; main()"
)
# Longest time in which all are to have ended after one was killed, in seconds.
WATCHDOG = 60
# Longest time for processes to come to an end by themselves, in seconds.
PATIENCE = 600


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("measurement", choices=["equal", "kills", "speed"])
    parser.add_argument("--kills", type=int, default=10, help="how often a process is killed")
    parser.add_argument("--rounds", type=int, default=3, help="turns of the speed")
    parser.add_argument("--seed", type=int, default=0, help="seed of the times and the victims")
    return parser.parse_args()


def start(count: int, arguments: Sequence[str]) -> list[subprocess.Popen[str]]:
    """Start the processes of one training; the first leads and prints JSON."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = []
    for number in range(count):
        environment = os.environ | {
            "JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}",
            "JAX_NUM_PROCESSES": str(count),
            "JAX_PROCESS_ID": str(number),
        }
        command = [sys.executable, "-m", "textgen", "train", *arguments, "--json"]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        started.append(subprocess.Popen(command, env=environment, text=True, **pipes))  # type: ignore[call-overload]
    return started


def end(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str]]:
    """Wait for the end of processes; return the exit code and the output of each."""
    ended = []
    for process in processes:
        output, errors = process.communicate(timeout=PATIENCE)
        ended.append((process.returncode, output))
        if process.returncode not in (0, 75, -signal.SIGKILL):
            raise SystemExit(f"a process ended with {process.returncode}: {errors[-2000:]}")
    return ended


def sums(run: Path, step: int) -> list[str]:
    """Return the SHA-256 of the arrays of a checkpoint."""
    folder = Run(run).folder(step)
    return [
        hashlib.sha256((folder / f"{name}.safetensors").read_bytes()).hexdigest()
        for name in ("model", "train_state")
    ]


def measure_equality(runs: Path) -> None:
    """Compare the checkpoints of several processes with those of one."""
    steps = ["--steps", "300", "--eval-every", "50", "--checkpoint-every", "50"]
    for count in (2, 4):
        plan = ["fables", *NETWORK, *steps, "--devices", str(count)]
        one = [*plan, "--run", f"one{count}", "--quiet"]
        alone = [sys.executable, "-c", WITH_DEVICES, str(count), "train", *one]
        subprocess.run(alone, check=True)
        several = [*plan, "--run", f"several{count}", "--resume-or-start"]
        end(start(count, [*several, "--stop-after", "170"]))
        end(start(count, several))
        found = sums(runs / f"one{count}", 300), sums(runs / f"several{count}", 300)
        same = "the same bits" if found[0] == found[1] else "OTHER BITS"
        print(f"{count} processes, 300 steps, stopped at 170 and gone on with: {same}", flush=True)


def measure_kills(runs: Path, kills: int, seed: int) -> None:
    """Kill a random process at random times, go on, and count what is lost."""
    source, run = random.Random(seed), runs / "killed"
    plan = ["fables", *NETWORK, "--steps", "1000000", "--eval-every", "20", "--checkpoint-every"]
    plan += ["20", "--devices", "2", "--run", "killed", "--resume-or-start"]
    lost = hangs = damaged = 0
    seconds = []
    for _ in range(kills):
        processes = start(2, plan)
        time.sleep(source.uniform(4, 20))
        victim, how = source.randrange(2), source.choice([signal.SIGKILL, signal.SIGSTOP])
        target = _worker_of(processes[victim])
        os.kill(target, how)
        begun = time.perf_counter()
        other = processes[1 - victim]
        try:
            other.wait(WATCHDOG)
            seconds.append(time.perf_counter() - begun)
        except subprocess.TimeoutExpired:
            hangs += 1
        for process in processes:
            if process.poll() is None and how == signal.SIGSTOP:
                os.kill(target, signal.SIGKILL)
        acknowledged = [0]
        for process in processes:
            output, _ = process.communicate(timeout=WATCHDOG)
            events = [json.loads(line) for line in output.splitlines() if line.endswith("}")]
            acknowledged += [one["step"] for one in events if one["type"] == "checkpoint"]
        if (run / "run.json").exists():
            lost += max(acknowledged) > max([0, *Run(run).steps()])
            damaged += len(Run(run).problems())
    print(
        f"{kills} kills: {lost} lost acknowledged steps, {hangs} processes still there after "
        f"{WATCHDOG} s, {damaged} damaged files; the other ended after "
        f"{statistics.median(seconds):.0f} s (at most {max(seconds):.0f})"
    )


def _worker_of(process: subprocess.Popen[str]) -> int:
    """Return the process that trains: the child of a guard, or the process itself."""
    found = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True)
    children = found.stdout.split()
    return int(children[0]) if children else process.pid


def measure_speed(rounds: int) -> None:
    """Compare the speed of two processes with that of one of two devices, in turns."""
    plan = ["fables", "--hidden-size", "256", "--num-layers", "2", "--steps", "120"]
    plan += ["--eval-every", "40", "--devices", "2"]
    speeds: dict[str, list[float]] = {"one": [], "two": []}
    for turn in range(rounds):
        for name, count in (("one", 1), ("two", 2)):
            arguments = [*plan, "--run", f"{name}{turn}"]
            (_, output), *_ = end(start(count, arguments))
            found = re.findall(r'"characters_per_second": ([\d.]+)', output)
            speeds[name].append(max(map(float, found)))
    one, two = (statistics.median(speeds[name]) for name in ("one", "two"))
    ratios = [b / a for a, b in zip(speeds["one"], speeds["two"], strict=True)]
    print(
        f"2x256: one process {one:,.0f} characters/s, two processes {two:,.0f}, ratio "
        f"{statistics.median(ratios):.2f} ({min(ratios):.2f}-{max(ratios):.2f})"
    )


def main() -> None:
    """Run a measurement in a folder of its own."""
    arguments = parse_arguments()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        runs = Path(folder) / "checkpoints"
        if arguments.measurement == "equal":
            measure_equality(runs)
        elif arguments.measurement == "kills":
            measure_kills(runs, arguments.kills, arguments.seed)
        else:
            measure_speed(arguments.rounds)


if __name__ == "__main__":
    main()
