"""From a corpus, a machine and some minutes to the sizes of a network and a number of steps.

The width and depth follow the minutes, the steps the measured speed, and the dropout both and the
length of the text.
"""

import math
from dataclasses import dataclass, replace

from textgen.data.corpus import MIN_CHARACTERS
from textgen.settings import MAX_STEPS, CellName, ModelSettings, TrainingSettings, check_number

DEFAULT_MINUTES = 5.0
MAX_MINUTES = 525_600  # a year
EVALUATIONS_PER_PLAN = 20
SECONDS_BETWEEN_EVALUATIONS = (5.0, 120.0)
# Share of the time left that steps may fill; the rest is for saving and for a machine that slows.
FILL = 0.97


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a user asked of a training; None where the choice is left to the plan.

    Attributes are those of `ModelSettings` and `TrainingSettings`, and `minutes`, the time to fill.
    """

    minutes: float | None = None
    steps: int | None = None
    cell: CellName | None = None
    hidden_size: int | None = None
    num_layers: int | None = None
    embedding_size: int | None = None
    sequence_length: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    dropout_rate: float | None = None
    seed: int | None = None
    devices: int | None = None
    eval_every: int | None = None
    checkpoint_every: int | None = None

    def __post_init__(self) -> None:
        if self.minutes is not None:
            check_number("minutes", self.minutes, 0, MAX_MINUTES, open_low=True)
        if self.devices is not None:
            check_number("devices", self.devices, 1, whole=True)
        # The rest is checked by the settings it ends up in, here with stand-ins for what is open.
        self.model_settings(vocab_size=2)
        TrainingSettings(
            steps=1 if self.steps is None else self.steps,
            batch_size=self.devices or 1 if self.batch_size is None else self.batch_size,
            sequence_length=self._or("sequence_length", 1),
            learning_rate=1.0 if self.learning_rate is None else self.learning_rate,
            warmup_steps=0,
            seed=self._or("seed", 0),
            devices=self._or("devices", 1),
            eval_every=self._or("eval_every", 1),
            checkpoint_every=self._or("checkpoint_every", 1),
        )

    def _or(self, name: str, default: int) -> int:
        value: int | None = getattr(self, name)
        return default if value is None else value

    @property
    def given(self) -> list[str]:
        """Names of the attributes that the user set, `minutes` and `steps` apart."""
        return [
            name
            for name, value in vars(self).items()
            if name not in ("minutes", "steps") and value is not None
        ]

    def model_settings(self, vocab_size: int) -> ModelSettings:
        """Choose the shape of the network: wider and deeper the more time there is to train it."""
        minutes = DEFAULT_MINUTES if self.minutes is None else self.minutes
        hidden = self._or("hidden_size", 256 if minutes < 10 else 384 if minutes < 30 else 512)
        return ModelSettings(
            vocab_size=vocab_size,
            embedding_size=self._or("embedding_size", hidden),
            hidden_size=hidden,
            num_layers=self._or("num_layers", 1 if minutes < 4 else 2),
            dropout_rate=0.0 if self.dropout_rate is None else self.dropout_rate,
            cell="lstm" if self.cell is None else self.cell,
        )


def batch_shape(request: Request, training_characters: int) -> tuple[int, int]:
    """Choose sequences B and characters T of a batch, smaller for a text that is too short.

    A text must hold at least two windows, and not fewer windows than there are sequences.

    Returns:
        B and T.
    """
    predictions = max(training_characters, MIN_CHARACTERS // 2) - 1
    length = min(request.sequence_length or 64, predictions // 2)
    most = max(predictions // length, 2)
    batch = min(request.batch_size or 32, most)
    if request.devices and batch != request.batch_size:
        batch = max(batch // request.devices, 1) * request.devices
    return batch, length


def choose_dropout(passes: float) -> float:
    """Choose the share to drop from how often the text will be read: nothing for fresh text."""
    rates = ((3, 0.0), (8, 0.1), (16, 0.25), (40, 0.4), (math.inf, 0.5))
    return next(rate for most, rate in rates if passes <= most)


def choose_learning_rate(hidden_size: int) -> float:
    """Choose the peak rate: 0.006 at 256 units, less as the layers get wider."""
    return round(min(0.006 * math.sqrt(256 / hidden_size), 0.01), 6)


@dataclass(frozen=True, kw_only=True)
class Pace:
    """How fast this machine trains this network.

    Attributes:
        seconds_per_step: the median of the steps measured.
        seconds_per_evaluation: of one evaluation.
        seconds_to_start: spent before the first step of the plan can run.
    """

    seconds_per_step: float
    seconds_per_evaluation: float
    seconds_to_start: float


def first_draft(
    request: Request, batch_size: int, sequence_length: int, devices: int, hidden_size: int
) -> TrainingSettings:
    """Return a plan complete but for what the pace decides: its steps and its intervals."""
    rate = request.learning_rate
    return TrainingSettings(
        steps=request.steps or 1,
        batch_size=batch_size,
        sequence_length=sequence_length,
        learning_rate=choose_learning_rate(hidden_size) if rate is None else rate,
        warmup_steps=0,
        seed=request.seed or 0,
        devices=devices,
        eval_every=1,
        checkpoint_every=1,
    )


def finish_plan(
    draft: TrainingSettings, request: Request, pace: Pace, first_step: int = 0
) -> TrainingSettings:
    """Fix the number of steps and the intervals.

    Args:
        draft: the plan so far.
        request: what the user asked for.
        pace: measured.
        first_step: steps the run has made already.

    Returns:
        The plan. Steps fill the minutes asked for, if no number of steps was given; evaluations
        are at least 5 seconds and at most 2 minutes apart; a checkpoint goes with each of them.
    """
    shortest, longest = SECONDS_BETWEEN_EVALUATIONS
    if request.steps is None:
        minutes = DEFAULT_MINUTES if request.minutes is None else request.minutes
        seconds = max(minutes * 60 * FILL - pace.seconds_to_start, 0.0)
    else:
        seconds = request.steps * pace.seconds_per_step
    between = min(max(seconds / EVALUATIONS_PER_PLAN, shortest), longest)
    if request.eval_every is not None:
        between = request.eval_every * pace.seconds_per_step
    share = between / (between + pace.seconds_per_evaluation)
    steps = request.steps or min(max(int(seconds * share / pace.seconds_per_step), 1), MAX_STEPS)
    eval_every = request.eval_every or min(max(round(between / pace.seconds_per_step), 1), steps)
    if request.steps is None and request.eval_every is None:
        # The last evaluation shall be no closer to the one before than the others are.
        steps = max(steps - (first_step + steps) % eval_every, 1)
    checkpoint_every = request.checkpoint_every or eval_every * max(
        math.ceil(shortest / (eval_every * pace.seconds_per_step)), 1
    )
    return replace(
        draft,
        first_step=first_step,
        steps=steps,
        warmup_steps=min(100, steps // 10),
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
    )
