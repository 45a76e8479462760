"""Measure over how many characters each cell can carry one.

    python benchmarks/memory_span.py [--seeds 0 1 2] [--picture docs/memory_span.png]

The text is made of lines such as `c..........?c`: a letter, n dots, a question mark and the letter
again. All but the second letter is known or cannot be known; the second one only to a network that
has carried the first across the dots. Each cell is trained on the same lines, for as many
characters, with as many units; what is counted is how often its likeliest character after the
question mark is the right one, on lines it has not seen. Guessing is right once in eight.

The picture needs matplotlib (the extra `plot`).
"""

import argparse
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median

import jax
import numpy as np

from textgen.network.cells import CELLS
from textgen.network.model import create_model, zero_states
from textgen.settings import CellName, ModelSettings, TrainingSettings
from textgen.training.devices import make_mesh
from textgen.training.loop import Trainer

SPANS = (1, 2, 5, 10, 20, 40, 80, 160)
LETTERS = 8
DOT, QUESTION, NEWLINE = LETTERS + 1, LETTERS + 2, LETTERS + 3  # ids; 0 stays the unknown character
HIDDEN_SIZE = 64
LINES = 20_000
TEST_LINES = 1_000
CHARACTERS_PER_STEP = 4096


def make_lines(span: int, count: int, seed: int) -> np.ndarray:
    """Return lines as ids, uint8 [count, span + 4]."""
    lines = np.full((count, span + 4), DOT, np.uint8)
    lines[:, 0] = lines[:, -2] = np.random.default_rng(seed).integers(1, LETTERS + 1, count)
    lines[:, -3], lines[:, -1] = QUESTION, NEWLINE
    return lines


def accuracy(cell: CellName, span: int, steps: int, seed: int) -> float:
    """Train a cell on a span and return the share of new lines that it completes."""
    model = ModelSettings(
        vocab_size=LETTERS + 4,
        embedding_size=HIDDEN_SIZE,
        hidden_size=HIDDEN_SIZE,
        num_layers=1,
        dropout_rate=0.0,
        cell=cell,
    )
    # Windows hold at least one line whole, wherever it begins.
    length = max(2 * (span + 4), 64)
    batch_size = max(CHARACTERS_PER_STEP // length // 2 * 2, 2)
    plan = TrainingSettings(
        steps=steps,
        batch_size=batch_size,
        sequence_length=length,
        learning_rate=0.005,
        warmup_steps=steps // 20,
        seed=seed,
        devices=make_mesh(None, batch_size).size,
        eval_every=steps,
        checkpoint_every=steps,
    )
    text = make_lines(span, LINES, seed=2 * seed).ravel()
    test = make_lines(span, TEST_LINES, seed=2 * seed + 1)
    trainer = Trainer(model, plan, text, test.ravel())
    for _ in trainer.run():
        pass
    apply, _ = create_model(model, 0)
    parameters = jax.tree.map(np.asarray, trainer.state.parameters)
    states = zero_states(model, TEST_LINES)
    logits, _ = jax.jit(apply)(parameters, test[:, :-2].astype(np.int32), states)
    return float(np.mean(np.argmax(logits[-1], axis=-1) == test[:, -2]))


def draw(table: dict[str, list[list[float]]], path: Path) -> None:
    """Draw the accuracies over the spans, a band from the lowest to the highest seed."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for (name, rows), marker in zip(table.items(), "osD", strict=True):
        middle = [100 * median(row) for row in rows]
        (line,) = axes.plot(SPANS, middle, marker=marker, label=CELLS[name].title)
        low, high = ([100 * pick(row) for row in rows] for pick in (min, max))
        axes.fill_between(SPANS, low, high, color=line.get_color(), alpha=0.15, linewidth=0)
    axes.axhline(100 / LETTERS, color="grey", linestyle=":", label="guessing")
    axes.set(
        xscale="log",
        xlabel="characters between a letter and its repetition",
        ylabel="letters repeated rightly, %",
        ylim=(0, 103),
        title=f"What a layer of {HIDDEN_SIZE} units can carry",
    )
    axes.set_xticks(SPANS, [str(span) for span in SPANS], minor=False)
    axes.minorticks_off()
    axes.legend(loc="center right", bbox_to_anchor=(1, 0.6))
    figure.savefig(path, dpi=150)


def main() -> None:
    """Train every cell on every span and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    print(f"command: {' '.join(['python', *sys.argv])}\n")
    print(f"| cell | {' | '.join(map(str, SPANS))} |\n|{'---|' * (len(SPANS) + 1)}")
    table: dict[str, list[list[float]]] = {}
    for name in CELLS:
        table[name] = []
        print(f"| {CELLS[name].title} ", end="", flush=True)
        for span in SPANS:
            found = [accuracy(name, span, arguments.steps, seed) for seed in arguments.seeds]
            table[name].append(found)
            cell = f"{100 * median(found):.0f} %"
            if len(found) > 1:
                cell += f" ({100 * min(found):.0f}-{100 * max(found):.0f})"
            print(f"| {cell} ", end="", flush=True)
        print("|", flush=True)
    if arguments.picture:
        draw(table, arguments.picture)


if __name__ == "__main__":
    main()
