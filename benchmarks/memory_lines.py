"""Lines that ask for a letter again after a gap, and how well a network answers.

A line such as `c..........?c` is a letter, a gap of dots, a question mark and the letter again. It
is made as token ids.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.settings import CellName

LETTERS = 4
DOT, QUESTION, NEWLINE = LETTERS + 1, LETTERS + 2, LETTERS + 3  # ids; 0 is the unknown character
VOCAB_SIZE = LETTERS + 4
# Characters of a line that are not dots.
FRAME = 4
MIXED = "mixed"
# Fewest and most dots of a line of mixed gaps.
SHORTEST, LONGEST = 2, 80
# How the names of lessons begin whose lines are each read alone.
ALONE = "alone-"
# Gaps that are asked for after the lesson of mixed gaps. It has no gap of 160.
MIXED_GAPS = (2, 5, 10, 20, 40, 80, 160)
# Rows that are read from the zero state, and lines in each, for each measured gap.
ROWS, LINES = 64, 4
# How the parameters begin: as the package draws them, with one gate open, or with both gates set.
OWN, KEEP, LONG = "own", "keep", "long"

Arrays = dict[str, NDArray[np.float32]]


def gap_of(lesson: str) -> int:
    """Return the number of dots that all lines of a lesson have."""
    return int(lesson.removeprefix(ALONE))


def draw_gaps(lesson: str, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """Draw the number of dots in each of `count` lines of a lesson."""
    if lesson != MIXED:
        return np.full(count, int(lesson))
    logarithms = generator.uniform(np.log(SHORTEST), np.log(LONGEST + 1), count)
    return np.exp(logarithms).astype(np.int64)


def make_text(gaps: Iterable[int], generator: np.random.Generator) -> NDArray[np.uint8]:
    """Return one line for each gap as token ids, with letters drawn at random."""
    ids = list[int]()
    for gap in gaps:
        letter = int(generator.integers(1, LETTERS + 1))
        ids += [letter, *[DOT] * int(gap), QUESTION, letter, NEWLINE]
    return np.array(ids, np.uint8)


def make_rows(gap: int, seed: int) -> NDArray[np.int32]:
    """Return lines of one gap to be read from the zero state, int32 [ROWS, LINES * (gap + 4)]."""
    generator = np.random.default_rng(seed)
    return make_text([gap] * (ROWS * LINES), generator).reshape(ROWS, -1).astype(np.int32)


def share_right(logits: NDArray[Any], rows: NDArray[np.int32], skip: int = 0) -> float:
    """Return the share of question marks after which the likeliest character is the right letter.

    Args:
        logits: those after each character of the rows but the last, float [T - 1, B, V].
        rows: whole lines, int32 [B, T].
        skip: number of characters at the start of each row of which nothing counts.
    """
    asked = rows[:, :-1] == QUESTION
    asked[:, :skip] = False
    guesses = np.argmax(logits, axis=-1).T
    return float(np.mean(guesses[asked] == rows[:, 1:][asked]))


def prepare(cell: CellName, parameters: Arrays, start: str, span: int, seed: int) -> Arrays:
    """Return initial parameters for a memory of 1 to `span` characters.

    With `keep` and `long`, the gate that keeps the state begins at s / (1 + s), for a span s of
    each unit. With `long`, the LSTM's input gate also begins at 1 / (1 + s), so that the dots do
    not fill the cell; in the GRU this follows from its equation. A vanilla RNN keeps its state if
    the recurrent kernel is the identity and little is added to the state.

    Args:
        cell: the cell, of one layer.
        parameters: those that the package draws; they stay as they are.
        start: `own` for a copy, `keep` or `long`.
        span: longest gap, in characters.
        seed: seed of the spans of the units.

    References:
        Tallec and Ollivier (2018), Can recurrent neural networks warp time?
        Le, Jaitly and Hinton (2015), A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units; here with tanh.
    """
    prepared = {name: np.array(array) for name, array in parameters.items()}
    if start == OWN:
        return prepared
    bias = prepared["layers.0.bias"]
    size = len(bias) // CELLS[cell].num_gates
    if cell == "rnn":
        prepared["layers.0.recurrent_kernel"][:] = np.eye(size)
        prepared["layers.0.input_kernel"] *= 0.1
        return prepared
    spans = np.random.default_rng(seed).uniform(1, max(span - 1, 1), size)
    bias[size : 2 * size] = np.log(spans)  # the forget gate of the LSTM, the update gate of the GRU
    if cell == "lstm" and start == LONG:
        bias[:size] = -np.log(spans)
    return prepared
