"""Measure the index of `textgen trace`: time, size and memory, and how long a text is looked up.

    python benchmarks/tracing.py --megabytes 1 100

The text is a chain of the words of the fables: each word is drawn among those that follow the word
before it there. Half of the text that is looked up is new, and half is made of stretches of 100
characters of the indexed text. With `--line`, one line is repeated instead, the worst case. The
memory is the most that a process held, the mapped text and the mapped index included.
"""

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textgen.data.shipped import load_text, shipped_corpus
from textgen.data.text_index import TextIndex
from textgen.runs.trace_index import NAME, open_index

# Chains that are drawn side by side, and length of a copied stretch in characters.
CHAINS, STRETCH = 2048, 100
LENGTHS = (2_000, 100_000)
LEAST = 20
# Name of the file with the text.
TEXT = "text"


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--line", action="store_true", help="a text of one repeated line")
    return parser.parse_args()


def chain(size: int, seed: int) -> NDArray[np.uint8]:
    """Draw a text of `size` characters from the words of the fables."""
    words = load_text(shipped_corpus()).encode("ascii", "replace").split()
    known, ids = np.unique(words, return_inverse=True)
    order = np.argsort(ids[:-1], kind="stable")
    followers, firsts = ids[1:][order], np.searchsorted(ids[:-1][order], np.arange(len(known) + 1))
    counts = np.maximum(np.diff(firsts), 1)
    random = np.random.default_rng(seed)
    now, drawn, length = random.choice(ids[:-1], CHAINS), [], 0
    while length < size:
        drawn.append(now)
        length += CHAINS * 5
        at = firsts[now] + (random.random(CHAINS) * counts[now]).astype(np.int64)
        now = followers[np.minimum(at, len(followers) - 1)]
    table = [word + b" " for word in known.tolist()]
    text = b"".join(table[one] for one in np.stack(drawn).T.reshape(-1).tolist())
    return np.frombuffer(text[:size].ljust(size), np.uint8)


def text_to_find(text: NDArray[np.uint8], length: int) -> NDArray[np.int64]:
    """Return a text of which half is copied and half is new."""
    begins = np.random.default_rng(1).integers(0, len(text) - STRETCH, length // STRETCH // 2)
    copied = [text[begin : begin + STRETCH] for begin in begins.tolist()]
    return np.concatenate([*copied, chain(length // 2, 2)]).astype(np.int64)


def opened(folder: Path, text: NDArray[np.uint8]) -> tuple[TextIndex, float]:
    """Open the index of a text; return it and the seconds that this took."""
    begun = time.perf_counter()
    opening = open_index(folder, text, "text", LEAST)
    while True:
        try:
            next(opening)
        except StopIteration as stop:
            return stop.value[0], time.perf_counter() - begun


def write_text(path: Path, size: int, is_line: bool) -> None:
    """Write the text that is indexed."""
    line = np.frombuffer(b"the quick brown fox jumps over the lazy dog, and it sleeps.\n", np.uint8)
    (np.resize(line, size) if is_line else chain(size, 0)).tofile(path)


def measure(folder: Path, kind: str) -> None:
    """Measure a text, and print a row of the table."""
    text = np.memmap(folder / TEXT, np.uint8, "r")
    _, made = opened(folder, text)
    index, read = opened(folder, text)
    held = (folder / NAME).stat().st_size / 1e6
    seconds = []
    for length in LENGTHS:
        query = text_to_find(text, length)
        begun = time.perf_counter()
        index.find(query, LEAST)
        seconds.append(time.perf_counter() - begun)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    looked_up = [f"{one:.2f}" for one in (read, *seconds)]
    cells = [kind, f"{made:.1f}", f"{held:.1f}", *looked_up, f"{memory:.0f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the table."""
    arguments = parse_arguments()
    heads = "".join(f" {length:,} characters, s |" for length in LENGTHS)
    print(f"| text, MB | index made, s | its size, MB | read again, s |{heads} memory, MB |")
    print("|---|---|---|---|" + "---|" * len(LENGTHS) + "---|")
    # A process that is forked counts the memory of its parent as its own.
    context = multiprocessing.get_context("spawn")
    for megabytes in arguments.megabytes:
        kind = f"{megabytes}{', one line' if arguments.line else ''}"
        with tempfile.TemporaryDirectory() as name:
            writing = (Path(name) / TEXT, megabytes * 10**6, arguments.line)
            for target, given in ((write_text, writing), (measure, (Path(name), kind))):
                process = context.Process(target=target, args=given)
                process.start()
                process.join()


if __name__ == "__main__":
    main()
