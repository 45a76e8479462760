"""Train on a text for some minutes, then measure how well the network predicts its last tenth.

    python benchmarks/learning.py --corpus FILE --minutes 5 --seeds 0 1 2 --runs FOLDER
    python benchmarks/learning.py --corpus FILE --measure FOLDER/RUN ...

The network is trained on the first 90 % of the characters and measured on the last 10 % (nanoGPT's
split), by four protocols:

- `window`: windows of 256 characters from the zero state, as nanoGPT measures;
- `stream`: the whole part once, the state carried;
- `dynamic`: a stream whose weights go on learning from what has been read;
- `mixed`: `dynamic`, with a fifth of each probability taken from an adaptive n-gram model.

`xz` and the n-gram model alone are measured for comparison. The time limit covers the training from
its start to its last save, including the measurement of the machine. The last weights are measured,
not the best ones. A row is printed as soon as it is measured. The second command measures runs that
were kept and trained on the same text.
"""

import argparse
import hashlib
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from textgen.data.sources import load_text
from textgen.data.vocabulary import Vocabulary
from textgen.evaluation.baselines import ngram_probabilities
from textgen.evaluation.protocols import bits_per_character
from textgen.planning.request import Request
from textgen.runs.library import find_run
from textgen.runs.names import VARIABLE
from textgen.runs.run import Run
from textgen.terminal.display.progress import TrainingDisplay
from textgen.workflows.evaluate import Result, baseline_results, measure_network
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

PROTOCOLS = ("window", "stream", "dynamic", "mixed")
# Order and share of the adaptive n-gram model that is mixed with dynamic evaluation, chosen on the
# last tenth of the training text with a network that had not read it.
MIXED_ORDER, MIXED_SHARE = 9, 0.2
# Figures of other models: nats per character on the last tenth of tiny Shakespeare.
PUBLISHED = {
    "nanoGPT, recipe for a GPU, A100, 3 minutes (its README)": {"window": 1.4697},
    "nanoGPT, recipe for a CPU, 110 s on a machine of two cores": {"window": 1.886},
    "PPMd -o6, training text first": {"dynamic": 1.407},
    "zpaq -m5, training text first": {"dynamic": 1.210},
}
TINY_SHAKESPEARE = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--corpus", type=Path, required=True, help="a text file in UTF-8")
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--seeds", type=int, nargs="*", default=[0], help="a training for each")
    parser.add_argument("--title", help="title of the text; its file's name by default")
    parser.add_argument("--runs", type=Path, help="keep the runs in this folder")
    parser.add_argument("--measure", nargs="+", metavar="RUN", help="measure these runs only")
    return parser.parse_args()


def train(corpus: Path, minutes: float, seed: int) -> tuple[Run, float]:
    """Train one run in the runs folder; return it and the seconds it took."""
    name, begun = f"{corpus.stem}-{minutes:g}-minutes-seed-{seed}", time.perf_counter()
    request = Request(minutes=minutes, seed=seed)
    with TrainingDisplay(quiet=False) as display:
        for event in start_training([corpus], name, request, Supervision()):
            display.show(event)
    return find_run(name), time.perf_counter() - begun


def measure(run: Run) -> dict[str, float]:
    """Return the loss of a finished run's last weights by every protocol, in nats."""
    record = run.record()
    settings, split = record.config.settings, record.corpus.training_ids
    parameters, tokens = run.load(run.steps()[-1]).parameters, run.open_tokens(record)
    training, validation = tokens[:split], tokens[split:]
    events = measure_network(settings, parameters, training, validation)
    results = {event.protocol: event for event in events if isinstance(event, Result)}
    *_, (_, counted) = ngram_probabilities(training, validation, settings.vocab_size, MIXED_ORDER)
    mixed = (1 - MIXED_SHARE) * np.exp(-results["dynamic"].losses) + MIXED_SHARE * counted
    losses = {protocol: result.nats for protocol, result in results.items()}
    return losses | {"mixed": float(-np.log(mixed).mean())}


def describe(run: Run) -> str:
    """Describe a run: its network, its plan and its speed."""
    record = run.record()
    settings, plan = record.config.settings, record.plan
    rows = run.metrics()
    steps = rows[-1]["step"]
    passes = steps * plan.characters_per_step / record.corpus.training_ids
    speed = statistics.median(row["characters_per_second"] for row in rows)
    return (
        f"textgen, seed {plan.seed}: {settings.num_layers}x{settings.hidden_size}, "
        f"{settings.dropout_rate:g} dropped, batch {plan.batch_size} x {plan.sequence_length}, "
        f"resets {plan.reset_rate:g}, rate {plan.learning_rate:g}, "
        f"{steps} of {plan.steps} steps, {passes:.1f} passes, {speed:,.0f} characters/s"
    )


def format_row(name: str, losses: dict[str, float]) -> str:
    """Return a row of the table: nats and, in brackets, bits per character."""
    cells = (
        f"{losses[protocol]:.4f} ({bits_per_character(losses[protocol]):.3f})"
        if protocol in losses
        else ""
        for protocol in PROTOCOLS
    )
    return f"| {name} | {' | '.join(cells)} |"


def baseline_rows(corpus: Path) -> Iterable[str]:
    """Yield the rows of the baselines, which are not networks."""
    text = load_text(corpus)
    cut = len(text) * 9 // 10
    vocabulary = Vocabulary("".join(sorted(set(text))))
    ids = [vocabulary.encode(part).astype(np.uint32) for part in (text[:cut], text[cut:])]
    for result in baseline_results(*ids, vocabulary):
        if isinstance(result, Result):
            counting = (result.predictor, result.protocol) == ("n-gram", "dynamic")
            name = result.title + ", counts going on" * counting
            yield format_row(name, {result.protocol: result.nats})


def spread_rows(measured: Sequence[dict[str, float]]) -> Iterable[str]:
    """Yield the mean and the spread over seeds."""
    if len(measured) < 2:
        return
    columns = {protocol: [row[protocol] for row in measured] for protocol in PROTOCOLS}
    means = {protocol: statistics.mean(values) for protocol, values in columns.items()}
    spread = ", ".join(
        f"{protocol} {min(values):.4f} to {max(values):.4f}" for protocol, values in columns.items()
    )
    yield format_row(f"textgen, mean of {len(measured)} seeds ({spread})", means)


def print_heading(arguments: argparse.Namespace, data: bytes) -> None:
    """Print the date, machine, versions, command and text that all rows share."""
    versions = " ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    seeds = " ".join(map(str, arguments.seeds))
    asked = f"--minutes {arguments.minutes:g} --seeds {seeds}"
    asked = "--measure RUN ..." if arguments.measure else asked
    title = arguments.title or arguments.corpus.stem
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    sha256 = hashlib.sha256(data).hexdigest()
    for name, value in {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": machine,
        "versions": versions,
        "command": f"python benchmarks/learning.py --corpus FILE {asked}",
        "text": f"{title}, {len(data.decode()):,} characters, SHA-256 {sha256}",
    }.items():
        print(f"{name:<9}{value}")
    print("\nLast tenth of the text, nats per character (bits in brackets):\n")
    print(f"| | {' | '.join(PROTOCOLS)} |\n|---|{'---|' * len(PROTOCOLS)}", flush=True)


def main() -> None:
    """Print one table: published figures, baselines, and each run."""
    arguments = parse_arguments()
    data = arguments.corpus.read_bytes()
    print_heading(arguments, data)
    if hashlib.sha256(data).hexdigest() == TINY_SHAKESPEARE:
        for name, losses in PUBLISHED.items():
            print(format_row(name, losses))
    for row in baseline_rows(arguments.corpus):
        print(row, flush=True)
    if arguments.measure:
        for name in arguments.measure:
            run = find_run(name)
            sha256 = hashlib.sha256(load_text(arguments.corpus).encode()).hexdigest()
            if run.record().corpus.sha256 != sha256:
                raise SystemExit(f"{name} was trained on another text than {arguments.corpus.name}")
            print(format_row(describe(run), measure(run)), flush=True)
        return
    measured = []
    with tempfile.TemporaryDirectory() as folder:
        os.environ[VARIABLE] = str(arguments.runs or folder)
        for seed in arguments.seeds:
            run, seconds = train(arguments.corpus, arguments.minutes, seed)
            measured.append(measure(run))
            print(format_row(f"{describe(run)}, {seconds:.1f} s", measured[-1]), flush=True)
    for row in spread_rows(measured):
        print(row)


if __name__ == "__main__":
    main()
