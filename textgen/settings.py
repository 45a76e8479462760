"""Every number a run or a sample is made with, checked when it is set.

The three dataclasses are frozen and keyword-only, and are saved as JSON beside what they made.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, Self, get_args, get_type_hints

from textgen.errors import SettingError

CellName = Literal["lstm", "gru", "rnn"]
Projected = Literal["last", "all"]
# What to do with a character that the model does not know.
OnUnknown = Literal["error", "nearest", "skip", "replace"]
MAX_SEED = 2**63 - 1
MAX_STEPS = 10**9
MAX_DEVICES = 256
# What the states of a batch may take in a checkpoint, beside the moments of the parameters.
MAX_STATE_BYTES = 2**27
MAX_TEMPERATURE = 100
# Characters that are written at once, and of samples.
MAX_LENGTH = 10**9
# How far back the repetition penalty and the limit of copies may look.
MAX_WINDOW = 4096
# Different characters of a text: more than any script has, and few enough to be kept in a model.
MAX_CHARACTERS = 2**18


def check_number(
    name: str,
    value: float,
    low: float,
    high: float = math.inf,
    *,
    open_low: bool = False,
    open_high: bool = False,
    whole: bool = False,
) -> None:
    """Raise unless a number lies in the interval from low to high.

    Args:
        name: what the number is called in the message.
        value: the number.
        low: lower end, included unless `open_low`.
        high: upper end, included unless `open_high` or infinite.
        open_low: whether the lower end is left out.
        open_high: whether the upper end is left out.
        whole: whether only integers are allowed.

    Raises:
        SettingError: if the number lies outside, is not finite, or is not whole where it must be.
    """
    kind_fits = isinstance(value, int) if whole else isinstance(value, int | float)
    inside = (
        kind_fits
        and not isinstance(value, bool)
        and (isinstance(value, int) or math.isfinite(value))
        and (low < value if open_low else low <= value)
        and (value < high if open_high else value <= high)
    )
    if not inside:
        kind = "a whole number" if whole else "a number"
        if math.isinf(high):
            allowed = f"{kind} {'above' if open_low else 'of at least'} {low}"
        else:
            left, right = "(" if open_low else "[", ")" if open_high else "]"
            allowed = f"{kind} in {left}{low}, {high}{right}"
        raise SettingError(name, value, allowed)


def option(help_text: str, default: Any = dataclasses.MISSING, *, name: str | None = None) -> Any:
    """Declare a setting that the command line offers as an option.

    Args:
        help_text: one sentence that tells what it does.
        default: its value where none is given.
        name: of the option, if it is not that of the setting.
    """
    metadata = {"help": help_text} | ({"option": name} if name else {})
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class SettingOption:
    """A setting that the command line offers.

    Attributes:
        name: of the setting.
        option: of the option, without the dashes.
        help_text: one sentence that tells what it does.
        annotation: the type of its value.
        default: its value where none is given.
    """

    name: str
    option: str
    help_text: str
    annotation: Any
    default: Any


def setting_options(settings: type["Settings"]) -> dict[str, SettingOption]:
    """Return the settings of a class that the command line offers, by name."""
    annotations = get_type_hints(settings)
    return {
        field.name: SettingOption(
            name=field.name,
            option=field.metadata.get("option", field.name).replace("_", "-"),
            help_text=field.metadata["help"],
            annotation=annotations[field.name],
            default=field.default,
        )
        for field in dataclasses.fields(settings)  # type: ignore[arg-type]
        if "help" in field.metadata
    }


class Settings:
    """What the three settings classes share: the way to and from JSON."""

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dictionary that JSON can hold."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build settings from what `to_json` returned, here or in an older textgen.

        A setting that has a default may be missing: it came later, and its default is what was done
        before.

        Raises:
            SettingError: if another setting is missing, or one is unknown or out of range.
        """
        fields = dataclasses.fields(cls)  # type: ignore[arg-type]
        needed = {field.name for field in fields if field.default is dataclasses.MISSING}
        for name in needed - set(values):
            raise SettingError(name, None, "present")
        for name in set(values) - {field.name for field in fields}:
            raise SettingError(name, values[name], "left out")
        return cls(**values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSettings(Settings):
    """The shape of a network.

    Attributes:
        vocab_size: number of ids V, the unknown character included.
        embedding_size: width E of a character's vector.
        hidden_size: units H in each layer.
        num_layers: stacked recurrent layers.
        dropout_rate: share of each layer's outputs dropped while training, in [0, 1).
        cell: what a layer is made of.
        projected: which layers' outputs the projection to logits reads, side by side.
    """

    vocab_size: int
    embedding_size: int = option("Width of a character's embedding.")
    hidden_size: int = option("Units in each layer.")
    num_layers: int = option("Number of stacked layers.")
    dropout_rate: float = option(
        "Share of each layer's outputs dropped while training, in [0, 1).", name="dropout"
    )
    cell: CellName = option("Cell that the layers are made of; an LSTM by default.", "lstm")
    projected: Projected = "last"

    def __post_init__(self) -> None:
        if self.cell not in get_args(CellName):
            raise SettingError("cell", self.cell, f"one of {', '.join(get_args(CellName))}")
        if self.projected not in get_args(Projected):
            allowed = " or ".join(get_args(Projected))
            raise SettingError("projected", self.projected, allowed)
        check_number("vocab_size", self.vocab_size, 2, MAX_CHARACTERS + 1, whole=True)
        check_number("hidden_size", self.hidden_size, 1, 65_536, whole=True)
        check_number("embedding_size", self.embedding_size, 1, 65_536, whole=True)
        check_number("num_layers", self.num_layers, 1, 64, whole=True)
        check_number("dropout_rate", self.dropout_rate, 0, 1, open_high=True)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """A plan: all that decides how a network is trained, counted in steps.

    Attributes:
        first_step: steps the run had made before this plan.
        steps: steps of this plan.
        batch_size: sequences B in a batch.
        sequence_length: characters T of a sequence, the reach of truncated back-propagation.
        learning_rate: the peak of the schedule.
        warmup_steps: steps over which the rate rises from zero.
        weight_decay: AdamW's decay of the kernels, multiplied by the rate.
        b1: decay of AdamW's mean of gradients, in [0, 1).
        b2: decay of AdamW's mean of squared gradients, in [0, 1).
        max_grad_norm: global norm to which a gradient is clipped.
        reset_rate: chance that a sequence begins from the zero state, in [0, 1].
        seed: decides the parameters at the start, the dropout and where reading begins.
        devices: CPU cores or accelerators that share a batch.
        eval_every: steps between evaluations.
        checkpoint_every: steps between checkpoints.
        patience: evaluations without a lower loss after which training ends early; 0 for never.
    """

    first_step: int = 0
    steps: int
    batch_size: int = option("Sequences in a batch.")
    sequence_length: int = option("Characters in a sequence, which gradients reach back over.")
    learning_rate: float = option("Peak of the learning rate.")
    warmup_steps: int
    weight_decay: float = 0.01
    b1: float = 0.9
    b2: float = 0.99
    max_grad_norm: float = 1.0
    reset_rate: float = 0.0
    seed: int = option("Seed of the initial parameters, dropout and batches; 0 by default.", 0)
    devices: int = option("CPU cores or GPUs that share a batch; all by default.", 1)
    eval_every: int = option("Steps between evaluations.")
    checkpoint_every: int = option("Steps between checkpoints.")
    patience: int = option(
        "Evaluations without a lower validation loss after which training ends; 0 for never.", 0
    )

    def __post_init__(self) -> None:
        check_number("first_step", self.first_step, 0, whole=True)
        check_number("steps", self.steps, 1, MAX_STEPS, whole=True)
        check_number("batch_size", self.batch_size, 1, whole=True)
        check_number("sequence_length", self.sequence_length, 1, whole=True)
        check_number("learning_rate", self.learning_rate, 0, 10, open_low=True)
        check_number("warmup_steps", self.warmup_steps, 0, whole=True)
        check_number("weight_decay", self.weight_decay, 0)
        check_number("b1", self.b1, 0, 1, open_high=True)
        check_number("b2", self.b2, 0, 1, open_high=True)
        check_number("max_grad_norm", self.max_grad_norm, 0, open_low=True)
        check_number("reset_rate", self.reset_rate, 0, 1)
        check_number("seed", self.seed, 0, MAX_SEED, whole=True)
        check_number("devices", self.devices, 1, MAX_DEVICES, whole=True)
        check_number("eval_every", self.eval_every, 1, whole=True)
        check_number("checkpoint_every", self.checkpoint_every, 1, whole=True)
        check_number("patience", self.patience, 0, whole=True)
        if self.batch_size % self.devices:
            raise SettingError(
                "batch_size", self.batch_size, f"a multiple of the {self.devices} devices"
            )

    @property
    def last_step(self) -> int:
        """The step at which this plan ends, counted from the run's start."""
        return self.first_step + self.steps

    def is_over(self, step: int, waited: int) -> bool:
        """Return whether training ends at a step, after `waited` evaluations without a lower loss.

        What was waited for before the plan began does not count.
        """
        return step >= self.last_step or (step > self.first_step and 0 < self.patience <= waited)

    @property
    def characters_per_step(self) -> int:
        """Characters that one step reads."""
        return self.batch_size * self.sequence_length


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingSettings(Settings):
    """How the next character is drawn, and where a text ends.

    The names and meanings of the first seven are llama.cpp's.

    Attributes:
        temperature: divides the logits; 0, or less than 0.0001, always takes the likeliest. As text
            also a ramp over the length, `0.4..1.1`, or a cycle from character to character,
            `1,0.5,0.2`.
        top_k: only the k likeliest characters; 0 is off.
        typical_p: only the fewest characters that reach p together, those first whose surprise is
            nearest to the one expected; 1 is off.
        top_p: only the fewest characters whose probabilities reach p together; 1 is off.
        min_p: only characters at least p times as likely as the likeliest; 0 is off.
        repetition_penalty: divides the positive logits of characters used lately and multiplies
            the negative ones; 1 is off.
        repetition_window: how many characters are lately.
        forbid: characters never written.
        only: the only characters written; empty for all.
        words: the only words written; empty for all.
        starts: what the first, the second and each further line begins with.
        max_copy: most characters in a row that also stand in the training text; 0 is off.
        stop: texts before which the text ends.
        lines: lines after which the text ends; 0 is off. With `starts` as many as these.
        sentences: sentences after which the text ends; 0 is off.
    """

    temperature: float | str = 0.8
    top_k: int = 0
    typical_p: float = 1.0
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    repetition_window: int = 64
    forbid: str = ""
    only: str = ""
    words: tuple[str, ...] = ()
    starts: tuple[str, ...] = ()
    max_copy: int = 0
    stop: tuple[str, ...] = ()
    lines: int = 0
    sentences: int = 0

    def __post_init__(self) -> None:
        # JSON knows no tuples, and a command line no numbers.
        for name in ("words", "starts", "stop"):
            object.__setattr__(self, name, _texts(name, getattr(self, name)))
        schedule = TemperatureSchedule.parse(self.temperature)
        if schedule.kind == "constant":
            object.__setattr__(self, "temperature", schedule.values[0])
        for name in ("forbid", "only"):
            if not isinstance(getattr(self, name), str):
                raise SettingError(name, getattr(self, name), "text")
        check_number("top_k", self.top_k, 0, MAX_SEED, whole=True)
        check_number("typical_p", self.typical_p, 0, 1, open_low=True)
        check_number("top_p", self.top_p, 0, 1, open_low=True)
        check_number("min_p", self.min_p, 0, 1)
        check_number("repetition_penalty", self.repetition_penalty, 0.01, 100)
        check_number("repetition_window", self.repetition_window, 1, MAX_WINDOW, whole=True)
        check_number("max_copy", self.max_copy, 0, MAX_WINDOW, whole=True)
        check_number("lines", self.lines, 0, MAX_LENGTH, whole=True)
        check_number("sentences", self.sentences, 0, MAX_LENGTH, whole=True)
        for name in ("words", "starts", "stop"):
            if "" in getattr(self, name):
                raise SettingError(name, "", "without empty texts")
        for start in self.starts:
            if "\n" in start:
                raise SettingError("starts", start, "without a newline, since each begins a line")

    @property
    def schedule(self) -> "TemperatureSchedule":
        """The temperature of each character."""
        return TemperatureSchedule.parse(self.temperature)

    @property
    def num_controls(self) -> int:
        """How many controls are on that cost something at every character."""
        return sum(
            (
                self.top_k > 0,
                self.typical_p < 1,
                self.top_p < 1,
                self.min_p > 0,
                self.repetition_penalty != 1,
                bool(self.words),
                bool(self.starts),
                self.max_copy > 0,
            )
        )

    @property
    def last_line(self) -> int:
        """The lines after which the text ends; 0 for never."""
        return self.lines or len(self.starts)


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, tuple | list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise SettingError(name, values, "texts")


@dataclasses.dataclass(frozen=True)
class TemperatureSchedule:
    """The temperature as it was given.

    Attributes:
        kind: what the values are.
        values: the one temperature; those at both ends of the ramp; or those of the cycle.
    """

    kind: Literal["constant", "ramp", "cycle"]
    values: tuple[float, ...]

    @classmethod
    def parse(cls, given: float | str) -> Self:
        """Read a number, a ramp such as `0.4..1.1`, or a cycle such as `1,0.5,0.2`.

        Raises:
            SettingError: if it is none of these, or a temperature lies outside [0, 100].
        """
        allowed = f"a number in [0, {MAX_TEMPERATURE}], a ramp 0.4..1.1 or a cycle 1,0.5,0.2"
        if isinstance(given, str) and ".." in given:
            kind, parts = "ramp", given.split("..")
        elif isinstance(given, str) and "," in given:
            kind, parts = "cycle", given.split(",")
        else:
            kind, parts = "constant", [str(given)]
        try:
            values = tuple(float(part) for part in parts)
            for value in values:
                check_number("temperature", value, 0, MAX_TEMPERATURE)
        except (ValueError, TypeError, SettingError):
            raise SettingError("temperature", given, allowed) from None
        if isinstance(given, bool) or (kind == "ramp" and len(values) != 2):
            raise SettingError("temperature", given, allowed)
        return cls(kind, values)  # type: ignore[arg-type]
