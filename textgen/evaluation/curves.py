"""Learning curves: the losses of runs as they were trained, and what simpler models reach."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from textgen.errors import RunError, SettingError
from textgen.evaluation.baselines import compressor_loss, ngram_losses
from textgen.runs.record import RunRecord
from textgen.runs.run import Run

By = Literal["steps", "characters", "minutes"]
# Baselines of larger texts would take minutes.
MOST_CHARACTERS = 4_000_000
# The chart ends above this share of the losses, at so many times their distance from the lowest.
USUAL_SHARE, USUAL_TIMES = 0.8, 2.0
# The least range of the y axis, in bits.
LEAST_RANGE = 0.01
# Above what is ever measured; rows of numbers that cannot be are passed over.
MOST = 1e15
TRAINING, VALIDATION = "training_bits_per_character", "validation_bits_per_character"


@dataclass(frozen=True, kw_only=True)
class Best:
    """The best checkpoint of a run: its step, its place on the x axis and its validation loss."""

    step: int
    x: float
    validation: float


@dataclass(frozen=True, kw_only=True)
class Curve:
    """The losses of a run in bits per character, one for each evaluation.

    Attributes:
        run: its name, or its path if it lies outside the folder of runs.
        x: the steps made, characters read or minutes trained until each evaluation, rising.
        training: the mean loss since the evaluation before.
        validation: the loss on the validation text, or on a part of it if it is long.
        best: the best checkpoint; None if no checkpoint was measured yet.
    """

    run: str
    x: tuple[float, ...]
    training: tuple[float, ...]
    validation: tuple[float, ...]
    best: Best | None


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """What a simpler model reaches on the whole validation text after the training text.

    Attributes:
        name: `n-gram` or `xz`.
        title: the same in full.
        bits: per character.
    """

    name: str
    title: str
    bits: float


def read_curve(run: Run, by: By) -> Curve:
    """Read the curves of a run.

    Args:
        run: any that was evaluated at least once.
        by: what the x axis counts, all from the start of the run.

    Raises:
        SettingError: if `by` is none of the three.
        RunError: if it was not evaluated yet.
        DamagedError: if its record or its metrics are damaged.
    """
    if by not in get_args(By):
        raise SettingError("by", by, "steps, characters or minutes")
    record, rows = run.record(), sorted(run.metrics(), key=lambda row: row["step"])
    needed = ("step", TRAINING, VALIDATION, "seconds")
    rows = [row for row in rows if all(0 <= row.get(key, math.nan) < MOST for key in needed)]
    if not rows:
        raise RunError(
            f"the run {str(run.path)!r} has no evaluation to plot yet; "
            f"train it: textgen train --resume {run.reference}"
        )
    places = {row["step"]: _place(record, row, by) for row in rows}
    losses = run.validation_losses(damaged=True)
    # A checkpoint whose row was lost has no place on the axis of minutes.
    best = min(losses, key=lambda step: (losses[step], step), default=None)
    return Curve(
        run=run.reference,
        x=tuple(places[row["step"]] for row in rows),
        training=tuple(row[TRAINING] for row in rows),
        validation=tuple(row[VALIDATION] for row in rows),
        best=None
        if best is None or best not in places
        else Best(step=best, x=places[best], validation=losses[best] / math.log(2)),
    )


def _place(record: RunRecord, row: dict[str, float], by: By) -> float:
    step = int(row["step"])
    if by == "minutes":
        return row["seconds"] / 60
    return float(step if by == "steps" else characters_read(record, step))


def characters_read(record: RunRecord, step: int) -> int:
    """Return how many characters a run had read after a step, under one plan after the other."""
    ends = [plan.first_step for plan in record.plans[1:]] + [step]
    return sum(
        max(min(step, end) - plan.first_step, 0) * plan.characters_per_step
        for plan, end in zip(record.plans, ends, strict=True)
    )


def share_a_text(runs: Sequence[Run]) -> bool:
    """Return whether runs were trained and validated on the same parts of the same text."""
    corpora = [run.record().corpus for run in runs]
    return len({(corpus.sha256, corpus.training_characters) for corpus in corpora}) == 1


def why_no_baselines(run: Run) -> str | None:
    """Return why the baselines of a run cannot be measured, in a few words; None if they can."""
    corpus = run.record().corpus
    if not corpus.kept:
        return f"the run {run.reference} has not kept its text"
    if corpus.tokens > MOST_CHARACTERS:
        return f"a text of {corpus.tokens:,} characters would take long"
    return None


def measure_baselines(run: Run) -> Iterator[Baseline]:
    """Measure simpler models on the text of a run, in seconds for each million characters.

    Args:
        run: one that has kept its text.

    Yields:
        The n-gram model of the best order, with the counts of the training text alone; then xz.

    Raises:
        DamagedError: if its record or its text is damaged.
    """
    record = run.record()
    tokens, split = run.open_tokens(record), record.corpus.training_characters
    training, validation = tokens[:split], tokens[split:]
    vocabulary = record.config.vocabulary
    models = ngram_losses(training, validation, len(vocabulary))
    best = min(models, key=lambda loss: loss.frozen)
    yield Baseline(name="n-gram", title=ngram_title(best.order), bits=best.frozen / math.log(2))
    nats = compressor_loss(vocabulary.decode(training), vocabulary.decode(validation))
    yield Baseline(name="xz", title="xz -9e", bits=nats / math.log(2))


def ngram_title(order: int) -> str:
    """Name an n-gram model by its characters of context."""
    return f"n-gram, {order} {'character' if order == 1 else 'characters'} of context"


def bits_shown(curves: Sequence[Curve], baselines: Sequence[Baseline]) -> tuple[float, float]:
    """Choose the range of the y axis, so that the first losses do not flatten all others.

    Args:
        curves: at least one.
        baselines: that are drawn with them.

    Returns:
        The lowest and the highest loss shown, in bits per character: nothing lies below.
    """
    losses = np.concatenate([[*curve.training, *curve.validation] for curve in curves])
    levels = [baseline.bits for baseline in baselines]
    lowest = float(min(losses.min(), *levels, math.inf))
    usual = float(np.quantile(losses, USUAL_SHARE))
    limit = lowest + USUAL_TIMES * (usual - lowest)
    shown = [value for value in (*losses.tolist(), *levels, usual) if value <= limit]
    return lowest, max(*shown, lowest + LEAST_RANGE)


def losses_above(curves: Sequence[Curve], high: float) -> list[float]:
    """Return the losses that a chart which ends at `high` does not show, in rising order."""
    losses = (loss for curve in curves for loss in (*curve.training, *curve.validation))
    return sorted(loss for loss in losses if loss > high)
