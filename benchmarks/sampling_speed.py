"""Measure the engines: characters per second of one stream and of many, and the start of JAX.

    python benchmarks/sampling_speed.py

The networks have random weights, which cost what trained ones do. The engines take turns; each
figure is the median of the turns, with the lowest and the highest in brackets.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib.metadata import version

import numpy as np

from textgen.data.vocabulary import Vocabulary
from textgen.generation.compiled import JaxEngine
from textgen.generation.engines import Engine, NumpyEngine
from textgen.generation.generator import Generator, write_side_by_side
from textgen.network.parameters import parameter_shapes
from textgen.settings import ModelSettings, SamplingSettings

SHAPES = ((2, 128), (2, 256), (2, 512))
STREAMS = 64
VOCABULARY = Vocabulary("".join(map(chr, range(32, 97))))
STARTING = """
import time; begun = time.perf_counter()
import numpy as np
from textgen.generation.compiled import JaxEngine
from textgen.generation.sampling import Draws
from textgen.network.cells import LSTMState
from textgen.network.parameters import parameter_shapes
from textgen.settings import ModelSettings, SamplingSettings
settings = ModelSettings(
    vocab_size=66, embedding_size=256, hidden_size=256, num_layers=2, dropout_rate=0.0
)
parameters = {k: np.zeros(v, np.float32) for k, v in parameter_shapes(settings).items()}
state = tuple(LSTMState(np.zeros(256, np.float32), np.zeros(256, np.float32)) for _ in range(2))
JaxEngine(settings, parameters).write([state], [Draws(0, 0)], SamplingSettings(), 256)
print(time.perf_counter() - begun)
"""


def random_network(
    num_layers: int, hidden_size: int
) -> tuple[ModelSettings, dict[str, np.ndarray]]:
    """Make a network with random weights."""
    settings = ModelSettings(
        vocab_size=len(VOCABULARY),
        embedding_size=hidden_size,
        hidden_size=hidden_size,
        num_layers=num_layers,
        dropout_rate=0.0,
    )
    source = np.random.default_rng(0)
    return settings, {
        name: (source.normal(size=shape) * 2 / shape[0] ** 0.5).astype(np.float32)
        for name, shape in parameter_shapes(settings).items()
    }


def characters_per_second(
    reader: NumpyEngine, engine: Engine, streams: int, seconds: float
) -> float:
    """Write for some seconds with so many streams side by side."""
    generators = [
        Generator(reader, VOCABULARY, " ", seed=1, sample=sample, engine=engine)
        for sample in range(streams)
    ]
    begun, written = time.perf_counter(), 0
    for pieces in write_side_by_side(generators, 10**9, SamplingSettings()):
        written += sum(len(piece.text) for piece in pieces if piece)
        if time.perf_counter() - begun > seconds:
            break
    return written / (time.perf_counter() - begun)


def spread(values: list[float], form: str = ",.0f") -> str:
    """Write a median with the lowest and the highest value."""
    low, middle, high = min(values), statistics.median(values), max(values)
    return f"{middle:{form}} ({low:{form}}-{high:{form}})"


def main() -> None:
    """Print one table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="of each turn")
    arguments = parser.parse_args()
    starts = [
        float(subprocess.run([sys.executable, "-c", STARTING], capture_output=True).stdout)
        for _ in range(arguments.turns)
    ]
    rows = []
    for num_layers, hidden_size in SHAPES:
        settings, parameters = random_network(num_layers, hidden_size)
        reader, compiled = NumpyEngine(settings, parameters), JaxEngine(settings, parameters)
        contestants = ((reader, 1), (compiled, 1), (compiled, STREAMS))
        for engine, streams in contestants:
            characters_per_second(reader, engine, streams, 0.1)
        turns = [
            [
                characters_per_second(reader, engine, streams, arguments.seconds)
                for engine, streams in contestants
            ]
            for _ in range(arguments.turns)
        ]
        columns = [spread(list(column)) for column in zip(*turns, strict=True)]
        ratio = spread([turn[1] / turn[0] for turn in turns], ".1f")
        rows.append((f"{num_layers}x{hidden_size}", *columns[:2], ratio, columns[2]))
    python, numbers = platform.python_version(), f"jax {version('jax')} numpy {version('numpy')}"
    print(f"date     {datetime.now(UTC):%Y-%m-%d}")
    print(f"machine  {platform.machine()}, {os.cpu_count()} cores, Python {python}, {numbers}")
    print(f"command  python benchmarks/sampling_speed.py --turns {arguments.turns}")
    print(f"start    {spread(starts, '.2f')} s to import JAX and write the first 256 at 2x256\n")
    print(f"| network | NumPy | JAX | JAX / NumPy | JAX, {STREAMS} streams together |")
    print("|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
