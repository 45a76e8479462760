"""Learning curves: the losses of runs during training, and baselines on the same text."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from textgen.errors import RunError, SettingError
from textgen.evaluation.baselines import Baseline, measure_baselines
from textgen.runs.record import RunRecord
from textgen.runs.run import METRICS, Run

By = Literal["steps", "characters", "minutes"]
# Largest text to measure baselines on, in characters; on more it would take minutes.
MOST_CHARACTERS = 4_000_000
# The y axis covers this quantile of the losses, and this many times its distance to the lowest.
USUAL_SHARE, USUAL_TIMES = 0.8, 2.0
# A first loss of more bits comes from a failed training: a uniform choice among all characters of
# Unicode costs about as much.
MOST_BITS = 20.0
# Smallest range of the y axis, in bits.
LEAST_RANGE = 0.01
# Largest plausible value of a metric. Rows with larger or negative values are skipped.
MOST = 1e15
TRAINING, VALIDATION = "training_bits_per_character", "validation_bits_per_character"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best checkpoint of a run.

    Attributes:
        step: its step.
        x: its position on the x axis; None for a time that the metrics do not hold.
        validation: its validation loss in bits per character.
    """

    step: int
    x: float | None
    validation: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The losses of a run in bits per character, one for each evaluation.

    Attributes:
        run: name of the run, or its path if it lies outside the runs folder.
        x: steps, characters or minutes of training before each evaluation, in rising order.
        training: mean training loss since the evaluation before.
        validation: loss on the validation text, or on a part of it if the text is long.
        best: the best checkpoint; None if no checkpoint was evaluated yet.
    """

    run: str
    x: tuple[float, ...]
    training: tuple[float, ...]
    validation: tuple[float, ...]
    best: Best | None


def read_curve(run: Run, by: By) -> Curve:
    """Read the curves of a run.

    Args:
        run: a run with at least one evaluation.
        by: what the x axis counts, from the start of the run.

    Raises:
        SettingError: if `by` is none of the three.
        RunError: if the run has no evaluation yet.
        DamagedError: if the record or the metrics of the run are damaged.
    """
    if by not in get_args(By):
        raise SettingError("by", by, "steps, characters or minutes")
    record, rows = run.record(), sorted(run.metrics(), key=lambda row: row["step"])
    needed = ("step", TRAINING, VALIDATION, "seconds")
    rows = [row for row in rows if all(0 <= row.get(key, math.nan) < MOST for key in needed)]
    if not rows:
        if any(run.steps()):
            raise RunError(
                f"the run {str(run.path)!r} has checkpoints, but its metrics hold no evaluation: "
                f"{METRICS} is empty, damaged or missing, and there is nothing to plot"
            )
        raise RunError(
            f"the run {str(run.path)!r} has no evaluation to plot yet; "
            f"train it: textgen train --resume {run.reference}"
        )
    return Curve(
        run=run.title,
        x=tuple(_position(record, row, by) for row in rows),
        training=tuple(row[TRAINING] for row in rows),
        validation=tuple(row[VALIDATION] for row in rows),
        best=_best(run, record, rows, by),
    )


def _best(run: Run, record: RunRecord, rows: Sequence[dict[str, float]], by: By) -> Best | None:
    """Return the best checkpoint of a run, whether or not its row of the metrics is there."""
    losses = run.validation_losses(damaged=True)
    if not losses:
        return None
    step = min(losses, key=lambda step: (losses[step], step))
    row = next((row for row in rows if row["step"] == step), {"step": step})
    x = _position(record, row, by) if by != "minutes" or "seconds" in row else None
    return Best(step=step, x=x, validation=losses[step] / math.log(2))


def _position(record: RunRecord, row: Mapping[str, float], by: By) -> float:
    step = int(row["step"])
    if by == "minutes":
        return row["seconds"] / 60
    return float(step if by == "steps" else characters_read(record, step))


def characters_read(record: RunRecord, step: int) -> int:
    """Return how many characters a run had read after a step; each of its plans counts in turn."""
    ends = [plan.first_step for plan in record.plans[1:]] + [step]
    return sum(
        max(min(step, end) - plan.first_step, 0) * plan.characters_per_step
        for plan, end in zip(record.plans, ends, strict=True)
    )


def share_a_text(runs: Sequence[Run]) -> bool:
    """Return whether runs have the same training text and the same validation text."""
    corpora = [run.record().corpus for run in runs]
    return len({(corpus.sha256, corpus.training_ids) for corpus in corpora}) == 1


def share_a_direction(runs: Sequence[Run]) -> bool:
    """Return whether all runs read forward, or all read in both directions."""
    return len({run.record().config.settings.direction for run in runs}) == 1


def why_no_baselines(run: Run) -> str | None:
    """Return in a few words why the baselines of a run cannot be measured; None if they can."""
    corpus = run.record().corpus
    if run.record().config.settings.direction == "both":
        return f"the run {run.title} reads in both directions, and they read forward"
    if not corpus.kept:
        return f"the run {run.title} has not kept its text"
    if corpus.tokens > MOST_CHARACTERS:
        return f"measuring them on {corpus.tokens:,} characters would take long"
    return None


def baselines_of(run: Run) -> Iterator[Baseline]:
    """Measure the baselines of a run on its whole validation text.

    It takes some seconds for each million characters.

    Args:
        run: a run that has kept its text.

    Yields:
        The best n-gram model with the counts of the training text alone, and xz.

    Raises:
        DamagedError: if the record or the text of the run is damaged.
    """
    record = run.record()
    for found in measure_baselines(*run.open_parts(record), record.config.vocabulary):
        if isinstance(found, Baseline) and (found.name == "xz" or not found.is_adaptive):
            yield found


def bits_shown(curves: Sequence[Curve], baselines: Sequence[Baseline]) -> tuple[float, float]:
    """Choose the range of the y axis: from the lowest loss to those at the start of training.

    A loss that is far higher, as after a failed step, would flatten the curves, and so would a
    baseline. These are left out, except those that are not above the first losses.

    Args:
        curves: at least one.
        baselines: baselines in the same chart.

    Returns:
        The lowest and the highest loss shown, in bits per character. No loss is below the range.
    """
    losses = np.concatenate([[*curve.training, *curve.validation] for curve in curves])
    levels = [baseline.bits for baseline in baselines]
    bests = [curve.best.validation for curve in curves if curve.best is not None]
    lowest = float(min(losses.min(), *levels, *bests, math.inf))
    usual = float(np.quantile(losses, USUAL_SHARE))
    firsts = [loss for curve in curves for loss in (curve.training[0], curve.validation[0])]
    plausible = [loss for loss in firsts if loss <= MOST_BITS]
    limit = max(lowest + USUAL_TIMES * (usual - lowest), *plausible, 0.0)
    shown = [value for value in (*losses.tolist(), *levels, usual) if value <= limit]
    return lowest, max(*shown, lowest + LEAST_RANGE)


def losses_above(curves: Sequence[Curve], high: float) -> list[float]:
    """Return the losses above the upper end of a chart, in rising order."""
    losses = (loss for curve in curves for loss in (*curve.training, *curve.validation))
    return sorted(loss for loss in losses if loss > high)
