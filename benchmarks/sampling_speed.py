"""Compare how fast textgen, PyTorch, ONNX Runtime and Flax write; measure what controls cost.

    python benchmarks/sampling_speed.py [--shapes 2x128] [--tables speed controls]

Each contestant is a process of its own (benchmarks/contestants/) with a network of random weights
that writes characters at temperature 0.8, one text or 64 together. Contestants take turns. A ratio
is computed for each turn and reported as the median, with the lowest and the highest in brackets.
Controls are compared within one process, also in turns. Nothing else should run on the machine.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
from training_speed import CONTESTANTS, ONNX, PYTORCH, enter, python_of, spread

sys.path.insert(0, str(CONTESTANTS))

SHAPES = {"2x128": (2, 128), "2x256": (2, 256), "2x512": (2, 512)}
STREAMS = 64
RIVALS = ("pytorch", "flax", "onnx", "onnx_int8")
WORDS = 300


def shape_of(title: str, streams: int) -> dict[str, int]:
    """Return a network's shape in the form that contestants read."""
    num_layers, hidden_size = SHAPES[title]
    return {
        "num_layers": num_layers,
        "hidden_size": hidden_size,
        "embedding_size": hidden_size,
        "batch_size": streams,
        "sequence_length": 1,
    }


def compare(title: str, streams: int, rounds: int, seconds: float) -> None:
    """Let all contestants take turns and print a row for each."""
    names = ["textgen_jax", *(["textgen_numpy"] if streams == 1 else [])]
    names += [f"{name}_writing" for name in RIVALS]
    environments = {name: name.removesuffix("_writing").removesuffix("_int8") for name in names}
    pythons = {name: python_of(environment) for name, environment in environments.items()}
    entered = speeds_in_turn(pythons, shape_of(title, streams), rounds, seconds)
    for contestant, speeds, ratio in entered:
        what = contestant.removesuffix("_writing").replace("_", ", ")
        print(f"| {title} | {streams} | {what} | {speeds} | {ratio} |", flush=True)


def speeds_in_turn(
    pythons: Mapping[str, str], shape: Mapping[str, int], rounds: int, seconds: float
) -> Iterator[tuple[str, str, str]]:
    """Let contestants take turns, after one turn to warm up.

    Args:
        pythons: the Python interpreter of each contestant, by its name; textgen comes first.
        shape: shape of the network.
        rounds: number of turns that count.
        seconds: length of each turn.

    Yields:
        For each contestant its name, its characters per second, and how much faster textgen is.
    """
    with ExitStack() as leaving:
        entered = []
        for name, python in pythons.items():
            entered.append(enter(name, dict(shape), "", python))
            leaving.callback(entered[-1].leave)
        for number in range(rounds + 1):
            for contestant in entered:
                contestant.train(seconds)
                if number == 0:
                    contestant.speeds.clear()
    ours = entered[0]
    for contestant in entered:
        ratio = [a / b for a, b in zip(ours.speeds, contestant.speeds, strict=True)]
        faster = "" if contestant is ours else spread(ratio, ".1f")
        yield contestant.name, spread(contestant.speeds, ",.0f"), faster


def controls(vocab_size: int) -> dict[str, Any]:
    """Return settings with each control alone and with all controls together."""
    from textgen.data.vocabulary import Vocabulary
    from textgen.settings import SamplingSettings

    characters = "".join(map(chr, range(0x4E00, 0x4E00 + vocab_size - 4)))
    vocabulary = Vocabulary("\n ." + characters)
    source = np.random.default_rng(0)
    # None holds the character that is forbidden: a text that had begun such a word would be stuck.
    words = tuple("".join(source.choice(list(characters[2:]), 4)) for _ in range(WORDS))
    parts: dict[str, dict[str, Any]] = {
        "nothing": {},
        "a ramp of temperature": {"temperature": "0.7..0.9"},
        "top_k": {"top_k": 40},
        "typical_p": {"typical_p": 0.95},
        "top_p": {"top_p": 0.95},
        "min_p": {"min_p": 0.01},
        "repetition_penalty": {"repetition_penalty": 1.1},
        "words": {"words": words},
        "starts": {"starts": (words[0][0],) * 1000, "lines": 10**9},
        "max_copy": {"max_copy": 20},
        # The first character of each stop text may be written, the second never.
        "stop, forbid": {
            "stop": ("\n" + characters[1], " " + characters[1]),
            "forbid": characters[1],
        },
    }
    parts["all of them"] = {name: value for part in parts.values() for name, value in part.items()}
    return {
        "vocabulary": vocabulary,
        "settings": {name: SamplingSettings(**part) for name, part in parts.items()},
    }


def compare_controls(
    title: str, vocab_size: int, engine: str, streams: int, rounds: int, seconds: float
) -> None:
    """Print how much slower each control makes writing."""
    from turns import Shape
    from writing import build

    made = controls(vocab_size)
    training = np.random.default_rng(1).integers(1, vocab_size, 10**6).astype(np.uint16)
    shape = Shape(**shape_of(title, streams))
    writers: dict[str, Callable[[], int]] = {
        name: build(shape, engine, settings, training, made["vocabulary"])
        for name, settings in made["settings"].items()
    }
    speeds: dict[str, list[float]] = {name: [] for name in writers}
    for write in writers.values():
        for _ in range(10):  # the first pieces are short
            write()
    for _ in range(rounds):
        for name, write in writers.items():
            begun, written = time.perf_counter(), 0
            while time.perf_counter() - begun < seconds:
                written += write()
            speeds[name].append(written / (time.perf_counter() - begun))
    for name, values in speeds.items():
        cost = [100 * (a / b - 1) for a, b in zip(speeds["nothing"], values, strict=True)]
        cells = (
            f"{title}, V = {vocab_size:,}",
            engine,
            str(streams),
            name,
            spread(values, ",.0f"),
            "" if name == "nothing" else spread(cost, "+.0f"),
        )
        print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--tables", nargs="+", choices=["speed", "controls"], default=["speed"])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of a turn")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}, {PYTORCH[0]}, {ONNX[0]}")
    print(f"command: {' '.join(['python', *sys.argv])}")
    if "speed" in arguments.tables:
        print("\n| network | texts | contestant | characters/s | textgen, jax is faster by |")
        print("|---" * 5 + "|")
        for title in arguments.shapes:
            for streams in (1, STREAMS):
                compare(title, streams, arguments.rounds, arguments.seconds)
    if "controls" in arguments.tables:
        print("\n| network | engine | texts | control | characters/s | slower by, % |")
        print("|---" * 6 + "|")
        for title in arguments.shapes:
            for engine, streams in (("numpy", 1), ("jax", 1), ("jax", STREAMS)):
                compare_controls(title, 65, engine, streams, arguments.rounds, arguments.seconds)
        for engine in ("numpy", "jax"):
            compare_controls("2x256", 6000, engine, 1, arguments.rounds, arguments.seconds)


if __name__ == "__main__":
    main()
