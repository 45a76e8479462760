"""Compare the speed of a training step with that of PyTorch, Keras and stock Flax.

    python benchmarks/training_speed.py [--shapes 2x128 2x512] [--contestants pytorch]

Each contestant is a process of its own (benchmarks/contestants/) that trains the same network on
the same batches: forward, backward, clipping, AdamW, the loss on the host. Contestants train one at
a time, in turns. A ratio is computed for each turn and reported as the median, with the lowest and
the highest in brackets. PyTorch and Keras get virtual environments of their own, created under
benchmarks/.environments on the first run. Nothing else should run on the machine.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import venv
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from textgen.network.parameters import operations_per_character
from textgen.settings import ModelSettings

HERE = Path(__file__).parent
CONTESTANTS = HERE / "contestants"
ENVIRONMENTS = HERE / ".environments"
SHAPES = {
    "2x128": {"num_layers": 2, "hidden_size": 128, "batch_size": 50, "sequence_length": 50},
    "2x256": {"num_layers": 2, "hidden_size": 256, "batch_size": 32, "sequence_length": 64},
    "2x512": {"num_layers": 2, "hidden_size": 512, "batch_size": 64, "sequence_length": 128},
    "3x512": {"num_layers": 3, "hidden_size": 512, "batch_size": 32, "sequence_length": 128},
    "1x1024": {"num_layers": 1, "hidden_size": 1024, "batch_size": 32, "sequence_length": 64},
}
NARROW = 128
PYTORCH = ["torch==2.13.0", "numpy"]
KERAS = ["keras==3.15.1", *(f"{name}=={version(name)}" for name in ("jax", "numpy"))]
RIVALS = {"pytorch": PYTORCH, "keras_jax": KERAS, "flax_nnx": None}
ONNX = ["onnxruntime==1.32.0", "onnx==1.23.2", "numpy"]
# Packages of the contestants that have virtual environments of their own.
PACKAGES = RIVALS | {"onnx": ONNX}
OURS, CEILING = "textgen_step", "products"
VOCAB_SIZE = 65


@dataclass
class Contestant:
    """A process that trains when asked.

    Attributes:
        name: name of its script.
        process: waits for a line of stdin that says how long to train.
        start: seconds to build the network and to compile a step.
        speeds: characters per second of each turn.
        memory: peak memory minus the memory after the imports, in bytes.
    """

    name: str
    process: subprocess.Popen[str]
    start: dict[str, float]
    speeds: list[float] = field(default_factory=list)
    memory: int = 0

    def train(self, seconds: float) -> None:
        """Train for one turn."""
        answer = self._ask(f"{seconds}\n")
        self.speeds.append(answer["characters"] / answer["seconds"])
        self.memory = answer["memory"]

    def _ask(self, line: str) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(line)
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def leave(self) -> None:
        """End the process."""
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def python_of(name: str) -> str:
    """Return a contestant's Python interpreter; create its environment if it is missing."""
    packages = PACKAGES.get(name)
    if packages is None:
        return sys.executable
    folder = ENVIRONMENTS / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        print(f"installing {' '.join(packages)} into {folder}", file=sys.stderr)
        shutil.rmtree(folder, ignore_errors=True)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        (folder / "installed").touch()
    return str(python)


def enter(name: str, shape: dict[str, int], cache: str, python: str | None = None) -> Contestant:
    """Start a contestant and wait until it has compiled."""
    process = subprocess.Popen(
        [python or python_of(name), CONTESTANTS / f"{name}.py", json.dumps(shape)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        encoding="utf-8",
        env=os.environ | {"TEXTGEN_COMPILE_CACHE": cache, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    assert process.stdout
    return Contestant(name, process, json.loads(process.stdout.readline()))


def spread(values: list[float], form: str) -> str:
    """Format the median, with the lowest and the highest value."""
    low, middle, high = (format(v, form) for v in (min(values), median(values), max(values)))
    return f"{middle} ({low}-{high})"


def compare(
    title: str, shape: dict[str, int], names: list[str], rounds: int, seconds: float
) -> list[dict[str, Any]]:
    """Let all contestants take turns on a shape; return a row of figures for each."""
    with tempfile.TemporaryDirectory() as cache, ExitStack() as leaving:
        cold = enter(OURS, shape, cache)
        cold.train(seconds)
        cold.leave()
        entered = [enter(name, shape, cache) for name in (OURS, *names, CEILING)]
        for contestant in entered:
            leaving.callback(contestant.leave)
        for number in range(rounds + 1):
            for contestant in entered:
                contestant.train(seconds)
                if number == 0:  # a turn to warm up
                    contestant.speeds.clear()
    ours, ceiling = entered[0], entered[-1]
    rows = []
    for contestant in entered[:-1]:
        pairs = zip(ours.speeds, contestant.speeds, strict=True)
        rows.append(
            {
                "shape": title,
                "contestant": contestant.name,
                "characters_per_second": contestant.speeds,
                "ratio": [mine / other for mine, other in pairs],
                "memory": contestant.memory,
                "start": contestant.start,
            }
        )
    sizes = {name: shape[name] for name in ("num_layers", "hidden_size", "embedding_size")}
    executed = operations_per_character(
        ModelSettings(vocab_size=VOCAB_SIZE, dropout_rate=0.0, **sizes)
    )
    # The process of the ceiling counts one product as one batch.
    size = shape["batch_size"] * shape["sequence_length"]
    peak = 2 * 1024**3 * len(os.sched_getaffinity(0)) / size
    shares = zip(ours.speeds, ceiling.speeds, strict=True)
    rows[0] |= {
        "share_of_ceiling": [executed * mine / (peak * top) for mine, top in shares],
        "ceiling": [peak * top for top in ceiling.speeds],
        "memory_cold": cold.memory,
        "start_cold": cold.start,
    }
    return rows


def show(rows: list[dict[str, Any]]) -> None:
    """Print the rows of a shape as lines of a Markdown table."""
    for row in rows:
        ours = row["contestant"] == OURS
        memory, compiling = f"{row['memory'] / 1e6:.0f}", f"{row['start']['compile']:.2f}"
        if ours:
            memory = f"{row['memory_cold'] / 1e6:.0f} / {memory}"
            compiling = f"{row['start_cold']['compile']:.2f} / {compiling}"
        cells = (
            row["shape"],
            "**textgen**" if ours else row["contestant"],
            spread(row["characters_per_second"], ",.0f"),
            "" if ours else spread(row["ratio"], ".2f"),
            memory,
            compiling,
            spread([100 * share for share in row["share_of_ceiling"]], ".0f") if ours else "",
            spread([speed / 1e9 for speed in row["ceiling"]], ".0f") if ours else "",
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Run the comparison and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--contestants", nargs="+", choices=RIVALS, default=list(RIVALS))
    parser.add_argument("--embedding", choices=["both", "wide", "narrow"], default="both")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="length of a turn")
    parser.add_argument("--json", type=Path, help="write the figures of all turns to this file")
    arguments = parser.parse_args()
    for name in arguments.contestants:
        python_of(name)
    packages = ("jax", "flax", "optax", "numpy")
    versions = ", ".join([*(f"{name} {version(name)}" for name in packages), *PYTORCH, KERAS[0]])
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    print(f"command: {' '.join(['python', *sys.argv])}\n")
    print(
        "| shape, embedding | contestant | characters/s | textgen is faster by | peak MB | "
        "compile, s | % of ceiling | ceiling, GFLOP/s |\n" + "|---" * 8 + "|"
    )
    everything = []
    for title in arguments.shapes:
        for narrow in (False, True):
            if arguments.embedding != "both" and narrow != (arguments.embedding == "narrow"):
                continue
            width = NARROW if narrow else SHAPES[title]["hidden_size"]
            if narrow and width == SHAPES[title]["hidden_size"]:
                continue  # the wide embedding has this width already
            shape = SHAPES[title] | {"embedding_size": width}
            rows = compare(
                f"{title}, {width}",
                shape,
                arguments.contestants,
                arguments.rounds,
                arguments.seconds,
            )
            show(rows)
            everything += rows
            if arguments.json:
                arguments.json.write_text(json.dumps(everything, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
