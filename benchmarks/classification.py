"""Measure how often `textgen classify` names the text that a line comes from.

    python benchmarks/classification.py LABEL=RUN LABEL=RUN ... [--lengths 10 20 40 80]

Each run is trained on a text of its own. The test lines come from the held-out tenth of each text,
equally many from each, and occur in no training text. Each line is judged separately. Results are
grouped by length: lines of at least 10 and fewer than 20 characters, and so on. N-gram models judge
the same lines for comparison, each with the context length that suits its text best.
"""

import argparse
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from story_measures import lines_of, ngram_bits, ngram_order

from textgen.data.vocabulary import Vocabulary
from textgen.generation.model import Model
from textgen.workflows.load import load_model
from textgen.workflows.score import Scoring


def held_out_lines(models: Sequence[Model], shortest: int, most: int) -> list[list[str]]:
    """Return held-out lines of each model that occur in no training text, equally many.

    Characters that one of the models does not know are removed, so that they cannot decide.
    """
    known = {line for model in models for line in lines_of(model)[0]}
    shared = set.intersection(*({*model.config.vocabulary.characters} for model in models))
    vocabulary = Vocabulary("".join(sorted(shared)))
    found = []
    for model in models:
        lines = (line for line in lines_of(model)[1] if line not in known)
        kept = (vocabulary.decode(vocabulary.encode(line, "skip")) for line in lines)
        found.append([line for line in dict.fromkeys(kept) if len(line) >= shortest])
    count = min(most, *map(len, found))
    source = np.random.default_rng(0)
    return [[lines[k] for k in source.permutation(len(lines))[:count]] for lines in found]


def network_nats(models: Sequence[Model], lines: Sequence[str]) -> NDArray[np.float64]:
    """Return the nats of each line under each network, float64 [lines, models]."""
    read = Scoring(models).read_each_line([f"{line}\n" for line in lines])
    return np.array([line.nats for line in read])


def ngram_nats(models: Sequence[Model], lines: Sequence[str]) -> NDArray[np.float64]:
    """Return bits per character under each text's n-gram model, float64 [lines, models]."""
    columns = [
        ngram_bits(model, max(ngram_order(model)[0], 1), lines_of(model)[0], lines)
        for model in models
    ]
    return np.stack(columns, axis=1)


def main() -> None:
    """Print a row for each range of lengths and each kind of model."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("runs", nargs="+", metavar="LABEL=RUN")
    parser.add_argument("--lengths", type=int, nargs="+", default=[10, 20, 40, 80])
    parser.add_argument("--most", type=int, default=1000, help="most lines of each text")
    arguments = parser.parse_args()
    pairs = [pair.partition("=") for pair in arguments.runs]
    models = [load_model(run) for _, _, run in pairs]
    tests = held_out_lines(models, arguments.lengths[0], arguments.most)
    asked = [line for lines in tests for line in lines]
    truth = np.repeat(np.arange(len(models)), list(map(len, tests)))
    size = np.array(list(map(len, asked)))
    judges = {"networks": network_nats, "n-grams": ngram_nats}
    right = {
        name: np.argmin(judge(models, asked), axis=1) == truth for name, judge in judges.items()
    }
    print("| characters | lines | judge | right | " + " | ".join(pair[0] for pair in pairs) + " |")
    print("|---" * (4 + len(pairs)) + "|")
    bounds = [*arguments.lengths, size.max() + 1]
    for low, high in [*pairwise(bounds), (bounds[0], bounds[-1])]:
        chosen = (size >= low) & (size < high)
        for name, hits in right.items():
            each = [hits[chosen & (truth == place)] for place in range(len(models))]
            means = [part.mean() if len(part) else np.nan for part in each]
            cells = (
                f"{low} to {high - 1}",
                " + ".join(str(len(part)) for part in each),
                name,
                *("-" if np.isnan(mean) else f"{mean:.1%}" for mean in (np.mean(means), *means)),
            )
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
