"""Compare how fast textgen and PyTorch score a text, and time whole commands.

    python benchmarks/scoring_speed.py [--shapes 2x128]
    python benchmarks/scoring_speed.py --files FILE [FILE ...] --run RUN

Each contestant is a process of its own (benchmarks/contestants/) with a network of random weights.
It reads one text from left to right with the state carried. Contestants take turns. A ratio is
computed for each turn and reported as the median, with the lowest and the highest in brackets.
With `--files`, `textgen score` reads each whole file, and its time and peak memory are printed.
Nothing else should run on the machine.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from sampling_speed import SHAPES, shape_of, speeds_in_turn
from training_speed import PYTORCH, python_of

CONTESTANTS = {
    "textgen_scoring": "textgen",
    "pytorch_scoring": "PyTorch, a character at a time",
    "pytorch_scoring_pieces": "PyTorch, 4,096 at a time",
}


def compare(title: str, rounds: int, seconds: float) -> None:
    """Let all contestants take turns and print a row for each."""
    pythons = {
        name: python_of("pytorch" if name.startswith("pytorch") else "textgen")
        for name in CONTESTANTS
    }
    for name, speeds, ratio in speeds_in_turn(pythons, shape_of(title, 1), rounds, seconds):
        print(f"| {title} | {CONTESTANTS[name]} | {speeds} | {ratio} |", flush=True)


def score_file(path: Path, run: str) -> None:
    """Print the time and the peak memory of `textgen score` on a file."""
    command = [sys.executable, "-m", "textgen", "score", str(path), "--model", run, "--no-show"]
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{' '.join(command)} ended with {status}")
    memory = usage.ru_maxrss * 1024 / 1e6
    print(f"| {path.name} | {path.stat().st_size:,} | {seconds:.1f} | {memory:,.0f} |", flush=True)


def main() -> None:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of each turn")
    parser.add_argument("--files", nargs="+", type=Path, help="time `textgen score` on these")
    parser.add_argument("--run", help="run that scores the files")
    arguments = parser.parse_args()
    packages = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "numpy"))
    print(f"date     {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    cores = len(os.sched_getaffinity(0))
    print(f"machine  {platform.machine()}, {cores} cores, Python {platform.python_version()}")
    print(f"versions {packages}, {PYTORCH[0]}")
    if arguments.files:
        print("\n| text | bytes | seconds | most memory, MB |\n|---|---|---|---|")
        for path in arguments.files:
            score_file(path, arguments.run)
        return
    print("\n| network | contestant | characters/s | textgen is faster by |\n|---|---|---|---|")
    for title in arguments.shapes:
        compare(title, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
