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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.sources import load_text
from textgen.evaluation.baselines import ngram_probabilities
from textgen.evaluation.missing import MissingEvaluator
from textgen.generation.model import Model
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.model import network_function
from textgen.planning.request import Request
from textgen.restoration.beam import Rules
from textgen.restoration.gaps import Gap
from textgen.restoration.mistakes import Mistake, find_mistakes
from textgen.restoration.reader import log_probabilities
from textgen.restoration.restorer import CONTEXT, Group, Restorer, group_gaps
from textgen.runs.run import VARIABLE
from textgen.runtime.devices import make_mesh
from textgen.terminal.display.progress import TrainingDisplay
from textgen.workflows.load import load_model
from textgen.workflows.restore import allowed_characters, two_way_reader
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

LENGTHS = (1, 2, 3, 4, 5, 10)
SHARES = (0.05, 0.1, 0.2, 0.4)
# Number of gaps of each length, and length of the texts with characters missing or mistakes.
GAPS, TEXT = 300, 20_000
# Continuations of the forward network that are compared by the text behind them.
WIDTH, BEHIND = 64, 32
NGRAM_ORDER, NGRAM_PLACES = 7, 1500
# Steps of a network that reads forward in the time of one of both directions.
FORWARD_STEPS = 1.9
KINDS = ("wrong", "missing", "added", "swapped")
Ids = NDArray[np.int32]


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


class Forward:
    """A network that reads forward, over several texts side by side."""

    def __init__(self, model: Model) -> None:
        self.engine = NumpyEngine(model.config.settings, model.parameters)

    def logits(self, tokens: Ids) -> NDArray[np.float32]:
        """Return the log-probabilities of each id and of one more, [N + 1, B, V], of ids [N, B]."""
        zero = self.engine.zero_states()
        rows = tokens.shape[1]
        states = tuple(type(one)(*(np.tile(m, (rows, 1)) for m in one)) for one in zero)
        found = [log_probabilities(self.engine.logits(states))]
        for row in tokens:
            states = self.engine.read(row[None], states)
            found.append(log_probabilities(self.engine.logits(states)))
        return np.stack(found)

    def continuations(self, before: Ids, count: int, width: int) -> tuple[Ids, NDArray[np.float64]]:
        """Return the likeliest continuations of a text, [K, count], and their log-probabilities."""
        states = self.engine.read(before[:, None], self._first())
        found, totals = np.zeros((1, 0), np.int32), np.zeros(1)
        for _ in range(count):
            joint = totals[:, None] + log_probabilities(self.engine.logits(states))
            best = np.argsort(-joint, axis=None)[:width]
            parents, row = np.divmod(best, joint.shape[1])
            totals = joint.ravel()[best]
            found = np.column_stack([found[parents], row]).astype(np.int32)
            taken = tuple(type(one)(*(m[parents] for m in one)) for one in states)
            states = self.engine.read(row[None].astype(np.int32), taken)
        return found, totals

    def _first(self) -> Any:
        return tuple(type(one)(*(m[None] for m in one)) for one in self.engine.zero_states())


def windows(text: Ids, size: int = 256, lead: int = 128) -> tuple[Ids, NDArray[np.bool_]]:
    """Cut a text into columns of `lead` + `size` ids of which the last `size` are scored."""
    begins = np.arange(lead, len(text) - size, size)
    index = begins + np.arange(-lead, size)[:, None]
    return text[index], np.arange(lead + size) >= lead


def one_missing(both: Model, forward: Model, reversed_: Model | None, text: Ids) -> None:
    """Print the table of single missing characters."""
    print("\n| one character missing | nats | right |\n|---|---|---|")
    settings = both.config.settings
    evaluator = MissingEvaluator(network_function(settings), settings, make_mesh(None, 32))
    *_, found = evaluator.whole(dict(both.parameters), text.astype(np.uint16))
    print(f"| both directions, {settings.size} | {found.nats:.4f} | {found.right:.1%} |")
    ids, is_scored = windows(text[:200_000])
    left = Forward(forward).logits(ids)[:-1]
    print_row(f"forward, {forward.config.settings.size}", left[is_scored], ids[is_scored])
    if reversed_ is not None:
        # The reversed network needs text behind the character: the columns are turned round.
        ids, is_scored = windows(text[:200_000][::-1])
        right = Forward(reversed_).logits(ids)[:-1]
        forward_ids = ids[::-1]
        left = Forward(forward).logits(forward_ids)[:-1]
        counts = np.log(np.bincount(both_training(both), minlength=left.shape[-1]) + 1.0)
        core = slice(128, 256)
        joined = left[core] + right[::-1][core] - (counts - np.log(np.exp(counts).sum()))
        print_row("two networks multiplied", log_probabilities(joined), forward_ids[core])
    print_row("n-grams in both directions", *ngram_rows(both, text))


def both_training(model: Model) -> Ids:
    """Return the ids of the training text."""
    training = model.training_tokens()
    assert training is not None
    return np.asarray(training[:])


def print_row(name: str, logits: NDArray[np.floating], ids: Ids) -> None:
    """Print the mean loss and the share of right characters."""
    chosen = np.take_along_axis(logits, ids[..., None], -1)[..., 0]
    right = (logits.argmax(-1) == ids).mean()
    print(f"| {name} | {-chosen.mean():.4f} | {right:.1%} |", flush=True)


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


def gaps_in_a_row(both: Model, forward: Model, text: Ids) -> None:
    """Print the table of gaps."""
    print("\n| characters missing in a row | both | forward | forward, compared by what follows |")
    print("|---|---|---|---|")
    restorer, reader = restorer_of(both), Forward(forward)
    decode = both.config.vocabulary.decode
    for length in LENGTHS:
        source = np.random.default_rng(length)
        wrong = np.zeros(3)
        for begin in source.integers(CONTEXT, len(text) - 2 * CONTEXT, GAPS).tolist():
            end = begin + length
            before, truth = text[begin - CONTEXT : begin], text[begin:end]
            behind = text[end : end + CONTEXT]
            group = Group(decode(before), (Gap(length, length),), (), decode(behind))
            filled = restorer.best(group, 1)[0].texts[0]
            wrong[0] += sum(a != b for a, b in zip(filled, decode(truth), strict=True))
            found, totals = reader.continuations(before, length, WIDTH)
            wrong[1] += (found[0] != truth).sum()
            follow = np.tile(behind[:BEHIND], (len(found), 1))
            ids = np.column_stack([np.tile(before[-64:], (len(found), 1)), found, follow]).T
            logits = reader.logits(ids)[:-1][-BEHIND:]
            totals = totals + np.take_along_axis(logits, ids[-BEHIND:, :, None], -1)[..., 0].sum(0)
            wrong[2] += (found[int(totals.argmax())] != truth).sum()
        cells = " | ".join(f"{one:.1%}" for one in wrong / (GAPS * length))
        print(f"| {length} | {cells} |", flush=True)


def restorer_of(model: Model) -> Restorer:
    """Return a restorer without constraints."""
    vocabulary = model.config.vocabulary
    return Restorer(two_way_reader(model), vocabulary, Rules(allowed_characters(vocabulary)))


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


def plant(text: Ids, vocab_size: int, seed: int) -> tuple[Ids, list[Mistake]]:
    """Plant a mistake in every 100 to 300 characters; return the text and the corrections."""
    source = np.random.default_rng(seed)
    out, planted = list[int](), list[Mistake]()
    index, following = 0, int(source.integers(100, 300))
    while index < len(text):
        if index < following or index + 1 >= len(text) or text[index] == text[index + 1]:
            out.append(int(text[index]))
            index += 1
            continue
        kind = KINDS[int(source.integers(4))]
        here, after = int(text[index]), int(text[index + 1])
        other = int(source.integers(1, vocab_size))
        while other == here:
            other = int(source.integers(1, vocab_size))
        found, meant, read = {
            "wrong": ([other], [here], 1),
            "missing": ([], [here], 1),
            "added": ([other], [], 0),
            "swapped": ([after, here], [here, after], 2),
        }[kind]
        planted.append(Mistake(len(out), kind, tuple(found), tuple(meant), 0.0, 1.0))  # type: ignore[arg-type]
        out += found
        index += read
        following = index + int(source.integers(100, 300))
    return np.array(out, np.int32), planted


def mended(text: Ids, one: Mistake, low: int, high: int) -> bytes:
    """Return a stretch of a text with one correction."""
    end = one.position + len(one.found)
    return np.concatenate(
        [text[low : one.position], np.int32([*one.meant]), text[end:high]]
    ).tobytes()


def precision(text: Ids, planted: Sequence[Mistake], told: Sequence[Mistake]) -> str:
    """Return the precision when half of the mistakes are found, of the place and the correction."""
    places = exact = 0
    open_ones = list(planted)
    for number, one in enumerate(told, start=1):
        near = [other for other in open_ones if abs(other.position - one.position) <= 3]
        if near:
            open_ones.remove(near[0])
            places += 1
            low, high = max(one.position - 12, 0), one.position + 12
            exact += mended(text, one, low, high) == mended(text, near[0], low, high)
        if places * 2 >= len(planted):
            return f"{exact / number:.1%} | {places / number:.1%}"
    return f"not reached ({places} of {len(planted)} found) | "


def proofreading(both: Model, forward: Model, text: Ids) -> None:
    """Print the table of proofreading."""
    print("\n| proofreading, half of the mistakes found | corrected rightly | right place |")
    print("|---|---|---|")
    vocabulary = both.config.vocabulary
    damaged, planted = plant(text[:TEXT], len(vocabulary), 5)
    reader, allowed = two_way_reader(both), allowed_characters(vocabulary)
    told = [one for _, found in find_mistakes(reader, damaged, allowed) for one in found]
    told.sort(key=lambda one: (-one.certainty, -one.gain))
    print(f"| both directions | {precision(damaged, planted, told)} |", flush=True)
    ids, is_scored = windows(damaged)
    logits = Forward(forward).logits(ids)[:-1]
    guesses = []
    for column in range(ids.shape[1]):
        for row in np.flatnonzero(is_scored).tolist():
            here, best = int(ids[row, column]), int(logits[row, column].argmax())
            surprise = float(logits[row, column, best] - logits[row, column, here])
            position = 128 + column * 256 + row - 128
            guesses.append(Mistake(position, "wrong", (here,), (best,), surprise, 0.0))
    guesses.sort(key=lambda one: -one.gain)
    print(
        f"| surprise of the forward network | {precision(damaged, planted, guesses)} |", flush=True
    )


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
        one_missing(both, forward, models[2] if len(models) > 2 else None, text)
        gaps_in_a_row(both, forward, text)
        missing_at_random(both, text)
        proofreading(both, forward, text)


if __name__ == "__main__":
    main()
