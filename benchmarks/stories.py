"""Seven small stories: train on a text that ships for a minute, and measure what was learnt.

    python benchmarks/stories.py [--stories manner names ...] [--minutes 1] [--runs FOLDER]

docs/stories.md tells them. Each network is trained by the command `textgen train`, which chooses it
for the minutes; what is measured is the best checkpoint of its run, which is what writes, on
the last tenth of the text, which was not trained on. Each number is printed as soon as it is known,
and all of them in a table at the end. Runs that the folder has already are not trained again.
`--quick` trains hardly at all and measures a hundredth, to try the program itself.
"""

import argparse
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from story_measures import (
    keystrokes,
    line_bits,
    lines_of,
    ngram_bits,
    ngram_order,
    random_strings,
    right_answers,
    stream_loss,
    texts_of,
)

from textgen.evaluation.baselines import compressor_loss
from textgen.evaluation.protocols import bits_per_character
from textgen.generation.generator import Generator
from textgen.generation.model import Model
from textgen.generation.next_words import next_words
from textgen.network.cells import CELLS
from textgen.runs.run import VARIABLE
from textgen.workflows.gradient import follow_gradients
from textgen.workflows.load import load_model

TEXTGEN = [sys.executable, "-m", "textgen"]
QUICK = ["--steps=2", "--hidden-size=8", "--num-layers=1", "--batch-size=2", "--devices=1"]
SEED = 1  # of every draw; every network is trained with seed 0
# Of the keyboard: characters read before, characters typed, and words that are suggested.
READ, TYPED, SUGGESTED = 1000, 4000, 3
# How far and from how many places gradients are followed, and where they are looked at.
FOLLOWED, DISTANCES = {"reach": 50, "places": 256}, (10, 20, 50)
# For `next_words`: so long that it always follows all it would, on any machine.
SECONDS = 60.0

Row = tuple[str, str]


@dataclass(frozen=True)
class Workshop:
    """Where the runs of the stories are made.

    Attributes:
        folder: of the runs.
        minutes: how long each is trained.
        is_quick: whether to train hardly at all, and to measure a hundredth.
    """

    folder: Path
    minutes: float
    is_quick: bool

    def train(self, corpus: str, *options: str, run: str = "") -> Model:
        """Train a run on a shipped text by the command, unless there is one of that name.

        Args:
            corpus: the text.
            options: for the command.
            run: its name; that of the text if empty.
        """
        run = run or corpus
        if not (self.folder / run).exists():
            given = QUICK if self.is_quick else [f"--minutes={self.minutes:g}"]
            begun = time.perf_counter()
            self.textgen("train", corpus, f"--run={run}", *options, *given)
            print(f"trained {run} in {time.perf_counter() - begun:.1f} s", flush=True)
        return load_model(run)

    def textgen(self, *arguments: str) -> str:
        """Run a command of textgen, and return what it printed."""
        done = subprocess.run([*TEXTGEN, *arguments], stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    def count(self, number: int) -> int:
        """Return how many of something are measured."""
        return max(number // 100, 5) if self.is_quick else number


def manner(workshop: Workshop) -> Iterator[Row]:
    """Story 1: text in the manner of the fables."""
    model = workshop.train("fables")
    yield network(model)
    order, counted = ngram_order(model)
    for name, nats in {
        "textgen": stream_loss(model),
        f"n-gram model, {order} characters of context": counted,
        "xz -9e": compressor_loss(*texts_of(model)),
    }.items():
        yield f"held-out text: {name}", f"{bits_per_character(nats):.3f} bits per character"
    length = workshop.count(10_000)
    written = workshop.textgen("sample", "fables", f"--length={length}", f"--seed={SEED}", "--json")
    report = json.loads(written)
    yield f"20-grams of {length:,} characters that are new", percent(report["new_20_grams"])
    yield "longest run copied from the text", f"{report['longest_copy']} characters"


def names(workshop: Workshop) -> Iterator[Row]:
    """Story 2: names that do not exist."""
    model = workshop.train("names")
    yield network(model)
    wanted = workshop.count(1000)
    written = workshop.textgen("sample", "names", f"--length={12 * wanted}", f"--seed={SEED}", "-q")
    listed = [name for name in written.split("\n")[:-1] if name][:wanted]
    known, held_out = lines_of(model)
    new = [name for name in listed if name not in {*known}]
    invented = [name for name in dict.fromkeys(new) if name not in {*held_out}]
    yield f"of {len(listed):,} names, not in the text trained on", share(len(new), len(listed))
    yield "of those, different ones", share(len({*new}), len(new))
    yield "of those, real names that were held out", share(len({*new} & {*held_out}), len({*new}))
    order, _ = ngram_order(model)
    limit = np.quantile(ngram_bits(model, order, known, held_out), 0.9)
    drawn = random_strings(known, wanted, np.random.default_rng(SEED))
    for what, some in {"names in no list": invented, "letters at random": drawn}.items():
        right = np.count_nonzero(ngram_bits(model, order, known, some) <= limit)
        yield f"plausible, {what} (held-out names: 90 %)", share(right, len(some))


def series(workshop: Workshop) -> Iterator[Row]:
    """Story 3: the next value of a series."""
    model = workshop.train("sequences")
    yield network(model)
    yield "held-out series: next value right", answered(model, lines_of(model)[1], " ", workshop)
    steps = ((start, step) for start in range(0, 400, 4) for step in range(21, 31))
    unseen = [" ".join(str(start + step * term) for term in range(5)) for start, step in steps]
    yield "steps of 21 to 30, never seen", answered(model, unseen, " ", workshop)


def numerals(workshop: Workshop) -> Iterator[Row]:
    """Story 4: numbers to English words."""
    model = workshop.train("numerals")
    yield network(model)
    lines = lines_of(model)[1]
    for what, sizes in {"below 1,000": (1, 2, 3), "from 1,000 on": (4,)}.items():
        some = [line for line in lines if line.index(" ") in sizes]
        yield f"held-out numbers {what} right", answered(model, some, " = ", workshop)


def styles(workshop: Workshop) -> Iterator[Row]:
    """Story 5: sentences that are spoken told from those that are narrated."""
    models = {name: workshop.train(name) for name in ("speech", "narration")}
    for name, model in models.items():
        yield f"{name}: {network(model)[0]}", network(model)[1]
    known = [lines_of(model)[0] for model in models.values()]
    # Characters that one of the two has never seen are left out, for both.
    letters = set.intersection(
        *({*model.config.vocabulary.characters} for model in models.values())
    )
    tests = []
    for model, others in zip(models.values(), reversed(known), strict=True):
        lines = [line for line in lines_of(model)[1] if line not in {*others}]
        some = lines[: workshop.count(len(lines))]
        tests.append(["".join(c for c in line if c in letters) for line in some])

    def counted(model: Model, lines: Sequence[str]) -> np.ndarray:
        return ngram_bits(model, ngram_order(model)[0], lines_of(model)[0], lines)

    for judge, bits in {"networks": line_bits, "n-gram models": counted}.items():
        right = []
        for place, (name, lines) in enumerate(zip(models, tests, strict=True)):
            spoken, narrated = (bits(model, lines) for model in models.values())
            right.append(np.count_nonzero((spoken > narrated) == bool(place)))
            yield f"{judge}: held-out sentences of {name} right", share(right[-1], len(lines))
        mean = np.mean([n / len(lines) for n, lines in zip(right, tests, strict=True)])
        yield f"{judge}: mean of both (guessing: 50 %)", percent(mean)


def keyboard(workshop: Workshop) -> Iterator[Row]:
    """Story 6: keystrokes saved by taking one of the three likeliest words."""
    model = workshop.train("fables")
    known, held_out = texts_of(model)
    begin = held_out.index(" ", READ) + 1
    end = held_out.index(" ", begin + workshop.count(TYPED))
    before, text = held_out[:begin], held_out[begin:end]

    def likeliest(generator: Generator, stem: str) -> list[str]:
        return [word.text for word in next_words(generator, SUGGESTED, stem, SECONDS)]

    frequent = [word for word, _ in Counter(re.findall(r"[\w'-]+", known)).most_common()]

    def most_frequent(_: Generator, stem: str) -> list[str]:
        return [word for word in frequent if word.startswith(stem)][:SUGGESTED]

    for what, suggest in {"textgen": likeliest, "the most frequent words": most_frequent}.items():
        generator = model.generator(seed=0)
        generator.feed(before)
        saved = len(text) - keystrokes(generator, before, text, suggest)
        yield f"keystrokes saved by {what}", share(saved, len(text))


def cells(workshop: Workshop) -> Iterator[Row]:
    """Story 7: what the three cells remember."""
    models = {"lstm": workshop.train("sequences")}
    size = f"--hidden-size={models['lstm'].config.settings.hidden_size}"
    for cell in ("gru", "rnn"):
        models[cell] = workshop.train("sequences", f"--cell={cell}", size, run=f"sequences-{cell}")
    for cell, model in models.items():
        right = answered(model, lines_of(model)[1], " ", workshop)
        yield f"{CELLS[cell].title}: {network(model)[0]}", network(model)[1]
        yield f"{CELLS[cell].title}: next value of held-out series right", right
    for followed in follow_gradients([model.name for model in models.values()], **FOLLOWED):
        title, found = CELLS[followed.cell].title, followed.found
        if followed.is_trained:
            yield f"{title}: half-life of the gradient", f"{found.half_life:.1f} characters"
            left = (f"{found.norms[k] / found.norms[1]:.1g}" for k in DISTANCES)
            after = ", ".join(map(str, DISTANCES))
            yield f"{title}: share left {after} characters back", ", ".join(left)


STORIES: dict[str, Callable[[Workshop], Iterator[Row]]] = {
    "manner": manner,
    "names": names,
    "series": series,
    "numerals": numerals,
    "styles": styles,
    "keyboard": keyboard,
    "cells": cells,
}


def network(model: Model) -> Row:
    """Say what a run trained."""
    settings, rows = model.config.settings, model.run.metrics()
    what = f"{settings.num_layers}x{settings.hidden_size}, {rows[-1]['step']:,} steps"
    return "network", f"{what}, best at step {model.step:,}"


def answered(model: Model, lines: Sequence[str], mark: str, workshop: Workshop) -> str:
    """Say how many lines the model ends rightly after the last mark."""
    asked = lines[: workshop.count(len(lines))]
    pairs = (line.rpartition(mark) for line in asked)
    right = right_answers(model, [(head + mark, answer) for head, mark, answer in pairs])
    return share(right, len(asked))


def share(part: int, whole: int) -> str:
    """Write a part of a whole in percent, and both."""
    return f"{percent(part / max(whole, 1))} ({part:,} of {whole:,})"


def percent(number: float) -> str:
    """Write a share in percent."""
    return f"{100 * number:.1f} %"


def main() -> None:
    """Tell the stories, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stories", nargs="+", choices=STORIES, default=list(STORIES))
    parser.add_argument("--minutes", type=float, default=1.0, help="to train for, each")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    parser.add_argument("--quick", action="store_true", help="try the program itself")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    print(f"command: {' '.join(['python', *sys.argv])}\n", flush=True)
    table: list[str] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.runs or Path(temporary)
        os.environ[VARIABLE] = str(folder)
        workshop = Workshop(folder, arguments.minutes, arguments.quick)
        for name in arguments.stories:
            for what, value in STORIES[name](workshop):
                print(f"{name}: {what}: {value}", flush=True)
                table.append(f"| {name} | {what} | {value} |")
    print("\n| story | | |\n|---|---|---|", *table, sep="\n")


if __name__ == "__main__":
    main()
