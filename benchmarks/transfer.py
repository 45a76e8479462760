"""Compare training on a small text from random weights and from those of a run on other text.

    textgen train OTHER --run old --hidden-size 128 --minutes 5
    python benchmarks/transfer.py --old old --kilobytes 20 --steps 220 --seeds 0 1 2

Each row trains on the first kilobytes of the fables, by the plan that textgen makes for so many
steps, with the network of the old run: the same network from random weights, then from each old
run. Trainings count steps, so that their losses do not depend on what else the machine does. The
loss is that of the best checkpoint on the end of the fables, of which no row reads anything: the
whole is read once with the state carried, as `textgen score` does. `--forget-less` mixes the old
text in, and the loss on the old validation text is shown too.
"""

import argparse
import json
import math
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from textgen.data.shipped import shipped_corpus
from textgen.planning.request import Request
from textgen.runs.library import find_run
from textgen.runs.run import Run
from textgen.runtime.environment import prepare_jax

# The text on which all rows are measured begins here, in characters.
HELD_OUT = 204_800
SHAPE = ("hidden_size", "embedding_size", "num_layers", "cell")


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--old", nargs="+", required=True, help="runs to begin from")
    parser.add_argument("--kilobytes", type=int, nargs="+", default=[20, 200])
    parser.add_argument("--steps", type=int, nargs="+", required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--forget-less", type=float)
    parser.add_argument("--no-scratch", action="store_true", help="leave random weights out")
    return parser.parse_args()


def train(text: Path, run: Path, old: str | None, request: Request) -> Run:
    """Train a run without showing it."""
    from textgen.workflows.begin_from import BeginFrom
    from textgen.workflows.supervise import Supervision
    from textgen.workflows.train import start_training

    begin = BeginFrom(name=old) if old else None
    for _ in start_training(
        [text], str(run), request, Supervision(keep=1), begin_from=begin, is_measurement=True
    ):
        pass
    return Run(run)


def loss_on(run: Run, text: Path) -> float:
    """Return the loss of the best checkpoint of a run on a text, in nats per character."""
    command = [sys.executable, "-m", "textgen", "score", str(run.path), str(text), "--json"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    scores = [json.loads(line) for line in found.splitlines()]
    [score] = next(line["runs"] for line in scores if line["type"] == "score")
    return float(score["bits_per_character"]) * math.log(2)


def old_text(old: str, folder: Path) -> Path:
    """Write the validation text of a run into a folder."""
    run = find_run(old)
    record = run.record()
    path = folder / f"{run.name}.txt"
    path.write_text(record.config.vocabulary.decode(run.open_parts(record)[1][:200_000]))
    return path


def rows(arguments: argparse.Namespace, folder: Path) -> Iterator[tuple[str, ...]]:
    """Train each row with each seed, and yield its cells."""
    fables = shipped_corpus().read_text(encoding="utf-8")
    held_out = folder / "held-out.txt"
    held_out.write_text(fables[HELD_OUT:], encoding="utf-8")
    shape = find_run(arguments.old[0]).record().config.settings
    for kilobytes in arguments.kilobytes:
        text = folder / f"fables-{kilobytes}kb.txt"
        text.write_text(fables[: 1024 * kilobytes], encoding="utf-8")
        for steps in arguments.steps:
            for old in [*[None] * (not arguments.no_scratch), *arguments.old]:
                losses, firsts, bests, olds = [], [], [], []
                for seed in arguments.seeds:
                    asked = {"seed": seed}
                    if old is None:
                        asked |= {name: getattr(shape, name) for name in SHAPE}
                    elif arguments.forget_less:
                        asked["forget_less"] = arguments.forget_less
                    request = Request(steps=steps, has_weights=old is not None, **asked)
                    run = train(text, folder / f"{kilobytes}-{steps}-{old}-{seed}", old, request)
                    losses.append(loss_on(run, held_out))
                    bests.append(run.best_step())
                    if old:
                        firsts.append(loss_on(find_run(old), held_out))
                        olds.append(loss_on(run, old_text(old, folder)))
                yield (
                    f"{kilobytes} KB",
                    str(steps),
                    old or "random weights",
                    f"{firsts[0]:.3f}" if firsts else "",
                    f"{statistics.fmean(losses):.3f} [{min(losses):.3f}, {max(losses):.3f}]",
                    ", ".join(map(str, bests)),
                    f"{statistics.fmean(olds):.3f}" if olds else "",
                )


def main() -> None:
    """Print a row as soon as it is measured."""
    arguments = parse_arguments()
    prepare_jax()
    head = ("text", "steps", "begins with", "before", "loss", "best step", "loss on the old text")
    print(f"| {' | '.join(head)} |\n|{'---|' * len(head)}")
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(arguments, Path(folder)):
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
