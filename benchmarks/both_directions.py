"""Measure a network of both directions against one that reads forward: gaps and mistakes.

    python benchmarks/both_directions.py --corpus FILE --minutes 5 --seeds 0 1 2 --runs FOLDER
    python benchmarks/both_directions.py --corpus FILE --steps 2400 --hidden-size 192 ...
    python benchmarks/both_directions.py --corpus FILE --measure BOTH FORWARD [REVERSED]

The last tenth of the text is measured. For each seed a network of both directions, one that reads
forward, and one that reads the text reversed are trained for the same time. The tables are:

- one character missing: nats and the share that is right, for every character of the last tenth;
  of the network that reads forward the stream; of the two networks multiplied p1 p2 / p, with p the
  frequencies of characters; of an n-gram model, each character compared with all others by the
  probability of the characters around it;
- 1 to 10 characters missing in a row: the share of characters restored wrongly, by the restorer, by
  the likeliest continuation of the forward network, and by that network if its 64 likeliest
  continuations are compared by the 32 characters behind them;
- a share of the characters missing at random: the same share;
- proofreading: one mistake planted in 200 characters on average, of four kinds evenly; the
  precision of the first suggestions at which half of the mistakes are found, against the surprise
  of the forward network.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from restoration_measures import (
    Forward,
    Ids,
    gap_errors,
    mean_of,
    mistakes_told,
    one_missing,
    plant,
    precision,
    restorer_of,
    stream_of,
    surprises_told,
    windows,
)

from textgen.data.sources import load_text
from textgen.evaluation.baselines import ngram_probabilities
from textgen.evaluation.missing import Missing
from textgen.generation.model import Model
from textgen.planning.request import Request
from textgen.restoration.gaps import Gap
from textgen.restoration.reader import log_probabilities
from textgen.restoration.restorer import CONTEXT, group_gaps
from textgen.runs.names import VARIABLE
from textgen.terminal.display.progress import TrainingDisplay
from textgen.workflows.load import load_model
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

LENGTHS = (1, 2, 3, 4, 5, 10)
SHARES = (0.05, 0.1, 0.2, 0.4)
# Number of gaps of each length, and length of the texts with characters missing or mistakes.
GAPS, TEXT = 300, 20_000
# Most characters that networks of one direction read for single missing characters.
READ = 200_000
NGRAM_ORDER, NGRAM_PLACES = 7, 1500
# Steps of a network that reads forward in the time of one of both directions.
FORWARD_STEPS = 1.9


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a text file in UTF-8")
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int, help="train by steps, where others use the machine")
    parser.add_argument("--hidden-size", type=int)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="trainings for each")
    parser.add_argument("--runs", type=Path, default=Path("checkpoints"), help="folder of the runs")
    parser.add_argument("--measure", nargs="+", metavar="RUN", help="measure these runs only")
    return parser.parse_args()


def train(options: argparse.Namespace, corpus: Path, name: str, **asked: Any) -> str:
    """Train a run unless it is there already; return its name."""
    if not (options.runs / name).exists():
        steps, minutes = options.steps, options.minutes
        if steps and "direction" not in asked:
            steps = round(steps * FORWARD_STEPS)
        sizes = {"hidden_size": options.hidden_size} if options.hidden_size else {}
        request = Request(minutes=minutes, steps=steps, **(sizes | asked))
        with TrainingDisplay(quiet=False) as display:
            for event in start_training([corpus], name, request, Supervision()):
                display.show(event)
    return name


def print_row(name: str, found: Missing) -> None:
    """Print one row of the table of single missing characters."""
    print(f"| {name} | {found.nats:.4f} | {found.right:.1%} |", flush=True)


def single_characters(both: Model, forward: Model, reversed_: Model | None, text: Ids) -> None:
    """Print the table of single missing characters."""
    print("\n| one character missing | nats | right |\n|---|---|---|")
    print_row(f"both directions, {both.config.settings.size}", one_missing(both, text))
    print_row(f"forward, {forward.config.settings.size}", stream_of(forward, text[:READ]))
    if reversed_ is not None:
        # The reversed network needs text behind the character: the columns are turned round.
        ids, _ = windows(text[:READ][::-1])
        right = Forward(reversed_).logits(ids)[:-1]
        forward_ids = ids[::-1]
        left = Forward(forward).logits(forward_ids)[:-1]
        counts = np.log(np.bincount(both_training(both), minlength=left.shape[-1]) + 1.0)
        core = slice(128, 256)
        joined = left[core] + right[::-1][core] - (counts - np.log(np.exp(counts).sum()))
        found = mean_of(log_probabilities(joined), forward_ids[core])
        print_row("two networks multiplied", found)
    print_row("n-grams in both directions", mean_of(*ngram_rows(both, text)))


def both_training(model: Model) -> Ids:
    """Return the ids of the training text."""
    training = model.training_tokens()
    assert training is not None
    return np.asarray(training[:])


def ngram_rows(model: Model, text: Ids) -> tuple[NDArray[np.floating], Ids]:
    """Return log-probabilities of characters at some places under an n-gram model."""
    vocab_size, size = len(model.config.vocabulary), NGRAM_ORDER
    places = np.random.default_rng(7).integers(size, len(text) - size, NGRAM_PLACES)
    around = text[places[:, None] + np.arange(-size, size)]
    every = np.repeat(around[:, None], vocab_size - 1, axis=1)
    every[..., size] = np.arange(1, vocab_size)
    *_, (_, chances) = ngram_probabilities(
        both_training(model), every.ravel().astype(np.uint16), vocab_size, NGRAM_ORDER
    )
    # The first character of the joined texts is not predicted.
    logs = np.log(np.concatenate([[1.0], chances])).reshape(every.shape)[..., size:].sum(-1)
    logits = np.full((len(places), vocab_size), -np.inf)
    logits[:, 1:] = logs - np.logaddexp.reduce(logs, axis=1, keepdims=True)
    return logits, text[places]


def missing_at_random(both: Model, text: Ids) -> None:
    """Print the table of characters that are missing at random."""
    print("\n| share missing | restored wrongly |\n|---|---|")
    restorer, known = restorer_of(both), both.config.vocabulary.decode(text[: TEXT // 4])
    for share in SHARES:
        is_missing = np.random.default_rng(3).random(len(known)) < share
        pieces, truth = list[str | Gap](), list[str]()
        for character, gone in zip(known, is_missing.tolist(), strict=True):
            if gone and pieces and isinstance(pieces[-1], Gap):
                pieces[-1] = Gap(pieces[-1].shortest + 1, pieces[-1].longest + 1)
                truth[-1] += character
            elif gone:
                pieces.append(Gap(1, 1))
                truth.append(character)
            elif pieces and isinstance(pieces[-1], str):
                pieces[-1] += character
            else:
                pieces.append(character)
        groups, _ = group_gaps(pieces)
        done, filled = "", list[str]()
        for group in groups:
            done = (done + group.before)[-CONTEXT:]
            texts = restorer.best(replace(group, before=done), 1)[0].texts
            filled += texts
            done += "".join(a + b for a, b in zip(texts, (*group.between, ""), strict=True))
        pairs = zip("".join(filled), "".join(truth), strict=True)
        wrong = sum(a != b for a, b in pairs)
        print(f"| {share:.0%} | {wrong / is_missing.sum():.1%} |", flush=True)


def gaps_in_a_row(both: Model, forward: Model, text: Ids) -> None:
    """Print the table of gaps."""
    print("\n| characters missing in a row | both | forward | forward, compared by what follows |")
    print("|---|---|---|---|")
    for length in LENGTHS:
        wrong = gap_errors(both, forward, text, length, GAPS)
        print(f"| {length} | {' | '.join(f'{one:.1%}' for one in wrong)} |", flush=True)


def proofreading(both: Model, forward: Model, text: Ids) -> None:
    """Print the table of proofreading."""
    print("\n| proofreading, half of the mistakes found | corrected rightly | right place |")
    print("|---|---|---|")
    damaged, planted = plant(text[:TEXT], len(both.config.vocabulary), 5)
    for name, told in {
        "both directions": mistakes_told(both, damaged),
        "surprise of the forward network": surprises_told(forward, damaged),
    }.items():
        cells = [f"{one:.1%}" for one in precision(damaged, planted, told)] or ["not reached"] * 2
        print(f"| {name} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Train and measure."""
    options = parse_arguments()
    os.environ[VARIABLE] = str(options.runs)
    trained = [options.measure] if options.measure else []
    if not trained:
        options.runs.mkdir(parents=True, exist_ok=True)
        turned = options.runs / "reversed.txt"
        turned.write_text(load_text(options.corpus)[::-1], encoding="utf-8")
        for seed in options.seeds:
            both = train(options, options.corpus, f"both-{seed}", seed=seed, direction="both")
            forward = train(options, options.corpus, f"forward-{seed}", seed=seed)
            trained.append([both, forward])
            if seed == options.seeds[0]:
                trained[-1].append(train(options, turned, f"reversed-{seed}", seed=seed))
    for names in trained:
        print("\n" + ", ".join(names))
        models = [load_model(name) for name in names]
        both, forward = models[:2]
        text = np.asarray(both.validation_tokens()[:]).astype(np.int32)  # type: ignore[index]
        single_characters(both, forward, models[2] if len(models) > 2 else None, text)
        gaps_in_a_row(both, forward, text)
        missing_at_random(both, text)
        proofreading(both, forward, text)


if __name__ == "__main__":
    main()
