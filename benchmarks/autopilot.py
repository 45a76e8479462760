"""Compare the network that textgen chooses by itself with six other sensible choices.

    python benchmarks/autopilot.py --minutes 1 FILE [FILE ...]

Each choice is trained for the same time by a `textgen train` command of its own, one after the
other. Each command is timed from start to end. The loss is the stream loss of the best checkpoint:
the whole validation text is read once with the state carried. `--repeats` trains textgen's own
choice several times, to measure its time only. A row is printed as soon as it is measured.
"""

import argparse
import hashlib
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from textgen.evaluation.protocols import Evaluator, bits_per_character
from textgen.network.model import create_model
from textgen.runs.names import VARIABLE
from textgen.runs.run import Run
from textgen.runtime.devices import make_mesh

OWN = "its own choice"
CHOICES = {
    OWN: "",
    "1x256": "--num-layers 1 --hidden-size 256 --dropout 0.1",
    "2x128": "--num-layers 2 --hidden-size 128 --dropout 0.1",
    "2x256": "--num-layers 2 --hidden-size 256 --dropout 0.25",
    "2x256, batch 64x128": "--num-layers 2 --hidden-size 256 --dropout 0.1 "
    "--batch-size 64 --sequence-length 128",
    "1x512": "--num-layers 1 --hidden-size 512 --dropout 0.25",
    "3x256": "--num-layers 3 --hidden-size 256 --dropout 0.5",
}


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path, nargs="+", help="text files")
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--choices", nargs="+", choices=CHOICES, default=list(CHOICES))
    parser.add_argument("--repeats", type=int, default=1)
    return parser.parse_args()


def train(corpus: Path, name: str, minutes: float, options: str) -> tuple[Run, float]:
    """Run one command; return the run and the seconds it took."""
    command = [sys.executable, "-m", "textgen", "train", str(corpus), "--run", name, "--quiet"]
    begun = time.perf_counter()
    subprocess.run([*command, "--minutes", str(minutes), *options.split()], check=True)
    return Run(Path(os.environ[VARIABLE]) / name), time.perf_counter() - begun


def best_loss(run: Run) -> float:
    """Return the stream loss of a run's best checkpoint on its validation text, in nats."""
    record = run.record()
    settings = record.config.settings
    apply, _ = create_model(settings, seed=0)
    evaluator = Evaluator(apply, settings, make_mesh(None, 64))
    validation = run.open_tokens(record)[record.corpus.training_ids :]
    return evaluator.stream(dict(run.load(run.best_step()).parameters), validation, streams=64)


def describe(run: Run) -> str:
    """Return a run's network, dropout and steps as cells of the table."""
    record = run.record()
    settings, plan = record.config.settings, record.plan
    passes = plan.characters_per_step / record.corpus.training_ids
    done = run.metrics()[-1]["step"]
    return (
        f"{settings.num_layers}x{settings.hidden_size} | {settings.dropout_rate:g} "
        f"| {plan.batch_size}x{plan.sequence_length} | {done} of {plan.steps} "
        f"| {run.best_step()} | {done * passes:.1f}"
    )


def main() -> None:
    """Print one table for each corpus."""
    arguments = parse_arguments()
    versions = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"date     {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")
    print(f"machine  {platform.machine()}, {os.cpu_count()} cores, Python {sys.version.split()[0]}")
    print(f"versions {versions}")
    print(f"command  python benchmarks/autopilot.py --minutes {arguments.minutes:g}")
    for corpus in arguments.corpora:
        sha256 = hashlib.sha256(corpus.read_bytes()).hexdigest()
        print(f"\n{corpus.stem}, {len(corpus.read_text()):,} characters, {sha256}\n")
        print("| choice | network | dropout | batch | steps | best | passes | s | nats | bits |")
        print("|---|---|---|---|---|---|---|---|---|---|")
        losses, durations = {}, []
        with tempfile.TemporaryDirectory() as folder:
            os.environ[VARIABLE] = folder
            for number, choice in enumerate(arguments.choices):
                run, seconds = train(corpus, f"run-{number}", arguments.minutes, CHOICES[choice])
                loss = losses[choice] = best_loss(run)
                print(
                    f"| {choice} | {describe(run)} | {seconds:.1f} | {loss:.4f} "
                    f"| {bits_per_character(loss):.3f} |",
                    flush=True,
                )
                durations += [seconds] if choice == OWN else []
            for number in range(1, arguments.repeats):
                durations.append(train(corpus, f"again-{number}", arguments.minutes, "")[1])
        others = [loss for choice, loss in losses.items() if choice != OWN]
        if OWN in losses and others:
            print(f"\nits own choice against the best other: {losses[OWN] / min(others) - 1:+.2%}")
        if len(durations) > 1:
            median = statistics.median(durations)
            print(
                f"seconds of {len(durations)} runs: median {median:.1f} "
                f"({min(durations):.1f} to {max(durations):.1f}), "
                f"{median / (60 * arguments.minutes) - 1:+.1%} of the time asked for"
            )


if __name__ == "__main__":
    main()
