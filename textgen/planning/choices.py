"""The rules by which a plan chooses the network and how it is trained; see also `schedule.py`.

The width of the network follows what the machine can compute in the time, and dropout follows the
number of epochs. The constants were found by training on texts of 30 KB to 10 MB for one to twenty
minutes (benchmarks/RESULTS.md).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from textgen.data.prepare import MIN_CHARACTERS
from textgen.network.parameters import multiplications_per_character, operations_per_character
from textgen.planning.request import Request
from textgen.settings import ModelSettings, OptimizerName, TrainingSettings

Value = TypeVar("Value")

WIDTHS = (64, 96, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024)
BATCH_SIZE = 32
SEQUENCE_LENGTH = 64
# Fewest characters that a network should train on for each weight it multiplies with.
CHARACTERS_PER_WEIGHT = 7.0
# Most epochs of a plan. More would only memorise the text, even at a high dropout rate.
MAX_EPOCHS = 24
# Fewest characters of a text of which Muon is given as many epochs; of a shorter one their number
# falls with this power of the length (benchmarks/notebook/2026-11-28-short-texts.md).
MUON_CHARACTERS, MUON_EPOCHS_POWER = 200_000, 1 / 3
# Lowest and highest dropout rate with AdamW.
DROPOUT_RATES = (0.05, 0.5)
# Factor on the dropout rate with Muon, which learns a text by heart in fewer epochs than AdamW.
MUON_DROPOUT = 1.15
# Most epochs of a plan with the lowest dropout rate.
EPOCHS_OF_LEAST_DROPOUT = 2.5
# Lowest and highest probability of resetting the state. The highest is for MAX_EPOCHS epochs.
RESET_RATES = (0.02, 0.3)
# Most epochs of a plan with the lowest probability of resetting the state.
EPOCHS_OF_LEAST_RESETS = 9
# Share of the sequences parts of which are hidden from a network of both directions.
GAP_RATE = 0.4
# Factor on the dropout rate where training begins from the weights of another run, which memorise
# a short text less.
CONTINUED_DROPOUT = 0.4
# Factors there on the peak of the learning rate, for a short training text and for a long one, and
# the lengths of these in characters. In a short text there is less to learn than to forget.
CONTINUED_RATES, CONTINUED_LENGTHS = (0.5, 1.0), (20_000, 200_000)
# Training texts shorter than this, in characters, are mostly memorised.
FEW_CHARACTERS = 20_000


@dataclass(frozen=True)
class Choice(Generic[Value]):
    """A value of a plan, with the reason for it.

    Attributes:
        value: the chosen value.
        reason: one line for people; empty if there is nothing to explain.
    """

    value: Value
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class TextSize:
    """What a plan must know about a text.

    Attributes:
        vocab_size: number of ids V, including the unknown character.
        training_characters: length of the training part in characters, with the end symbols and
            newlines that stand between texts.
        own_characters: its length without them; None if nothing stands between texts.
        num_labels: number of labels that documents can have.
    """

    vocab_size: int
    training_characters: int
    own_characters: int | None = None
    num_labels: int = 0


class BatchShape(NamedTuple):
    """The size of a batch: B sequences of T characters."""

    batch_size: int
    sequence_length: int


def format_minutes(seconds: float) -> str:
    """Return a number of seconds in minutes, such as `1 minute` or `0.5 minutes`."""
    minutes = f"{seconds / 60:g}"
    return f"{minutes} minute{'' if minutes == '1' else 's'}"


def choose_batch(
    request: Request, training_characters: int, usual: int = BATCH_SIZE
) -> Choice[BatchShape]:
    """Choose the shape of a batch; it is smaller for a short text.

    The text must hold at least two windows of T characters, and at least B windows.

    Args:
        request: what the user asked for.
        training_characters: length of the training part.
        usual: number of sequences B for a long text; more than the default fill an accelerator.
    """
    predictions = max(training_characters, MIN_CHARACTERS // 2) - 1
    asked_size, asked_length = (request.asked.get(n) for n in ("batch_size", "sequence_length"))
    size, length = asked_size or usual, asked_length or SEQUENCE_LENGTH
    fitting_length = min(length, predictions // 2)
    fitting_size = min(size, max(predictions // fitting_length, 2))
    devices = request.asked.get("devices")
    if devices and fitting_size != asked_size:
        fitting_size = max(fitting_size // devices, 1) * devices
    shape = BatchShape(fitting_size, fitting_length)
    if [asked_size, asked_length] == list(shape):
        return Choice(shape)
    is_short = fitting_length < length or predictions // fitting_length < size
    reason = "many small steps reach a lower loss than few large ones"
    if usual > BATCH_SIZE and size == usual:
        reason = "many sequences fill the accelerator, and leave enough steps"
    if is_short:
        reason = "the largest that the short text allows"
    return Choice(shape, f"batches of {shape.batch_size} x {shape.sequence_length}: {reason}")


def choose_width(
    request: Request,
    text: TextSize,
    operations: float,
    *,
    widths: Sequence[int] = WIDTHS,
    cost: Callable[[ModelSettings], float] = operations_per_character,
    suits: Callable[[ModelSettings], bool] = lambda _: True,
) -> Choice[int]:
    """Choose the widest network that can train on enough characters in the time.

    Args:
        request: what the user asked for.
        text: the size of the text.
        operations: number of floating-point operations that training can make in the time.
        widths: the widths to choose from, in rising order.
        cost: function that returns how many of these operations a character takes.
        suits: function that returns whether a network may be chosen at all.

    Returns:
        The number of units H of each layer.
    """
    if request.network is not None:
        return Choice(request.network.hidden_size, f"{request.network.size}: as in the old run")
    if "hidden_size" in request.asked:
        return Choice(request.asked["hidden_size"])
    widest, is_limited = widths[0], False
    for width in widths:
        model = request.model_settings(text.vocab_size, width, 0.0)
        needed = CHARACTERS_PER_WEIGHT * multiplications_per_character(model)
        if operations / cost(model) >= needed:
            is_limited = not suits(model)
            widest = widest if is_limited else width
    size = request.model_settings(text.vocab_size, widest, 0.0).size
    goal = (
        f"train on {CHARACTERS_PER_WEIGHT:g} characters per weight "
        f"in {format_minutes(request.seconds)}"
    )
    reason = f"the largest network that this machine can {goal}"
    if is_limited:
        reason = "the largest that suits the length of the text and the memory"
    elif widest == widths[0]:
        reason = f"the smallest network; a larger one could not {goal} on this machine"
    if request.steps is not None:
        reason += "; --steps gives no time, so the default is assumed"
    return Choice(widest, f"{size}: {reason}")


def choose_projection(request: Request, model: ModelSettings) -> Choice[int]:
    """Choose the rank of the projection to logits; see `projection_of`.

    Args:
        request: what the user asked for.
        model: the network.
    """
    rank = model.projection_rank
    if not rank or request.network is not None or "projection_rank" in request.asked:
        return Choice(rank)
    size = f"an alphabet of {model.vocab_size - 1:,} characters"
    return Choice(
        rank,
        f"projection of rank {rank}: {size} would otherwise take most of the time; "
        "--projection-rank 0 turns this off",
    )


def most_epochs(training_characters: int, optimizer: OptimizerName) -> float:
    """Return the most epochs of a plan: 24, and with Muon fewer for a training part below 200 KB.

    After them a network would mostly memorise the text.
    """
    if optimizer != "muon":
        return MAX_EPOCHS
    part = min(training_characters / MUON_CHARACTERS, 1.0)
    return MAX_EPOCHS * math.pow(part, MUON_EPOCHS_POWER)


def expected_epochs(
    request: Request,
    text: TextSize,
    model: ModelSettings,
    batch: BatchShape,
    optimizer: OptimizerName,
    operations: float,
    cost: Callable[[ModelSettings], float] = operations_per_character,
) -> float:
    """Return the expected number of epochs of a plan.

    Args:
        request: what the user asked for.
        text: the size of the text.
        model: the network.
        batch: the shape of a batch.
        optimizer: what turns gradients into updates.
        operations: number of floating-point operations that training can make in the time.
        cost: function that returns how many of these operations a character takes.
    """
    if request.steps is not None:
        characters = float(request.steps * batch.batch_size * batch.sequence_length)
        return characters * request.own_share / text.training_characters
    characters = operations / cost(model) * request.own_share
    most = most_epochs(text.training_characters, optimizer)
    return min(characters / text.training_characters, most)


def choose_dropout(
    request: Request,
    epochs: float,
    model: ModelSettings,
    training_characters: int,
    optimizer: OptimizerName,
) -> Choice[float]:
    """Choose the dropout rate: higher for more epochs, a larger network and a shorter text.

    Args:
        request: what the user asked for.
        epochs: expected number of epochs.
        model: the network; its own dropout rate does not matter.
        training_characters: length of the training part.
        optimizer: what turns gradients into updates.

    Returns:
        The rate; in [0.05, 0.58] unless the user asked for another.
    """
    if "dropout_rate" in request.asked:
        return Choice(request.asked["dropout_rate"])
    weights = multiplications_per_character(model)
    rate = dropout_rate(epochs, weights, training_characters, optimizer)
    is_trained = request.network is not None
    if is_trained:
        rate = max(round(CONTINUED_DROPOUT * rate, 2), DROPOUT_RATES[0])
    if rate == DROPOUT_RATES[0]:
        return Choice(rate, f"dropout {rate:g}: the lowest rate, since few epochs are planned")
    reason = f"chosen for {epochs:.1f} epochs"
    if request.steps is None:
        reason += ", an estimate made before training was timed"
    if is_trained:
        reason += f", {CONTINUED_DROPOUT:g} times the usual rate, since the weights are trained"
    return Choice(rate, f"dropout {rate:g}: {reason}; more epochs need a higher rate")


def dropout_rate(
    epochs: float, weights: int, training_characters: int, optimizer: OptimizerName
) -> float:
    """Return the dropout rate for a network with this number of weights.

    It is in [0.05, 0.5] with AdamW; with Muon, it is 1.15 times as high, but for the lowest rate.
    It depends on the epochs as a share of `most_epochs`.
    """
    lowest, highest = DROPOUT_RATES
    factor = MUON_DROPOUT if optimizer == "muon" else 1.0
    # An epoch counts for more where fewer are enough to learn the text by heart.
    counted = max(epochs, 0.01) * MAX_EPOCHS / most_epochs(training_characters, optimizer)
    by_epochs = math.log2(counted / EPOCHS_OF_LEAST_DROPOUT)
    by_size = math.log2(weights / training_characters)
    if by_epochs <= 0:
        return lowest
    return round(max(factor * min(0.1 * by_epochs + 0.05 * by_size, highest), lowest), 2)


def choose_reset_rate(epochs: float) -> Choice[float]:
    """Choose the probability that a sequence starts from the zero state.

    Resets teach the network how a text begins. They also make it generalise: over many epochs, a
    network that always carries its state can recognise the position in the text, and so the next
    character.

    Args:
        epochs: number of epochs of all plans of the run together.

    Returns:
        The probability: 0.02 up to 9 epochs, then rising with their logarithm to 0.3 at 24 epochs.
    """
    lowest, highest = RESET_RATES
    growth = math.log(max(epochs, EPOCHS_OF_LEAST_RESETS) / EPOCHS_OF_LEAST_RESETS)
    part = growth / math.log(MAX_EPOCHS / EPOCHS_OF_LEAST_RESETS)
    return explain_reset_rate(round(lowest + (highest - lowest) * min(part, 1.0), 2))


def explain_reset_rate(rate: float) -> Choice[float]:
    """Return a probability of `choose_reset_rate` with its reason."""
    if rate == RESET_RATES[0]:
        return Choice(rate)
    return Choice(
        rate,
        f"reset rate {rate:g}: the probability that a sequence starts from the zero state; "
        "it rises with the number of epochs",
    )


def peak_learning_rate(hidden_size: int, optimizer: OptimizerName) -> float:
    """Return the peak of the learning rate for layers of H units: less for wider layers.

    It is 0.006 at 256 units with AdamW, falling with the root of the width, and 0.012 with Muon,
    falling with its power of 3/4.
    """
    if optimizer == "muon":
        return round(min(0.012 * math.pow(256 / hidden_size, 0.75), 0.04), 6)
    return round(min(0.006 * math.sqrt(256 / hidden_size), 0.01), 6)


def continued_rate(training_characters: int) -> float:
    """Return the factor on the peak of the learning rate for weights that are trained already.

    It grows with the logarithm of the length of the text, from 0.5 to 1.
    """
    (lowest, highest), (short, long) = CONTINUED_RATES, CONTINUED_LENGTHS
    part = math.log(max(training_characters, 1) / short) / math.log(long / short)
    return round(lowest + (highest - lowest) * min(max(part, 0.0), 1.0), 2)


def choose_learning_rate(
    request: Request,
    text: TextSize,
    hidden_size: int,
    optimizer: OptimizerName,
    batch_factor: float = 1.0,
) -> Choice[float]:
    """Choose the peak of the learning rate; see `peak_learning_rate` and `continued_rate`.

    Args:
        request: what the user asked for.
        text: the size of the text.
        hidden_size: units of each layer.
        optimizer: what turns gradients into updates.
        batch_factor: factor for batches that are larger than usual.
    """
    if "learning_rate" in request.asked:
        return Choice(request.asked["learning_rate"])
    rate = peak_learning_rate(hidden_size, optimizer)
    reason = f"the peak for layers of {hidden_size} units; the rate then falls to 0"
    if batch_factor > 1:
        rate = round(batch_factor * rate, 6)
        reason = (
            f"the peak for layers of {hidden_size} units, {batch_factor:.3g} times as high for "
            "large batches; the rate then falls to 0"
        )
    factor = 1.0 if request.network is None else continued_rate(text.training_characters)
    if factor < 1:
        rate = round(factor * rate, 6)
        reason = (
            f"{factor:g} times the peak for layers of {hidden_size} units, since the weights are "
            "trained and the text is short; the rate then falls to 0"
        )
    return Choice(rate, f"learning rate {rate:g}: {reason}")


def choose_optimizer(
    request: Request, model: ModelSettings, *, is_accelerated: bool
) -> Choice[OptimizerName]:
    """Choose what turns gradients into updates; weights that are trained already keep AdamW.

    Args:
        request: what the user asked for.
        model: the network.
        is_accelerated: whether accelerators train it.
    """
    if "optimizer" in request.asked:
        return Choice(request.asked["optimizer"])
    usual = usual_optimizer(model, is_accelerated=is_accelerated)
    if usual == "adamw" or request.network is not None:
        return Choice("adamw")
    return Choice(
        "muon", "optimizer muon: most texts are learnt better in the same time than with AdamW"
    )


def usual_optimizer(model: ModelSettings, *, is_accelerated: bool) -> OptimizerName:
    """Return Muon where it was measured: for a forward LSTM, on CPUs."""
    is_measured = model.cell == "lstm" and model.direction != "both" and not is_accelerated
    return "muon" if is_measured else "adamw"


def choose_old_share(training: TrainingSettings) -> Choice[float]:
    """Return the share of a batch that reads the old text, which the user asked for."""
    rows = f"{training.old_rows} of the {training.batch_size} sequences of a batch read it"
    return Choice(training.forget_less, f"old text: {rows}; epochs count the new text alone")


def text_warning(request: Request, text: TextSize) -> str:
    """Return a warning about a text too short to learn from alone; empty for any other."""
    own = text.training_characters if text.own_characters is None else text.own_characters
    if own >= FEW_CHARACTERS or request.network is not None:
        return ""
    return (
        f"the training text is short ({own:,} characters): the network will mostly memorise it, "
        "not learn to write similar texts"
    )
