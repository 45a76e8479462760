"""Measure over how many characters each cell can learn to carry a letter.

    python benchmarks/memory_span.py --results spans.json --picture docs/memory_span.png
    python benchmarks/memory_span.py --lessons 10 80 mixed --rates 0.005 --results spans.json
    python benchmarks/memory_span.py --lessons --before 20 40 80

The text consists of lines such as `c..........?c`: a letter, a gap of dots, a question mark and the
letter again. A network can predict the last letter only if it has carried the first one across the
gap. The lessons are: a number, such as `40`, for a stream of lines with that many dots; `alone-40`
for the same lines, each read from the zero state; and `mixed` for a stream of lines of 2 to 80 dots
with uniform logarithms. The score is the share of new lines in which the likeliest character after
the question mark is the right letter. Guessing is right once in four.

All cells have the same number of units, and in a lesson the same grid of settings: each learning
rate with each start of the parameters (`own`, `keep` and `long`, see memory_lines.py). Each point
of the grid is trained with each seed, until every letter of the validation lines is right or the
steps are over. The point with the highest median share on the validation lines is chosen. Of equal
ones that with the highest share of its worst seed is, then that with the fewest steps. The tables
show its share on other lines, the test lines.

`--before` trains nothing. It shows how far the LSTM's cell has filled with dots before training.
The picture shows what `--results` has kept. It needs matplotlib (the extra `plot`).
"""

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from itertools import product
from pathlib import Path
from statistics import median
from typing import NamedTuple

import jax
import numpy as np
from memory_lines import (
    ALONE,
    FRAME,
    KEEP,
    LONG,
    LONGEST,
    MIXED,
    MIXED_GAPS,
    OWN,
    ROWS,
    VOCAB_SIZE,
    Arrays,
    draw_gaps,
    gap_of,
    make_rows,
    make_text,
    prepare,
    share_right,
)
from memory_picture import draw
from numpy.typing import NDArray

from textgen.network.cells import CELLS
from textgen.network.model import create_model, network_function, zero_states
from textgen.pictures.save import save_picture
from textgen.settings import CellName, ModelSettings, TrainingSettings
from textgen.training.loop import Progress
from textgen.workflows.supervise import make_trainer

LESSONS = [*(f"{kind}{gap}" for kind in (ALONE, "") for gap in (10, 20, 40, 80)), MIXED]
HIDDEN_SIZE = 64
TEXT_CHARACTERS = 400_000
CHARACTERS_PER_STEP = 2048
STEPS_BETWEEN_TESTS = 100


class Point(NamedTuple):
    """A point of the grid: peak learning rate, and `own`, `keep` or `long` for the start."""

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


def model_of(cell: CellName) -> ModelSettings:
    """Return the shape that every cell is measured with."""
    return ModelSettings(
        vocab_size=VOCAB_SIZE,
        embedding_size=HIDDEN_SIZE,
        hidden_size=HIDDEN_SIZE,
        num_layers=1,
        dropout_rate=0.0,
        cell=cell,
    )


class Learner:
    """A cell and a lesson, compiled once for all points of the grid and all seeds."""

    def __init__(self, cell: CellName, lesson: str, steps: int) -> None:
        """Draw the lesson's text and make a trainer for it."""
        self.cell, self._alone = cell, lesson.startswith(ALONE)
        self.longest = LONGEST if lesson == MIXED else gap_of(lesson)
        self.gaps = MIXED_GAPS if lesson == MIXED else (self.longest,)
        self.model = model_of(cell)
        # A window is one line, or it holds at least one, wherever the line begins.
        line = self.longest + FRAME
        length = line if self._alone else max(2 * line, 64)
        plan = TrainingSettings(
            steps=steps,
            batch_size=max(CHARACTERS_PER_STEP // length, 2),
            sequence_length=length,
            learning_rate=0.01,  # each training sets its own
            warmup_steps=steps // 20,
            b2=0.999,
            reset_rate=1.0 if self._alone else 0.0,
            eval_every=steps,
            checkpoint_every=STEPS_BETWEEN_TESTS,
        )
        generator = np.random.default_rng(0)
        gaps = draw_gaps(lesson.removeprefix(ALONE), TEXT_CHARACTERS // line, generator)
        text = make_text(gaps, generator)
        if self._alone:  # with one character more than whole windows, a window begins with a line
            text = text[: 1 - length]
        self.trainer = make_trainer(self.model, plan, text, text[:1000])
        apply = network_function(self.model)
        self._read = jax.jit(
            lambda parameters, ids: apply(parameters, ids, zero_states(self.model, len(ids)))[0]
        )
        self._validation = [(gap, make_rows(gap, 1)) for gap in self.gaps if gap <= self.longest]
        self._test = [(gap, make_rows(gap, 2)) for gap in self.gaps]

    def _shares(self, every: Sequence[tuple[int, NDArray[np.int32]]]) -> list[float]:
        """Return the share of right letters for each gap.

        Lines of a stream follow a line that does not count, since training in a stream hardly ever
        begins from the zero state.
        """
        shares, parameters = [], self.trainer.state.parameters
        for gap, rows in every:
            lines = rows.reshape(-1, gap + FRAME) if self._alone else rows
            logits = np.asarray(self._read(parameters, lines[:, :-1]))
            shares.append(share_right(logits, lines, 0 if self._alone else gap + FRAME))
        return shares

    def train(self, point: Point, seed: int) -> Outcome:
        """Train from the parameters of a seed and measure what the cell carries."""
        trainer = self.trainer
        trainer.adopt(replace(trainer.plan, learning_rate=point.rate, seed=seed))
        parameters = initial_parameters(self.model, seed)
        parameters = prepare(self.cell, parameters, point.start, self.longest, seed)
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


def filled(start: str, gap: int, seeds: Sequence[int]) -> float:
    """Return the mean of |c| of the untrained LSTM at the question marks of lines of one gap.

    The output is o * tanh(c), which hardly changes with c where |c| is far above 1.
    """
    sizes = []
    model = model_of("lstm")
    rows = make_rows(gap, 1)[:, :-2]
    for seed in seeds:
        parameters = prepare("lstm", initial_parameters(model, seed), start, gap, seed)
        _, states = network_function(model)(parameters, rows, zero_states(model, ROWS))
        sizes.append(np.abs(states[0].cell).mean())
    return float(np.mean(sizes))


def rank(outcomes: Sequence[Outcome]) -> tuple[float, float, float]:
    """Return by what points of the grid are compared; the least is the best."""
    shares = [one.validation for one in outcomes]
    return -median(shares), -min(shares), median(one.steps for one in outcomes)


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
    columns = MIXED_GAPS if lesson == MIXED else (lesson.removeprefix(ALONE),)
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
    parser.add_argument("--lessons", nargs="*", default=LESSONS)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--rates", type=float, nargs="+", default=[0.002, 0.005])
    parser.add_argument("--starts", nargs="+", default=[OWN, LONG], choices=[OWN, KEEP, LONG])
    parser.add_argument("--steps", type=int, default=1200)
    parser.add_argument("--results", type=Path, help="file that keeps the chosen points")
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--before", type=int, nargs="*", default=[], metavar="GAP")
    arguments = parser.parse_args()
    versions = ", ".join(f"{name} {version(name)}" for name in ("jax", "flax", "optax", "numpy"))
    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {platform.machine()}, {os.cpu_count()} cores")
    print(f"Python {platform.python_version()}, {versions}")
    print(f"command: {' '.join(['python', *sys.argv])}")
    results = {}
    if arguments.results and arguments.results.exists():
        results = json.loads(arguments.results.read_text(encoding="utf-8"))
    points = [Point(*each) for each in product(arguments.rates, arguments.starts)]
    if arguments.before:
        print(f"\n| mean of abs(c) | {' | '.join(map(str, arguments.before))} |")
        print("|---" * (1 + len(arguments.before)) + "|")
    for start in (OWN, KEEP, LONG) if arguments.before else ():
        sizes = [f"{filled(start, gap, arguments.seeds):.2f}" for gap in arguments.before]
        print(f"| {start} | {' | '.join(sizes)} |")
    for lesson in arguments.lessons:
        results[lesson] = learn(lesson, points, arguments.steps, arguments.seeds)
        if arguments.results:
            arguments.results.write_text(json.dumps(results), encoding="utf-8")
    if arguments.picture:
        save_picture(arguments.picture, draw(results))


if __name__ == "__main__":
    main()
