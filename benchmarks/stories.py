"""Train on shipped texts, a minute each, and measure what the networks learnt: nine stories.

    python benchmarks/stories.py [--stories manner names ...] [--minutes 1] [--runs FOLDER]

docs/stories.md tells the stories. The command `textgen train` trains each network and chooses its
size for the time limit; the tunes get three times as long as the other texts. The best checkpoint
of each run is measured, on the part of its text that is not used for training. Each number is
printed as soon as it is measured, and a table of all numbers at the end. Runs that are in the
folder already are not trained again. `--quick` trains for two steps and measures a hundredth of the
cases, to test the program itself.
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
from typing import Any

import numpy as np
from restoration_measures import (
    Ids,
    gap_errors,
    mistakes_told,
    one_missing,
    plant,
    precision,
    stream_of,
    surprises_told,
)
from story_measures import (
    Written,
    keystrokes,
    line_bits,
    lines_of,
    ngram_bits,
    ngram_order,
    percent,
    random_strings,
    right_answers,
    share,
    stream_loss,
    texts_of,
    tune_figures,
)

from textgen.evaluation.baselines import compressor_loss
from textgen.evaluation.protocols import bits_per_character
from textgen.generation.generator import Generator
from textgen.generation.model import Model
from textgen.generation.next_words import next_words
from textgen.network.cells import CELLS
from textgen.runs.names import VARIABLE
from textgen.settings import SamplingSettings
from textgen.workflows.gradient import follow_gradients
from textgen.workflows.load import load_model
from textgen.workflows.sample import Order, report_samples

TEXTGEN = [sys.executable, "-m", "textgen"]
QUICK = ["--steps=2", "--hidden-size=8", "--num-layers=1", "--batch-size=2", "--devices=1"]
SEED = 1  # for sampling; networks are trained with seed 0
# The keyboard story: characters read first, characters typed, and words suggested.
READ, TYPED, SUGGESTED = 1000, 4000, 3
# How far and from how many positions gradients are followed, and the distances reported.
FOLLOWED, DISTANCES = {"reach": 50, "places": 256}, (10, 20, 50)
# Time limit of `next_words`, long enough that the search is complete on any machine.
SECONDS = 60.0
# Tunes that are written, and the most characters of one: nearly twice the longest of the corpus.
TUNES, TUNE_LENGTH = 500, 600
# Gaps of each length that are filled, the lengths, and the characters that are proofread.
GAPS, GAP_LENGTHS, PROOFREAD = 300, (1, 3, 5), 20_000
MAKE_TUNES = Path(__file__).parents[1] / "corpora" / "make_tunes.py"

Row = tuple[str, str]


@dataclass(frozen=True)
class Workshop:
    """Trains the runs of the stories.

    Attributes:
        folder: folder of the runs.
        minutes: training time of each run.
        is_quick: whether to train for two steps only and measure a hundredth of the cases.
    """

    folder: Path
    minutes: float
    is_quick: bool

    def train(self, corpus: str, *options: str, run: str = "", times: float = 1) -> Model:
        """Train a run on a text, unless there is a run of that name.

        Args:
            corpus: name of a shipped text, or path of a file.
            options: options of `textgen train`.
            run: name of the run; the name of the text if empty.
            times: training time, in multiples of that of the other runs.
        """
        run = run or corpus
        if not (self.folder / run).exists():
            given = QUICK if self.is_quick else [f"--minutes={times * self.minutes:g}"]
            begun = time.perf_counter()
            self.textgen("train", corpus, f"--run={run}", *options, *given)
            print(f"trained {run} in {time.perf_counter() - begun:.1f} s", flush=True)
        return load_model(run)

    def textgen(self, *arguments: str) -> str:
        """Run a command of textgen and return its output."""
        done = subprocess.run([*TEXTGEN, *arguments], stdout=subprocess.PIPE, check=True)
        return done.stdout.decode()

    def count(self, number: int) -> int:
        """Return how many cases to measure: all, or a hundredth if quick."""
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
    """Story 5: telling spoken sentences from narrated ones."""
    models = {name: workshop.train(name) for name in ("speech", "narration")}
    for name, model in models.items():
        yield f"{name}: {network(model)[0]}", network(model)[1]
    known = [lines_of(model)[0] for model in models.values()]
    # Characters that one of the two does not know are removed for both.
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
    """Story 6: keystrokes saved by suggesting the three likeliest words."""
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


def tunes(workshop: Workshop) -> Iterator[Row]:
    """Story 8: tunes in the meter and the key that are asked for."""
    done = subprocess.run([sys.executable, MAKE_TUNES, "--jsonl"], capture_output=True, check=True)
    workshop.folder.mkdir(exist_ok=True)
    records = workshop.folder / "tunes.jsonl"
    records.write_bytes(done.stdout)
    model = workshop.train(str(records), "--label=meter", "--label=key", run="tunes", times=3)
    yield network(model)
    meters, keys = (field.values for field in model.config.labels)
    pairs = [(meter, key) for key in keys for meter in meters]
    wanted = Counter(pairs[i % len(pairs)] for i in range(workshop.count(TUNES)))
    written = [
        Written(report["text"], meter, key, report["longest_copy"])
        for (meter, key), count in wanted.items()
        for report in new_tunes(model, {"meter": meter, "key": key}, count)
    ]
    yield from tune_figures(written, texts_of(model)[0])


def new_tunes(model: Model, labels: dict[str, str], count: int) -> Iterator[dict[str, Any]]:
    """Write tunes, as `textgen sample --new --json` does."""
    order = Order(
        settings=SamplingSettings(),
        length=TUNE_LENGTH,
        num_samples=count,
        seed=SEED,
        only_new=True,
    )
    yield from report_samples(model.labelled(labels), order)


def damaged(workshop: Workshop) -> Iterator[Row]:
    """Story 9: damaged texts, mended by a network of both directions and by one that reads forward.

    Both read the same fables for the same time.
    """
    both = workshop.train("fables", "--direction=both", run="fables-both")
    forward = workshop.train("fables")
    yield f"both directions: {network(both)[0]}", network(both)[1]
    yield f"forward: {network(forward)[0]}", network(forward)[1]
    held_out = both.validation_tokens()
    assert held_out is not None
    text: Ids = np.asarray(held_out[:]).astype(np.int32)
    text = text[: workshop.count(2 * len(text)) + 1000]
    singles = {"both directions": one_missing(both, text), "forward": stream_of(forward, text)}
    for name, found in singles.items():
        yield f"one character missing, right: {name}", percent(found.right)
    for length in GAP_LENGTHS:
        wrong = gap_errors(both, forward, text, length, workshop.count(GAPS))
        names = ("both directions", "forward", "forward, compared by what follows")
        for name, part in zip(names, wrong.tolist(), strict=True):
            yield f"{length} missing in a row, characters restored wrongly: {name}", percent(part)
    spoilt, planted = plant(text[:PROOFREAD], len(both.config.vocabulary), 5)
    suggestions = {
        "both directions": mistakes_told(both, spoilt),
        "surprise of the forward network": surprises_told(forward, spoilt),
    }
    for name, told in suggestions.items():
        found_half = precision(spoilt, planted, told)
        value = percent(found_half[0]) if found_half else "half of the mistakes were not found"
        yield f"suggestions right when half of the mistakes are found: {name}", value


STORIES: dict[str, Callable[[Workshop], Iterator[Row]]] = {
    "manner": manner,
    "names": names,
    "series": series,
    "numerals": numerals,
    "styles": styles,
    "keyboard": keyboard,
    "cells": cells,
    "tunes": tunes,
    "damaged": damaged,
}


def network(model: Model) -> Row:
    """Describe the network of a run and its steps."""
    settings, rows = model.config.settings, model.run.metrics()
    what = f"{settings.num_layers}x{settings.hidden_size}, {rows[-1]['step']:,} steps"
    return "network", f"{what}, best at step {model.step:,}"


def answered(model: Model, lines: Sequence[str], mark: str, workshop: Workshop) -> str:
    """Report how many lines the model completes correctly after the last mark."""
    asked = lines[: workshop.count(len(lines))]
    pairs = (line.rpartition(mark) for line in asked)
    right = right_answers(model, [(head + mark, answer) for head, mark, answer in pairs])
    return share(right, len(asked))


def main() -> None:
    """Run the stories and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stories", nargs="+", choices=STORIES, default=list(STORIES))
    parser.add_argument("--minutes", type=float, default=1.0, help="training time of each network")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    parser.add_argument("--quick", action="store_true", help="test the program itself")
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
