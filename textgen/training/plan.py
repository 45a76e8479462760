"""From a corpus, a machine and some minutes to the sizes of a network and a number of steps.

The width follows what the machine can compute in the time, the dropout how often the text will be
read, and the steps the measured speed. The figures were found by training on texts of 30 KB to
10 MB for one to twenty minutes (benchmarks/RESULTS.md).
"""

import math
import sys
from dataclasses import dataclass, replace

from textgen.data.corpus import MIN_CHARACTERS
from textgen.network.parameters import multiplications_per_character, operations_per_character
from textgen.settings import MAX_STEPS, CellName, ModelSettings, TrainingSettings, check_number

DEFAULT_MINUTES = 5.0
MAX_MINUTES = 525_600  # a year
WIDTHS = (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024)
NUM_LAYERS = 2
BATCH_SIZE = 32
SEQUENCE_LENGTH = 64
# A network should read at least this many characters for each weight it multiplies with.
CHARACTERS_PER_WEIGHT = 7.0
# Reading a text more often than this, half of the outputs dropped, is learning it by heart.
MAX_PASSES = 24
# So many steps are made all the same, however short the text.
FEWEST_STEPS = 200
# Share of the speed of large products that training reaches (two cores, 2x128 to 3x512).
TRAINING_SHARE = 0.75
DROPOUT_RATES = (0.05, 0.5)
# Chance that a sequence begins from the zero state: from a text read nine times to one read
# MAX_PASSES times.
RESET_RATES = (0.02, 0.3)
PASSES_OF_FEWEST_RESETS = 9
# Below this many characters to train on, what a network learns is mostly the text itself.
FEW_CHARACTERS = 20_000
EVALUATIONS_PER_PLAN = 15
# Evaluations without a lower loss after which a plan made for some minutes ends early.
PATIENCE = 5
SECONDS_BETWEEN_EVALUATIONS = (2.0, 120.0)
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
    patience: int | None = None

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
            patience=self._or("patience", 0),
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

    @property
    def is_open(self) -> bool:
        """Whether the network's width or its dropout depends on what the machine can compute."""
        by_time = self.dropout_rate is None and self.steps is None
        return self.hidden_size is None or by_time

    @property
    def seconds(self) -> float:
        """The time to fill, from the start of the command to the last save."""
        return 60 * (DEFAULT_MINUTES if self.minutes is None else self.minutes)

    def model_settings(
        self, vocab_size: int, hidden_size: int = WIDTHS[0], dropout_rate: float = 0.0
    ) -> ModelSettings:
        """Return the shape of a network, with these sizes where none were asked for."""
        hidden = self._or("hidden_size", hidden_size)
        return ModelSettings(
            vocab_size=vocab_size,
            embedding_size=self._or("embedding_size", hidden),
            hidden_size=hidden,
            num_layers=self._or("num_layers", NUM_LAYERS),
            dropout_rate=dropout_rate if self.dropout_rate is None else self.dropout_rate,
            cell="lstm" if self.cell is None else self.cell,
            projected="all",
        )


def choose_model(
    request: Request,
    vocab_size: int,
    training_characters: int,
    characters_per_step: int,
    operations: float,
) -> ModelSettings:
    """Choose the widest network that can read enough in the time, and its dropout.

    Args:
        request: what the user asked for.
        vocab_size: V.
        training_characters: of the text trained on.
        characters_per_step: of a batch.
        operations: multiplications and additions that training can make in the time.
    """
    model = request.model_settings(vocab_size)
    for width in WIDTHS:
        wider = request.model_settings(vocab_size, width)
        weights = multiplications_per_character(wider)
        if operations / operations_per_character(wider) >= CHARACTERS_PER_WEIGHT * weights:
            model = wider
    if request.steps is None:
        characters = operations / operations_per_character(model)
        passes = min(characters / training_characters, MAX_PASSES)
    else:
        passes = request.steps * characters_per_step / training_characters
    dropout = choose_dropout(passes, multiplications_per_character(model), training_characters)
    return request.model_settings(vocab_size, model.hidden_size, dropout)


def batch_shape(request: Request, training_characters: int) -> tuple[int, int]:
    """Choose sequences B and characters T of a batch, smaller for a text that is too short.

    A text must hold at least two windows, and not fewer windows than there are sequences.

    Returns:
        B and T.
    """
    predictions = max(training_characters, MIN_CHARACTERS // 2) - 1
    length = min(request.sequence_length or SEQUENCE_LENGTH, predictions // 2)
    most = max(predictions // length, 2)
    batch = min(request.batch_size or BATCH_SIZE, most)
    if request.devices and batch != request.batch_size:
        batch = max(batch // request.devices, 1) * request.devices
    return batch, length


def choose_dropout(passes: float, weights: int, training_characters: int) -> float:
    """Choose the share to drop: the more, the more often a text is read and the shorter it is.

    Args:
        passes: how often the text will be read.
        weights: that the network multiplies with.
        training_characters: of the text trained on.

    Returns:
        The share: from 0.05, which is dropped of a text that is not even read once, to 0.5.
    """
    often = math.log2(max(passes, 0.01) / 2.5)
    large = math.log2(weights / training_characters)
    fewest, most = DROPOUT_RATES
    return round(min(max(0.1 * often + 0.05 * large, fewest), most), 2) if often > 0 else fewest


def choose_reset_rate(passes: float) -> float:
    """Choose the chance that a sequence begins from the zero state.

    A network must learn to begin. And where a text is read over and over, a state names the place
    in it, and so what comes next there: being without it regularises.

    Args:
        passes: how often the text will be read.

    Returns:
        The chance: 0.02 up to nine passes, then growing with the logarithm to 0.3 at 24.
    """
    fewest, most = RESET_RATES
    often = math.log(max(passes, PASSES_OF_FEWEST_RESETS) / PASSES_OF_FEWEST_RESETS)
    share = often / math.log(MAX_PASSES / PASSES_OF_FEWEST_RESETS)
    return round(fewest + (most - fewest) * min(share, 1.0), 2)


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
    draft: TrainingSettings,
    request: Request,
    pace: Pace,
    training_characters: int,
    first_step: int = 0,
) -> TrainingSettings:
    """Fix the number of steps, the intervals and the chance of a reset.

    Args:
        draft: the plan so far.
        request: what the user asked for.
        pace: measured.
        training_characters: of the text trained on.
        first_step: steps the run has made already.

    Returns:
        The plan. Steps fill the minutes asked for, if no number of steps was given, but read the
        text no more than 24 times; evaluations are about 2 seconds apart at least and 2 minutes at
        most; a checkpoint goes with each of them.
    """
    shortest, longest = SECONDS_BETWEEN_EVALUATIONS
    if request.steps is None:
        most = min(max(_enough(draft, training_characters), FEWEST_STEPS), MAX_STEPS)
        available = max(request.seconds * FILL - pace.seconds_to_start, 0.0)
    else:
        most, available = request.steps, math.inf
    seconds = min(available, most * pace.seconds_per_step)
    between = min(max(seconds / EVALUATIONS_PER_PLAN, shortest), longest)
    if request.eval_every is not None:
        between = request.eval_every * pace.seconds_per_step
    if math.isfinite(available):
        share = between / (between + pace.seconds_per_evaluation)
        most = min(max(int(available * share / pace.seconds_per_step), 1), most)
    steps = most
    evaluations = max(round(steps * pace.seconds_per_step / between), 1)
    eval_every = request.eval_every or max(steps // evaluations, 1)
    if request.steps is None and request.eval_every is None:
        # The last evaluation shall be no closer to the one before than the others are.
        steps = max(steps - (first_step + steps) % eval_every, 1)
    checkpoint_every = request.checkpoint_every or eval_every * max(
        round(shortest / (eval_every * pace.seconds_per_step)), 1
    )
    return replace(
        draft,
        first_step=first_step,
        steps=steps,
        warmup_steps=min(100, steps // 10),
        reset_rate=choose_reset_rate(
            (first_step + steps) * draft.characters_per_step / training_characters
        ),
        eval_every=eval_every,
        checkpoint_every=checkpoint_every,
        patience=request._or("patience", PATIENCE if request.steps is None else 0),
    )


def _enough(plan: TrainingSettings, training_characters: int) -> int:
    """Return the steps that read a text as often as it is ever read."""
    return math.ceil(MAX_PASSES * training_characters / plan.characters_per_step)


def explain(
    request: Request, model: ModelSettings, plan: TrainingSettings, training_characters: int
) -> list[str]:
    """Say in a line each why a plan is what it is.

    Args:
        request: what the user asked for.
        model: the network.
        plan: complete.
        training_characters: of the text trained on.
    """
    passes = plan.steps * plan.characters_per_step / training_characters
    time = f"{request.seconds / 60:g} min"
    size = f"{model.num_layers}x{model.hidden_size}"
    lines = []
    if request.hidden_size is None:
        reads = f"{CHARACTERS_PER_WEIGHT:g} characters for each weight in {time} on this machine"
        why = f"the widest that can read {reads}"
        if model.hidden_size == WIDTHS[0]:
            why = f"the narrowest there is; a wider one could not read {reads}"
        lines.append(f"{size}: {why}")
    if request.batch_size is None or request.sequence_length is None:
        short = (plan.batch_size, plan.sequence_length) != batch_shape(request, sys.maxsize)
        why = "as large as the short text allows" if short else "many small steps learn most"
        lines.append(f"batches of {plan.batch_size} x {plan.sequence_length}: {why}")
    if request.dropout_rate is None:
        least = "the least, since " * (model.dropout_rate == DROPOUT_RATES[0])
        lines.append(f"dropout {model.dropout_rate:g}: {least}the text is read {passes:.1f} times")
    if plan.reset_rate > RESET_RATES[0]:
        share = "this share of sequences begins from zero"
        lines.append(f"resets {plan.reset_rate:g}: {share}, since the text is read so often")
    if request.learning_rate is None:
        units = f"{model.hidden_size} units"
        lines.append(f"learning rate {plan.learning_rate:g}: for {units}, falling to 0")
    if request.steps is None:
        enough, why = _enough(plan, training_characters), f"what fits into {time}"
        if plan.steps > max(enough, FEWEST_STEPS) - plan.eval_every:
            why = f"the text {MAX_PASSES} times, which is enough"
            if enough < FEWEST_STEPS:
                why = f"about {FEWEST_STEPS}, as for any short text"
        lines.append(f"{plan.steps:,} steps: {why}")
    if training_characters < FEW_CHARACTERS:
        lines.append(
            f"{training_characters:,} characters are few: it will learn this text by heart more "
            "than how to write others like it"
        )
    return lines
