"""Code that all contestants share: the shape, the batches, and taking turns on request."""

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
    """Shape of the network, and of the batches [B, T] it is trained on."""

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

    Each line of stdin is a number of seconds. The answer is a line of JSON: the number of
    characters trained on in about that time, the seconds it took, and the peak memory so far minus
    the memory before building. The first line printed gives the seconds of building, and the
    seconds of compiling: by how much the first call was longer than the second.

    Args:
        build: returns a function and K. The function takes inputs and targets, both int32
            [K, B, T], trains K steps, each from the recurrent state that the one before left, and
            returns their losses as numbers on the host.
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

    The answers are those of `take_turns`. The shape's batch size is the number of texts that are
    written side by side.

    Args:
        build: returns a function that writes some more characters of each text, sampled at
            temperature 0.8, and returns the number of characters of all texts together.
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
