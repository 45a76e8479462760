"""Train on a text for some minutes, and measure how well its last tenth is predicted then.

    python benchmarks/learning.py --corpus FILE --minutes 2

The first 90 % of the characters are trained on and the last 10 % measured (nanoGPT's split), by two
protocols: `window` (windows of 256 characters, each from the zero state, as nanoGPT measures) and
`stream` (the whole part once, the state carried). The minutes count from the start of the training
command to its last save, start-up and measuring the machine included. The weights measured are the
last ones, not the best on the text they are measured on.
"""

import argparse
import hashlib
import os
import platform
import statistics
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from textgen.network.model import create_model
from textgen.runs.library import find_run
from textgen.runs.run import VARIABLE
from textgen.terminal.progress import TrainingDisplay
from textgen.training.devices import make_mesh
from textgen.training.evaluation import Evaluator, bits_per_character
from textgen.training.plan import Request
from textgen.workflows.supervision import Supervision
from textgen.workflows.training import start_training


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a text file in UTF-8")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="one training for each")
    parser.add_argument("--title", help="what to call the text; its file's name by default")
    return parser.parse_args()


def train_and_measure(corpus: Path, minutes: float, seed: int) -> dict[str, float]:
    """Train one run in the folder of runs; return its figures."""
    begun = time.perf_counter()
    request = Request(minutes=minutes, seed=seed)
    name = f"seed-{seed}"
    with TrainingDisplay(quiet=False) as display:
        for event in start_training([corpus], name, request, Supervision()):
            display.show(event)
    seconds = time.perf_counter() - begun
    run = find_run(name)
    record = run.record()
    plan = record.plan
    checkpoint = run.load(plan.last_step)
    settings = record.config.settings
    apply, _ = create_model(settings, seed=0)
    evaluator = Evaluator(apply, settings, make_mesh(plan.devices, plan.batch_size))
    validation = run.open_tokens(record)[record.corpus.training_characters :]
    parameters = dict(checkpoint.parameters)
    return {
        "seed": seed,
        "layers": settings.num_layers,
        "hidden": settings.hidden_size,
        "dropout": settings.dropout_rate,
        "steps": plan.steps,
        "passes": plan.steps * plan.characters_per_step / record.corpus.training_characters,
        "characters_per_second": statistics.median(
            row["characters_per_second"] for row in run.metrics()
        ),
        "seconds": seconds,
        "window": evaluator.window(parameters, validation),
        "stream": evaluator.stream(parameters, validation),
    }


def main() -> None:
    """Train once for each seed and print one table."""
    arguments = parse_arguments()
    data = arguments.corpus.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = folder
        rows = [
            train_and_measure(arguments.corpus, arguments.minutes, seed) for seed in arguments.seeds
        ]
    versions = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"date     {datetime.now(UTC):%Y-%m-%d}")
    print(
        f"machine  {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    )
    print(f"versions {versions}")
    seeds = " ".join(map(str, arguments.seeds))
    print(
        "command  python benchmarks/learning.py --corpus FILE "
        f"--minutes {arguments.minutes:g} --seeds {seeds}"
    )
    print(
        f"text     {arguments.title or arguments.corpus.stem}, {len(data.decode()):,} characters, "
        f"SHA-256 {hashlib.sha256(data).hexdigest()}"
    )
    print()
    print(
        "| seed | network | dropout | steps | passes | chars/s | seconds | "
        "window nats | window bits | stream nats | stream bits |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['seed']:.0f} | {row['layers']:.0f}x{row['hidden']:.0f} | {row['dropout']:g} "
            f"| {row['steps']:.0f} | {row['passes']:.1f} | {row['characters_per_second']:,.0f} "
            f"| {row['seconds']:.1f} "
            f"| {row['window']:.4f} | {bits_per_character(row['window']):.3f} "
            f"| {row['stream']:.4f} | {bits_per_character(row['stream']):.3f} |"
        )


if __name__ == "__main__":
    main()
