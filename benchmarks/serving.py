"""Characters per second of all texts together that `textgen serve` writes, without HTTP.

The texts are ordered of the scheduler all at once. Beside them stands what `textgen sample` writes
of 64 samples in the same process, in turns with the served texts:

    python benchmarks/serving.py
"""

import argparse
import platform
import statistics
import threading
import time
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from textgen.data.vocabulary import Vocabulary
from textgen.generation.model import Model
from textgen.network.parameters import parameter_shapes
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.run import Run
from textgen.settings import ModelSettings, SamplingSettings

VOCAB_SIZE = 66
# Numbers of texts at the same time.
TEXTS = (1, 16, 64, 256)
# Number of samples beside which the served texts are compared.
SAMPLES = 64


class Load(NamedTuple):
    """What some texts at the same time got.

    Attributes:
        speed: characters per second of all texts together.
        first: seconds to the first part of each text, sorted.
    """

    speed: float
    first: list[float]

    def percentile(self, percent: int) -> float:
        """Return the time within which this share of the texts had its first part, in seconds."""
        return self.first[min(len(self.first) * percent // 100, len(self.first) - 1)]


def random_model(hidden_size: int, num_layers: int = 2) -> Model:
    """Make a model with random weights, which writes as fast as a trained one."""
    settings = ModelSettings(
        vocab_size=VOCAB_SIZE,
        embedding_size=hidden_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        dropout_rate=0.0,
    )
    source = np.random.default_rng(0)
    parameters = {
        name: (source.normal(size=size) * 2 / size[0] ** 0.5).astype(np.float32)
        for name, size in parameter_shapes(settings).items()
    }
    characters = "".join(map(chr, range(32, 31 + VOCAB_SIZE)))
    config = ModelConfig(settings, Vocabulary(characters), " ")
    return Model(Run(Path(f"{num_layers}x{hidden_size}")), 1, config, parameters, "0" * 64)


def sampled(model: Model, length: int) -> float:
    """Return the speed of `textgen sample --num-samples 64`, in characters per second."""
    from textgen.workflows.sample import Order, write_samples

    order = Order(
        settings=SamplingSettings(), length=length, num_samples=SAMPLES, seed=1, engine="jax"
    )
    samples = write_samples(model, order)
    begun = time.perf_counter()
    written = sum(len(piece.text) for _, piece in samples)
    return written / (time.perf_counter() - begun)


def served(scheduler: object, model: Model, texts: int, length: int) -> Load:
    """Order some texts at once of a scheduler and wait for all of them."""
    from textgen.serve.order import Order, Part
    from textgen.serve.scheduler import Scheduler

    assert isinstance(scheduler, Scheduler)
    left, done, first = texts, threading.Event(), list[float]()
    prompt = model.config.vocabulary.encode("ONCE UPON A TIME")
    begun = time.perf_counter()

    def reader() -> object:
        is_first = True

        def deliver(part: Part | Exception) -> None:
            nonlocal left, is_first
            if isinstance(part, Exception):
                raise part
            if is_first:
                first.append(time.perf_counter() - begun)
                is_first = False
            if part.finish:
                left -= 1
                if not left:
                    done.set()

        return deliver

    for sample in range(texts):
        order = Order(model=model.name, prompt=prompt, length=length, seed=1, sample=sample)
        scheduler.submit(order, reader())  # type: ignore[arg-type]
    done.wait()
    return Load(texts * length / (time.perf_counter() - begun), sorted(first))


def cancelling(scheduler: object, model: Model, texts: int) -> float:
    """Return the 95th percentile of the time until a cancelled text has ended, in seconds."""
    from textgen.serve.order import Order, Part
    from textgen.serve.scheduler import Scheduler

    assert isinstance(scheduler, Scheduler)
    ended = [threading.Event() for _ in range(texts)]

    def deliver(number: int, part: Part | Exception) -> None:
        if isinstance(part, Exception) or part.finish:
            ended[number].set()

    prompt, tickets = model.config.vocabulary.encode("ONCE"), []
    for number in range(texts):
        order = Order(model=model.name, prompt=prompt, length=10**9, sample=number)
        tickets.append(scheduler.submit(order, partial(deliver, number)))
    time.sleep(1)
    seconds = []
    for ticket, event in zip(tickets, ended, strict=True):
        begun = time.perf_counter()
        ticket.cancel()
        event.wait()
        seconds.append(time.perf_counter() - begun)
    return sorted(seconds)[len(seconds) * 95 // 100]


def main() -> None:
    """Measure both shapes and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[128, 256])
    parser.add_argument("--seconds", type=float, default=3.0, help="time of a measurement")
    parser.add_argument("--turns", type=int, default=3)
    given = parser.parse_args()
    from textgen.runtime.environment import prepare_jax

    prepare_jax(one_kernel=True)
    import jax

    from textgen.serve.scheduler import Scheduler

    print(f"Python {platform.python_version()}, jax {jax.__version__}, {platform.machine()}\n")
    print(
        "| network | texts | characters/s | of `sample`, 64 | first p50, ms | first p95, ms | "
        "cancel p95, ms |"
    )
    print("|---|---|---|---|---|---|---|")
    for hidden_size in given.sizes:
        model = random_model(hidden_size)
        scheduler = Scheduler([model])
        scheduler.start()
        sampled(model, 200)
        for texts in TEXTS:  # compile
            served(scheduler, model, texts, 200)
        while scheduler.is_compiling:
            time.sleep(0.1)
        references, loads = list[float](), {texts: list[Load]() for texts in TEXTS}
        speeds = {texts: served(scheduler, model, texts, 200).speed for texts in TEXTS}
        for _ in range(given.turns):
            length = int(speeds[SAMPLES] * given.seconds / SAMPLES)
            references.append(sampled(model, length))
            for texts in TEXTS:
                length = max(int(speeds[texts] * given.seconds / texts), 50)
                loads[texts].append(served(scheduler, model, texts, length))
        reference = statistics.median(references)
        print(f"| {model.name} | `sample`, 64 | {reference:,.0f} | | | | |")
        for texts, turns in loads.items():
            speed = statistics.median(load.speed for load in turns)
            p50, p95 = (statistics.median(load.percentile(p) for load in turns) for p in (50, 95))
            print(
                f"| {model.name} | {texts} | {speed:,.0f} | {speed / reference:.0%} | "
                f"{p50 * 1000:.0f} | {p95 * 1000:.0f} | "
                f"{cancelling(scheduler, model, texts) * 1000:.0f} |",
                flush=True,
            )
        scheduler.close(0)


if __name__ == "__main__":
    main()
