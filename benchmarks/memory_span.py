"""Measure over how many characters each cell can carry a letter.

    python benchmarks/memory_span.py [--seeds 0 1 2] [--picture docs/memory_span.png]

The text consists of lines such as `c..........?c`: a letter, n dots, a question mark and the letter
again. A network can predict the last letter only if it has carried the first one across the dots.
All cells are trained on the same lines, for the same number of characters, with the same number of
units; their gates start as open as the task needs. The score is the share of lines in which the
likeliest character after the question mark is the right letter. Guessing is right once in four.

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
from textgen.runtime.devices import make_mesh
from textgen.settings import CellName, ModelSettings, TrainingSettings
from textgen.workflows.supervise import make_trainer

SPANS = (2, 5, 10, 20, 40, 80)
LETTERS = 4
DOT, QUESTION, NEWLINE = LETTERS + 1, LETTERS + 2, LETTERS + 3  # ids; 0 is the unknown character
HIDDEN_SIZE = 64
TEXT_CHARACTERS = 400_000
CHARACTERS_PER_STEP = 2048


def make_line(span: int, letter: int) -> list[int]:
    """Return a line as token ids."""
    return [letter, *[DOT] * span, QUESTION, letter, NEWLINE]


def make_text(span: int, characters: int, seed: int) -> np.ndarray:
    """Return lines of `span` dots as token ids, uint8 [at least `characters`]."""
    letters = np.random.default_rng(seed).integers(1, LETTERS + 1, characters // (span + 4) + 1)
    return np.array([make_line(span, letter) for letter in letters.tolist()], np.uint8).ravel()


def open_gates(cell: CellName, bias: np.ndarray, span: int) -> None:
    """Set a bias so that the gate that keeps the state starts to forget over about `span` steps.

    The vanilla RNN has no such gate.

    References:
        Tallec and Ollivier (2018), Can recurrent neural networks warp time?: a gate of
        sigmoid(ln n) forgets over n steps.
    """
    if cell != "rnn":  # the second gate: the LSTM's forget gate or the GRU's update gate
        bias[HIDDEN_SIZE : 2 * HIDDEN_SIZE] = np.log(span)


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
    # A window holds at least one complete line, wherever the line begins.
    length = max(2 * (span + 4), 64)
    batch_size = max(CHARACTERS_PER_STEP // length // 2 * 2, 2)
    plan = TrainingSettings(
        steps=steps,
        batch_size=batch_size,
        sequence_length=length,
        learning_rate=0.005,
        warmup_steps=steps // 20,
        b2=0.999,
        seed=seed,
        devices=make_mesh(None, batch_size).size,
        eval_every=steps,
        checkpoint_every=steps,
    )
    text = make_text(span, TEXT_CHARACTERS, seed)
    trainer = make_trainer(model, plan, text[:-10_000], text[-10_000:])
    parameters = {name: np.array(array) for name, array in trainer.state.parameters.items()}
    open_gates(cell, parameters["layers.0.bias"], span)
    trainer.restore(trainer.fresh_state(parameters), trainer.progress)
    for _ in trainer.run():
        pass
    apply, _ = create_model(model, 0)
    parameters = jax.tree.map(np.asarray, trainer.state.parameters)
    # One line for each letter, read after some lines of text as in training.
    before = text[: 8 * (span + 4)]
    lines = np.array([[*before, *make_line(span, letter)] for letter in range(1, LETTERS + 1)])
    states = zero_states(model, LETTERS)
    logits, _ = jax.jit(apply)(parameters, lines[:, :-2].astype(np.int32), states)
    return float(np.mean(np.argmax(logits[-1], axis=-1) == lines[:, -2]))


def draw(table: dict[str, list[list[float]]], path: Path) -> None:
    """Plot accuracy against span, with a band from the lowest to the highest seed."""
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
    parser.add_argument("--steps", type=int, default=2500)
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
