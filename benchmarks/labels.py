"""Measure what labels cost, and how well a network obeys them.

    python benchmarks/labels.py [--tasks voice letter] [--steps 600] [--seeds 0 1]

Two tasks: `voice` has pairs of sentences from the shipped fables, spoken or narrated; `letter` has
the shipped names, whose first letter is the label. Half of the pairs train the networks. The other
half trains a classifier, which judges what the networks write; names are judged by their first
letter. Three networks of one size are trained on each task for the same number of steps:

- `none` reads the documents without labels;
- `vector` is what `textgen train --label` trains: a vector for each label is added to the
  projections of every layer;
- `symbol` reads a private-use character for the label before each document, but for a tenth of
  them.

The loss is in nats per character of the validation documents, each read from its start, with its
end as a character; the symbol of a label is not counted. `obeyed` is the share of 200 texts that
the judge gives to the label that was asked for. `classify` is the share of validation documents
whose label Bayes' theorem finds, with equal priors.
"""

import argparse
import csv
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from story_measures import ngram_bits, ngram_order

from textgen.data.labels import label_count
from textgen.data.prepare import prepare_text
from textgen.data.shipped import find_corpus
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.tokens import token_dtype
from textgen.data.vocabulary import END, Vocabulary
from textgen.evaluation.compiled_scoring import JaxScorer
from textgen.generation.model import Model
from textgen.planning.request import Request
from textgen.settings import ModelSettings, SamplingSettings, TrainingSettings
from textgen.workflows.load import load_model
from textgen.workflows.sample import Order, write_samples
from textgen.workflows.supervise import Supervision, make_trainer
from textgen.workflows.train import start_training

# First character that stands for a label, and the share of documents that are read without one.
FIRST_SYMBOL, LEFT_OUT = 0xE000, 0.1
SAMPLES = 200
LONGEST = 400
KINDS = ("none", "vector", "symbol")

Document = tuple[str, str]  # label and text
Judge = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class Task:
    """Documents with labels, and who judges texts.

    Attributes:
        name: its name.
        training: documents to train on.
        validation: documents to measure on.
        judge: tells the labels of texts.
    """

    name: str
    training: Sequence[Document]
    validation: Sequence[Document]
    judge: Judge

    @property
    def labels(self) -> list[str]:
        """The labels, sorted."""
        return sorted({label for label, _ in self.training})


def voice_task() -> Task:
    """Return pairs of sentences, spoken or narrated."""
    pairs: list[Document] = []
    for label in ("speech", "narration"):
        lines = [line for line in _lines(label) if line]
        pairs += [(label, f"{a} {b}") for a, b in zip(lines[::2], lines[1::2], strict=False)]
    order = np.random.default_rng(0).permutation(len(pairs))
    half = [pairs[k] for k in order[: len(pairs) // 2]]
    other = [pairs[k] for k in order[len(pairs) // 2 :]]
    held = len(half) // 5
    return Task("voice", half[held:], half[:held], word_judge(other))


def letter_task() -> Task:
    """Return names with their first letters; letters of fewer than 20 names are left out."""
    names = [name for name in _lines("names") if name]
    counts = {letter: sum(name[0] == letter for name in names) for letter in {n[0] for n in names}}
    documents = [(name[0], name) for name in names if counts[name[0]] >= 20]
    held = len(documents) // 10
    first = _first_letters
    return Task("letter", documents[held:], documents[:held], first)


TASKS = {"voice": voice_task, "letter": letter_task}


def _first_letters(texts: Sequence[str]) -> list[str]:
    return [text[:1] for text in texts]


def _lines(name: str) -> list[str]:
    return find_corpus(Path(name)).read_text(encoding="utf-8").split("\n")


def word_judge(documents: Sequence[Document]) -> Judge:
    """Return a logistic regression on the words of texts, trained on documents of two labels."""
    (first, second), index = sorted({label for label, _ in documents}), dict[str, int]()
    for _, text in documents:
        for one in _features(text):
            index.setdefault(one, len(index))
    truth = np.array([label == second for label, _ in documents], float)
    own, features = _table([text for _, text in documents], index)
    weights, squares = np.zeros(len(index)), np.full(len(index), 1e-9)
    for _ in range(400):
        odds = np.bincount(own, weights=weights[features], minlength=len(truth))
        errors = 1 / (1 + np.exp(-odds)) - truth
        gradient = np.bincount(features, weights=errors[own], minlength=len(index)) + 0.3 * weights
        squares += gradient**2
        weights -= 0.3 * gradient / np.sqrt(squares)

    def judge(texts: Sequence[str]) -> list[str]:
        own, features = _table(texts, index)
        odds = np.bincount(own, weights=weights[features], minlength=len(texts))
        return [second if one > 0 else first for one in odds]

    return judge


def _features(text: str) -> set[str]:
    words = re.findall(r"[\w']+|[^\s\w']", text.lower())
    return {*words, *(f"{a} {b}" for a, b in pairwise(words)), "bias"}


def _table(texts: Sequence[str], index: dict[str, int]) -> tuple[NDArray[np.int64], ...]:
    rows = [[index[one] for one in _features(text) if one in index] for text in texts]
    own = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    return own, np.array([one for row in rows for one in row], np.int64)


def symbol_of(task: Task, label: str) -> str:
    """Return the private-use character of a label."""
    return chr(FIRST_SYMBOL + task.labels.index(label))


def train(
    documents: Sequence[Document], held: Sequence[Document], kind: str, task: Task, request: Request
) -> Model:
    """Train a network on documents, and return its best checkpoint."""
    folder = Path(tempfile.mkdtemp())
    if kind == "symbol":
        told = np.random.default_rng(0).random(len(documents)) >= LEFT_OUT
        pairs = zip(documents, told, strict=True)
        documents = [
            (one, symbol_of(task, one) * bool(is_told) + text) for (one, text), is_told in pairs
        ]
        held = [(one, symbol_of(task, one) + text) for one, text in held]
    write_records(folder / "train.csv", documents)
    write_records(folder / "held.csv", held)
    source = SourceRules(field="text", labels=("label",) if kind == "vector" else ())
    held_out = str(folder / "held.csv")
    rules = TextRules(source=source, documents="row", validation=held_out)
    run = folder / "run"
    events = start_training([folder / "train.csv"], str(run), request, Supervision(), rules=rules)
    for _ in events:
        pass
    return load_model(str(run))


def write_records(path: Path, documents: Sequence[Document]) -> None:
    """Write documents as a table with the columns `label` and `text`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("label", "text"), *documents])


def nats_of(model: Model, texts: Sequence[str], prefix: str = "") -> NDArray[np.float64]:
    """Return the nats of texts and their ends; those of a prefix are not counted."""
    vocabulary = model.config.vocabulary
    start = int(vocabulary.encode_start(END)[0])
    scorer = JaxScorer(model.config.settings, model.parameters, start)
    ids = [vocabulary.encode_documents(f"{prefix}{text}{END}", "replace") for text in texts]
    return np.array([float(n[len(prefix) :].sum()) for n in scorer.read_each(ids)])


def conditioned(model: Model, kind: str, task: Task, label: str) -> tuple[Model, str]:
    """Return the model that writes a label, and what it must read first."""
    if kind == "vector":
        return model.labelled({"label": label}), ""
    return model, symbol_of(task, label) if kind == "symbol" else ""


def losses(model: Model, kind: str, task: Task) -> tuple[float, float]:
    """Return the nats per character with the labels, and without them."""
    total = free = 0.0
    count = sum(len(text) + 1 for _, text in task.validation)
    for label in task.labels:
        texts = [text for one, text in task.validation if one == label]
        if texts:
            network, prefix = conditioned(model, kind, task, label)
            total += nats_of(network, texts, prefix).sum()
            free += nats_of(model, texts).sum()
    return total / count, free / count


def obeyed(model: Model, kind: str, task: Task, temperature: float) -> float:
    """Return the share of texts that the judge gives to the label that was asked for."""
    right, labels = 0, task.labels
    each = SAMPLES // len(labels)
    for label in labels:
        network, prefix = conditioned(model, kind, task, label)
        order = Order(
            settings=SamplingSettings(temperature=temperature),
            prompt=prefix,
            length=LONGEST,
            num_samples=each,
            engine="jax",
        )
        texts = [""] * each
        for number, piece in write_samples(network, order):
            texts[number] += piece.text
        right += sum(found == label for found in task.judge(texts))
    return right / (each * len(labels))


def accuracy(columns: Sequence[NDArray[np.float64]], task: Task) -> float:
    """Return the share of validation documents whose label has the fewest nats."""
    best = np.argmin(np.stack(columns, axis=1), axis=1)
    return float(np.mean([task.labels[k] == one for k, (one, _) in zip(best, task.validation)]))  # noqa: B905


def classified(model: Model, kind: str, task: Task) -> float:
    """Return the accuracy of one network with labels."""
    texts = [text for _, text in task.validation]
    pairs = [conditioned(model, kind, task, label) for label in task.labels]
    return accuracy([nats_of(network, texts, prefix) for network, prefix in pairs], task)


def one_run_a_label(task: Task, request: Request) -> float:
    """Return the accuracy of networks of which each is trained on the documents of one label."""
    texts, columns = [text for _, text in task.validation], []
    for label in task.labels:
        own = [document for document in task.training if document[0] == label]
        held = [document for document in task.validation if document[0] == label]
        columns.append(nats_of(train(own, held, "none", task, request), texts))
    return accuracy(columns, task)


def ngrams(task: Task, model: Model) -> float:
    """Return the accuracy of an n-gram model of each label, of the best order for all documents."""
    order, texts = max(ngram_order(model)[0], 1), [text for _, text in task.validation]
    sizes = np.array([len(text) + 1 for text in texts])
    # A newline stands for the end of a document.
    vocabulary = Vocabulary("\n" + model.config.vocabulary.alphabet)
    settings = replace(model.config.settings, vocab_size=len(vocabulary))
    config = replace(model.config, vocabulary=vocabulary, settings=settings)
    model = replace(model, config=config)
    known = [[text for one, text in task.training if one == label] for label in task.labels]
    return accuracy([ngram_bits(model, order, own, texts) * sizes for own in known], task)


def rows_of(task: Task, request: Request, kinds: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a task: kind, loss with and without labels, obeyed, classify."""
    found = task.judge([text for _, text in task.validation])
    real = np.mean([one == label for one, (label, _) in zip(found, task.validation, strict=True)])
    yield ("real texts", "", "", f"{real:.1%}", "", "")
    for kind in kinds:
        model = train(task.training, task.validation, kind, task, request)
        with_labels, without = losses(model, kind, task)
        if kind == "none":
            yield (kind, "", f"{without:.4f}", "", "", "")
            continue
        shares = [f"{obeyed(model, kind, task, temperature):.1%}" for temperature in (1.0, 0.8)]
        share = f"{classified(model, kind, task):.1%}"
        yield (kind, f"{with_labels:.4f}", f"{without:.4f}", *shares, share)


def cost(task: Task, hidden: int, rounds: int = 15) -> tuple[float, float]:
    """Return the characters a second that 2 layers of units train at, without and with labels.

    Groups of steps of the two trainers alternate; the medians are taken.
    """
    with tempfile.TemporaryDirectory() as name:
        source, tokens = Path(name, "train.csv"), Path(name, "corpus.tokens")
        write_records(source, task.training)
        rules = TextRules(source=SourceRules(field="text", labels=("label",)))
        prepared = prepare_text([source], rules, tokens)
        assert prepared.labels is not None
        ids = np.fromfile(tokens, token_dtype(len(prepared.vocabulary)))
    plan = TrainingSettings(
        steps=1000,
        batch_size=32,
        sequence_length=64,
        learning_rate=0.01,
        warmup_steps=1,
        eval_every=1000,
        checkpoint_every=1000,
        devices=2,
    )
    settings = ModelSettings(
        vocab_size=len(prepared.vocabulary),
        embedding_size=hidden,
        hidden_size=hidden,
        num_layers=2,
        dropout_rate=0.1,
        projected="all",
    )
    parts = ids[: prepared.training_ids], ids[prepared.training_ids :], prepared.vocabulary.end_id
    labelled = replace(settings, num_labels=label_count(prepared.labels.fields))
    trainers = [
        make_trainer(settings, plan, *parts),
        make_trainer(labelled, plan, *parts, prepared.labels.split),
    ]
    rates, seconds = np.full(4, 1e-4, np.float32), ([], [])  # type: tuple[list[float], list[float]]
    for number in range(rounds + 1):
        for trainer, durations in zip(trainers, seconds, strict=True):
            begun = time.perf_counter()
            trainer.advance(4 * number, rates)
            durations.append(time.perf_counter() - begun)
    done = 4 * plan.characters_per_step
    without, with_labels = (done / float(np.median(one[1:])) for one in seconds)
    return without, with_labels


def main() -> None:
    """Print a row for each task, seed and kind of network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", nargs="+", choices=("voice", "letter"), default=["voice"])
    parser.add_argument("--kinds", nargs="*", choices=KINDS, default=KINDS)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--hidden-size", type=int, default=128)
    parser.add_argument("--dropout", type=float, default=0.3)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--runs", action="store_true", help="also one run for each label")
    parser.add_argument("--cost", type=int, nargs="+", help="only time steps of these widths")
    asked = parser.parse_args()
    if asked.cost:
        for name in asked.tasks:
            task = TASKS[name]()
            for hidden in asked.cost:
                speeds = cost(task, hidden)
                ratio = speeds[0] / speeds[1] - 1
                shown = (f"{speed:,.0f}" for speed in speeds)
                print("| " + " | ".join((name, f"2x{hidden}", *shown, f"{ratio:+.1%}")) + " |")
        return
    head = ("task", "seed", "network", "loss", "labels left out", "obeyed", "at 0.8", "classify")
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|", flush=True)
    for name in asked.tasks:
        task = TASKS[name]()
        for seed in asked.seeds:
            request = Request(
                steps=asked.steps,
                hidden_size=asked.hidden_size,
                num_layers=2,
                dropout_rate=asked.dropout,
                seed=seed,
                eval_every=max(asked.steps // 10, 1),
            )
            for row in rows_of(task, request, asked.kinds):
                print("| " + " | ".join((name, str(seed), *row)) + " |", flush=True)
            if asked.runs:
                plain = train(task.training, task.validation, "none", task, request)
                judges = {
                    "n-grams": lambda task=task, plain=plain: ngrams(task, plain),
                    "a run a label": lambda task=task, asked=request: one_run_a_label(task, asked),
                }
                for kind, judge in judges.items():
                    cells = (name, str(seed), kind, "", "", "", "", f"{judge():.1%}")
                    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
