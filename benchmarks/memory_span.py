"""Measure over how many characters each cell can learn to carry a letter.

    python benchmarks/memory_span.py --lessons 10 20 40 mixed --results spans.json
    python benchmarks/memory_span.py --lessons --results spans.json --picture docs/memory_span.png

The text consists of lines such as `c..........?c`: a letter, a gap of dots, a question mark and the
letter again. A network can predict the last letter only if it has carried the first one across the
gap. There is one lesson for each number of dots, and the lesson `mixed`, whose gaps have 2 to 80
dots: their logarithms are uniform. The score is the share of new lines in which the likeliest
character after the question mark is the right letter. Guessing is right once in four.

All cells have the same number of units, and every cell of a lesson the same grid of settings: each
learning rate with the initialisation of the package and with one for long spans. Each point of the
grid is trained with each seed, until every letter of the validation lines is right or the steps are
over. The point with the highest median share on the validation lines is chosen, and of equal ones
that with the fewest steps. The tables show its share on other lines, the test lines.

The picture needs matplotlib (the extra `plot`).
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.network.model import create_model, network_function, zero_states
from textgen.settings import CellName, ModelSettings, TrainingSettings
from textgen.training.loop import Progress
from textgen.workflows.supervise import make_trainer

LETTERS = 4
DOT, QUESTION, NEWLINE = LETTERS + 1, LETTERS + 2, LETTERS + 3  # ids; 0 is the unknown character
# Characters of a line that are not dots.
FRAME = 4
MIXED = "mixed"
SHORTEST, LONGEST = 2, 80
# Gaps that are asked for after the lesson of mixed gaps. It has no gap of 160.
MIXED_GAPS = (2, 5, 10, 20, 40, 80, 160)
HIDDEN_SIZE = 64
OWN, LONG = "own", "long"
TEXT_CHARACTERS = 400_000
CHARACTERS_PER_STEP = 2048
STEPS_BETWEEN_TESTS = 100
# Lines for each measured gap: rows that begin from the zero state, and lines in each.
ROWS, LINES = 64, 4


Arrays = dict[str, NDArray[np.float32]]


class Point(NamedTuple):
    """A point of the grid: peak learning rate, and `own` or `long` for the initialisation."""

    rate: float
    start: str


class Outcome(NamedTuple):
    """What a training came to.

    Attributes:
        steps: steps made.
        validation: share of the validation lines completed rightly, in [0, 1].
        test: the same share of the test lines, for each gap that was asked for.
    """

    steps: int
    validation: float
    test: list[float]


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


def share_right(logits: NDArray[Any], rows: NDArray[np.int32]) -> float:
    """Return the share of question marks after which the likeliest character is the right letter.

    The first line of each row does not count: training hardly ever begins from the zero state.

    Args:
        logits: those after each character of the rows but the last, float [T - 1, B, V].
        rows: LINES whole lines of one length, int32 [B, T].
    """
    asked = rows[:, :-1] == QUESTION
    asked[:, : rows.shape[1] // LINES] = False
    guesses = np.argmax(logits, axis=-1).T
    return float(np.mean(guesses[asked] == rows[:, 1:][asked]))


def prepare(cell: CellName, parameters: Arrays, span: int, seed: int) -> Arrays:
    """Return initial parameters for a memory of 1 to `span` characters.

    The gate that keeps the state begins at s / (1 + s), for a span s of each unit. The LSTM's input
    gate begins at 1 / (1 + s), so that the dots do not fill the cell; in the GRU this follows from
    its equation. A vanilla RNN keeps its state if the recurrent kernel is the identity and little
    is added to the state.

    References:
        Tallec and Ollivier (2018), Can recurrent neural networks warp time?
        Le, Jaitly and Hinton (2015), A Simple Way to Initialize Recurrent Networks of Rectified
        Linear Units; here with tanh.
    """
    prepared = {name: np.array(array) for name, array in parameters.items()}
    if cell == "rnn":
        prepared["layers.0.recurrent_kernel"][:] = np.eye(HIDDEN_SIZE)
        prepared["layers.0.input_kernel"] *= 0.1
        return prepared
    spans = np.random.default_rng(seed).uniform(1, max(span - 1, 1), HIDDEN_SIZE)
    bias = prepared["layers.0.bias"]
    bias[HIDDEN_SIZE : 2 * HIDDEN_SIZE] = np.log(spans)
    if cell == "lstm":
        bias[:HIDDEN_SIZE] = -np.log(spans)
    return prepared


class Learner:
    """A cell and a lesson, compiled once for all points of the grid and all seeds."""

    def __init__(self, cell: CellName, lesson: str, steps: int) -> None:
        """Draw the lesson's text and make a trainer for it."""
        self.cell, self.longest = cell, LONGEST if lesson == MIXED else int(lesson)
        self.gaps = MIXED_GAPS if lesson == MIXED else (self.longest,)
        self.model = ModelSettings(
            vocab_size=LETTERS + 4,
            embedding_size=HIDDEN_SIZE,
            hidden_size=HIDDEN_SIZE,
            num_layers=1,
            dropout_rate=0.0,
            cell=cell,
        )
        # A window holds at least one complete line, wherever the line begins.
        length = max(2 * (self.longest + FRAME), 64)
        plan = TrainingSettings(
            steps=steps,
            batch_size=max(CHARACTERS_PER_STEP // length, 2),
            sequence_length=length,
            learning_rate=0.01,  # each training sets its own
            warmup_steps=steps // 20,
            b2=0.999,
            eval_every=steps,
            checkpoint_every=STEPS_BETWEEN_TESTS,
        )
        generator = np.random.default_rng(0)
        gaps = draw_gaps(lesson, TEXT_CHARACTERS // (self.longest + FRAME), generator)
        text = make_text(gaps, generator)
        self.trainer = make_trainer(self.model, plan, text, text[:1000])
        apply, zero = network_function(self.model), zero_states(self.model, ROWS)
        self._read = jax.jit(lambda parameters, ids: apply(parameters, ids, zero)[0])
        self._validation = [make_rows(gap, 1) for gap in self.gaps if gap <= self.longest]
        self._test = [make_rows(gap, 2) for gap in self.gaps]

    def _shares(self, every: Sequence[NDArray[np.int32]]) -> list[float]:
        parameters = self.trainer.state.parameters
        return [share_right(np.asarray(self._read(parameters, ids[:, :-1])), ids) for ids in every]

    def train(self, point: Point, seed: int) -> Outcome:
        """Train from the parameters of a seed and measure what the cell carries."""
        trainer = self.trainer
        trainer.adopt(replace(trainer.plan, learning_rate=point.rate, seed=seed))
        parameters = initial_parameters(self.model, seed)
        if point.start == LONG:
            parameters = prepare(self.cell, parameters, self.longest, seed)
        trainer.restore(trainer.fresh_state(parameters), Progress())
        validation = 0.0
        for report in trainer.run():
            if report.step % STEPS_BETWEEN_TESTS == 0:
                validation = float(np.mean(self._shares(self._validation)))
                if validation == 1:
                    break
        return Outcome(trainer.progress.step, validation, self._shares(self._test))


@cache
def initial_parameters(model: ModelSettings, seed: int) -> Arrays:
    """Return the parameters that the package gives to a network of a seed."""
    _, parameters = create_model(model, seed)
    return {name: np.asarray(array) for name, array in parameters.items()}


def rank(outcomes: Sequence[Outcome]) -> tuple[float, float]:
    """Return by what points of the grid are compared; the least is the best."""
    return -median(one.validation for one in outcomes), median(one.steps for one in outcomes)


def spread(shares: Sequence[float]) -> str:
    """Return the median of some shares in percent, and the lowest and highest in brackets."""
    low, middle, high = (f"{100 * pick(shares):.0f}" for pick in (min, median, max))
    return f"{middle} %" if low == high else f"{middle} % ({low}-{high})"


def learn(
    lesson: str, points: Sequence[Point], steps: int, seeds: Sequence[int]
) -> dict[str, list[list[float]]]:
    """Train every cell on a lesson with every point of the grid, and print a table of all.

    Returns:
        For each cell the shares on the test lines of the chosen point, a list of seeds for each
        gap.
    """
    columns = MIXED_GAPS if lesson == MIXED else (lesson,)
    print(f"\nlesson {lesson}, at most {steps:,} steps\n")
    print("| cell | learning rate | start | steps | validation |", end="")
    print("".join(f" test {column} |" for column in columns))
    print("|---" * (5 + len(columns)) + "|", flush=True)
    chosen = {}
    for name in CELLS:
        learner, grid = Learner(name, lesson, steps), {}
        for point in points:
            outcomes = [learner.train(point, seed) for seed in seeds]
            grid[point] = outcomes
            by_gap = zip(*(one.test for one in outcomes), strict=True)
            cells = [
                CELLS[name].title,
                str(point.rate),
                point.start,
                f"{median(one.steps for one in outcomes):.0f}",
                spread([one.validation for one in outcomes]),
                *map(spread, by_gap),
            ]
            print(f"| {' | '.join(cells)} |", flush=True)
        best = min(grid, key=lambda point: rank(grid[point]))
        print(f"\nchosen: {CELLS[name].title} {best.rate} {best.start}\n", flush=True)
        chosen[name] = [list(shares) for shares in zip(*(o.test for o in grid[best]), strict=True)]
    return chosen


def main() -> None:
    """Train every cell on every lesson, print the tables, and draw the results kept so far."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--lessons", nargs="*", default=["10", "20", "40", MIXED])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.002, 0.005])
    parser.add_argument("--starts", nargs="+", default=[OWN, LONG], choices=[OWN, LONG])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--results", type=Path, help="file that keeps the chosen points")
    parser.add_argument("--picture", type=Path)
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    print(f"command: {' '.join(['python', *sys.argv])}")
    results = {}
    if arguments.results and arguments.results.exists():
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
    points = [Point(*each) for each in product(arguments.rates, arguments.starts)]
    for lesson in arguments.lessons:
        results[lesson] = learn(lesson, points, arguments.steps, arguments.seeds)
        if arguments.results:
            arguments.results.write_text(json.dumps(results), encoding="utf-8")


if __name__ == "__main__":
    main()
