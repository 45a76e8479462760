"""What every contestant shares: its shape, its batches, and the turns it takes on request."""

import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

VOCAB_SIZE = 65
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What is trained: layers of a width, behind an embedding, on batches [B, T]."""

    num_layers: int
    hidden_size: int
    embedding_size: int
    batch_size: int
    sequence_length: int


Steps = Callable[[np.ndarray, np.ndarray], list[float]]


def peak_memory() -> int:
    """Return the most memory that this process has held so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def take_turns(build: Callable[[Shape], tuple[Steps, int]]) -> None:
    """Build a contestant from the shape in argv, then train whenever a line of stdin says so.

    A line holds a number of seconds. Each is answered by a line of JSON: how many characters were
    trained on in about that time, how long it took, and the most memory held so far beyond what
    the process held before building. The first line printed tells the seconds that building took,
    and by how many the first call was longer than the second: those of compiling.

    Args:
        build: makes a function of (inputs [K, B, T], targets [K, B, T]), int32, that takes K steps
            of training, one after the other from the recurrent state that the last one left, and
            returns their losses as numbers of the host; and K.
    """
    shape = Shape(**json.loads(sys.argv[1]))
    before = peak_memory()
    begun = time.perf_counter()
    steps, count = build(shape)
    source = np.random.default_rng(0)
    size = (4, 2, count, shape.batch_size, shape.sequence_length)
    batches = source.integers(0, VOCAB_SIZE, size, dtype=np.int32)
    built = time.perf_counter()
    steps(*batches[0])
    called = time.perf_counter()
    steps(*batches[1])
    again = time.perf_counter()
    start = {"build": built - begun, "compile": max(2 * called - built - again, 0)}
    print(json.dumps(start), flush=True)
    calls = 0

    def train() -> int:
        nonlocal calls
        losses = steps(*batches[calls % len(batches)])
        if len(losses) != count or not np.isfinite(losses).all():
            raise ValueError(f"the losses are {losses}")
        calls += 1
        return count * shape.batch_size * shape.sequence_length

    _answer_turns(train, before)


def take_writing_turns(build: Callable[[Shape], Callable[[], int]]) -> None:
    """Build a contestant from the shape in argv, then write whenever a line of stdin says so.

    Lines are answered as by `take_turns`. The shape's batch size is the number of texts that are
    written side by side.

    Args:
        build: makes a function that writes some more characters of each text, drawn from the
            softmax at temperature 0.8, and returns how many it wrote together.
    """
    shape = Shape(**json.loads(sys.argv[1]))
    before = peak_memory()
    begun = time.perf_counter()
    write = build(shape)
    built = time.perf_counter()
    write()
    print(json.dumps({"build": built - begun, "compile": time.perf_counter() - built}), flush=True)
    _answer_turns(write, before)


def _answer_turns(work: Callable[[], int], before: int) -> None:
    for line in sys.stdin:
        allowed, characters = float(line), 0
        begun = time.perf_counter()
        while time.perf_counter() - begun < allowed:
            characters += work()
        answer = {
            "characters": characters,
            "seconds": time.perf_counter() - begun,
            "memory": peak_memory() - before,
        }
        print(json.dumps(answer), flush=True)
