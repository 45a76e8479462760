"""Measure whether plans keep their word: the time to the first step, and the time that was said.

    python benchmarks/plans.py --corpus FILE [--parts start time minutes] [--repeats 5]

Each figure is that of a `textgen train` command of its own, timed from its start to its end.

`start` is the time from the command to the first step that counts, with an empty compile cache and
with a filled one, and the time at which the step was compiled less that at which that began.
`time` compares the time that was said before training with the time that it took, for six texts and
sizes. `minutes` compares the end of a command with the minutes it was given, and says how many
seconds of them were training. The load of the machine is printed with each row, since a machine
whose load changes keeps no word.
"""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from textgen.runs.names import VARIABLE
from textgen.runtime.compile_cache import FOLDER

COMPILING, FIRST = "measuring: compiling the training step", "measuring: making the first"
# Length of the made texts in characters, and the alphabet of the large one.
LARGE_ALPHABET, MADE_LENGTH, SHORT_LENGTH = 6003, 400_000, 20_000


@dataclass
class Command:
    """What a command said, in seconds since its start."""

    seconds: float = 0.0
    compiling: float = 0.0
    first_step: float = 0.0
    planned: float = 0.0
    said: float = 0.0
    trained: float = 0.0
    corrections: int = 0
    plan: dict[str, Any] = field(default_factory=dict)


def train(options: list[str], cache: Path) -> Command:
    """Train in a folder of its own, and return when what happened."""
    found = Command()
    with tempfile.TemporaryDirectory() as folder:
        environment = os.environ | {VARIABLE: folder, FOLDER: str(cache)}
        command = [sys.executable, "-m", "textgen", "train", *options, "--json", "--run", "r"]
        begun = time.perf_counter()
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        ) as process:
            assert process.stdout is not None
            for line in process.stdout:
                _note(found, json.loads(line), time.perf_counter() - begun)
        found.seconds = time.perf_counter() - begun
        if process.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return found


def _note(found: Command, event: dict[str, Any], now: float) -> None:
    text = event.get("text") or ""
    if event["type"] == "work" and text.startswith(COMPILING):
        found.compiling = found.compiling or now
    elif event["type"] == "work" and text.startswith(FIRST):
        found.first_step = found.first_step or now
    elif event["type"] == "plan":
        found.planned, found.said, found.plan = now, event["seconds"], event["plan"]
    elif event["type"] == "correction":
        found.corrections += 1
    elif event["type"] in ("progress", "evaluation"):
        found.trained = event["seconds"]


def cases(corpus: Path, folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name and the command of six texts and sizes."""
    alphabet = [chr(0x4E00 + index) for index in range(LARGE_ALPHABET)]
    draw = random.Random(0)
    many = folder / "many.txt"
    drawn = draw.choices(alphabet, k=MADE_LENGTH - LARGE_ALPHABET)
    many.write_text("".join([*alphabet, *drawn]), encoding="utf-8")
    short = folder / "short.txt"
    short.write_text(corpus.read_text(encoding="utf-8")[:SHORT_LENGTH], encoding="utf-8")
    yield "65 characters, its own choice", [str(corpus), "--minutes", "1"]
    wide = ["--hidden-size", "512", "--num-layers", "2"]
    yield (
        "6,003 characters, 2x512, an evaluation every 2 steps",
        [str(many), *wide, "--steps", "12", "--eval-every", "2"],
    )
    yield "names, a document each", ["names", "--documents", "line", "--minutes", "0.5"]
    # It would end early, since it is only memorised after some epochs.
    yield "20 KB", [str(short), "--steps", "400", "--patience", "0"]
    yield "65 characters, 2x512", [str(corpus), *wide, "--steps", "60"]
    deep = ["--hidden-size", "256", "--num-layers", "4"]
    yield "65 characters, 4x256", [str(corpus), *deep, "--steps", "100"]


def spread(numbers: list[float], form: str) -> str:
    """Return a median with the lowest and the highest number."""
    low, middle, high = min(numbers), statistics.median(numbers), max(numbers)
    return f"{middle:{form}} ({low:{form}} to {high:{form}})"


def load() -> str:
    """Return how many processes wanted the processor in the last minute."""
    return f"{os.getloadavg()[0]:.1f}"


@contextmanager
def empty_cache() -> Iterator[Path]:
    """Make a folder for compiled code, and remove it afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "cache"


def measure_start(corpus: Path, repeats: int) -> None:
    """Print the time to the first step, cold and warm."""
    print("\n| compile cache | s to the first step | s of them waiting for the compiler | load |")
    print("|---|---|---|---|")
    cold, warm = list[Command](), list[Command]()
    options = [str(corpus), "--minutes", "2", "--stop-after", "30"]
    for _ in range(repeats):
        with empty_cache() as cache:
            cold.append(train(options, cache))
            warm.append(train(options, cache))
    for name, found in (("empty", cold), ("filled", warm)):
        first = spread([one.first_step for one in found], ".2f")
        waited = spread([one.first_step - one.compiling for one in found], ".2f")
        print(f"| {name} | {first} | {waited} | {load()} |", flush=True)


def measure_time(corpus: Path, repeats: int) -> None:
    """Print the time that was said before training beside the time that it took."""
    print("\n| text and network | steps | s said | s taken | taken / said | load |")
    print("|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, empty_cache() as cache:
        for name, options in cases(corpus, Path(folder)):
            found = [train(options, cache) for _ in range(repeats)]
            said = [one.said for one in found]
            taken = [one.seconds - one.planned for one in found]
            ratios = [t / s for t, s in zip(taken, said, strict=True)]
            print(
                f"| {name} | {found[-1].plan['steps']} | {statistics.median(said):.1f} "
                f"| {statistics.median(taken):.1f} | {spread(ratios, '.2f')} | {load()} |",
                flush=True,
            )


def measure_minutes(corpus: Path, repeats: int, minutes: float) -> None:
    """Print when a command ended that was given a time, and how much of it was training."""
    print("\n| minutes | s at the end | off | s of training | corrections | load |")
    print("|---|---|---|---|---|---|")
    with empty_cache() as cache:
        found = [train([str(corpus), "--minutes", str(minutes)], cache) for _ in range(repeats)]
    ends = [one.seconds for one in found]
    off = statistics.median(ends) / (60 * minutes) - 1
    trained = spread([one.trained for one in found], ".1f")
    most = max(one.corrections for one in found)
    print(f"| {minutes:g} | {spread(ends, '.1f')} | {off:+.1%} | {trained} | {most} | {load()} |")


def main() -> None:
    """Print a table for each part."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a text file of about 1 MB")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=2.0, help="minutes of that part")
    parts = ("start", "time", "minutes")
    parser.add_argument("--parts", nargs="+", choices=parts, default=parts)
    arguments = parser.parse_args()
    versions = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"date     {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"machine  {platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"versions {versions}; XLA_FLAGS={os.environ.get('XLA_FLAGS', '')}")
    if "start" in arguments.parts:
        measure_start(arguments.corpus, arguments.repeats)
    if "time" in arguments.parts:
        measure_time(arguments.corpus, arguments.repeats)
    if "minutes" in arguments.parts:
        measure_minutes(arguments.corpus, arguments.repeats, arguments.minutes)


if __name__ == "__main__":
    main()
