"""The settings of a network, of its training and of writing, checked when they are set.

The three dataclasses are frozen and keyword-only. They are saved as JSON beside what was made with
them. A field that is declared with `option` is also an option of the command line.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, Self, get_args, get_type_hints

from textgen.errors import SettingError
from textgen.temperature import TemperatureSchedule, unambiguous

CellName = Literal["lstm", "gru", "rnn"]
# What a network reads of the text around a character that it predicts.
Direction = Literal["forward", "both"]
Projected = Literal["last", "all"]
# Numbers that matrix products read in training. They are summed in float32 in either case.
Precision = Literal["float32", "bfloat16"]
# What runs the layers in training: a scan that XLA compiles, or NVIDIA's cuDNN.
Backend = Literal["scan", "cudnn"]
# What turns gradients into updates of the parameters.
OptimizerName = Literal["adamw", "muon"]
# What to do with a character that is not in the vocabulary.
OnUnknown = Literal["error", "nearest", "skip", "replace"]
# What is done by default with such a character of a prompt, and of a text that is scored.
PROMPT_UNKNOWN: OnUnknown = "nearest"
TEXT_UNKNOWN: OnUnknown = "replace"
MAX_SEED = 2**63 - 1
# A plan ends early after this many evaluations in a row without a lower validation loss.
PATIENCE = 5
MAX_STEPS = 10**9
MAX_DEVICES = 256
# Number of ids behind the last target of a window that training reads too for a network of both
# directions, so that the layers that read backward know some text before they predict.
LOOKAHEAD = 16
# Largest size of the recurrent states of a batch in a checkpoint, in bytes.
MAX_STATE_BYTES = 2**27
# Largest length of a sample in characters, and largest number of samples.
MAX_LENGTH = 10**9
# Most characters that the repetition penalty and the copy limit look back on.
MAX_WINDOW = 4096
# Most characters of the beginnings of lines together, and of the texts before which a text ends.
MAX_GIVEN = 2**16
# Smallest number of characters of a stretch that is traced: by default, at least and at most.
TRACE_LEAST, TRACE_LEAST_OF_ALL, TRACE_MOST_OF_ALL = 20, 5, 10_000
# Most distinct characters of a text: more than any script has, and few enough for a model.
MAX_CHARACTERS = 2**18
# Most labels of documents, the values of all fields together.
MAX_LABELS = 2**12


def plain(value: Any) -> Any:
    """Return a number of NumPy or JAX as one of Python; anything else as it is."""
    is_scalar = getattr(value, "shape", None) == () and hasattr(value, "item")
    return value.item() if is_scalar else value


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
    """Raise an error unless a number lies in the interval from low to high.

    Args:
        name: name of the number in the message.
        value: the number.
        low: lower end of the interval.
        high: upper end of the interval.
        open_low: whether the lower end is excluded.
        open_high: whether the upper end is excluded.
        whole: whether only integers are allowed.

    Raises:
        SettingError: if the number lies outside, is not finite, or is not whole where it must be.
    """
    value = plain(value)
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
        if low == high:
            allowed = str(low)
        elif math.isinf(high):
            allowed = f"{kind} {'above' if open_low else 'of at least'} {low}"
        else:
            left, right = "(" if open_low else "[", ")" if open_high else "]"
            end = "2**63)" if high == MAX_SEED else f"{high}{right}"
            allowed = f"{kind} in {left}{low}, {end}"
        raise SettingError(name, value, allowed)


def option(
    help_text: str,
    default: Any = dataclasses.MISSING,
    *,
    name: str | None = None,
    metavar: str | None = None,
    is_control: bool = False,
) -> Any:
    """Declare a setting that is also an option of the command line.

    Args:
        help_text: one sentence that says what the setting does.
        default: value of the setting if none is given.
        name: name of the option, if it differs from the name of the setting.
        metavar: what the help shows in place of the value, if not its type.
        is_control: whether the setting costs time at every character that is written, unless it
            has its default.
    """
    metadata = {"help": help_text, "option": name, "metavar": metavar, "is_control": is_control}
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class SettingOption:
    """A setting that is also an option of the command line.

    Attributes:
        name: name of the setting.
        option: name of the option, without the dashes.
        help_text: one sentence that says what the setting does.
        annotation: type of its value.
        default: value if none is given.
        metavar: what the help shows in place of the value; None for its type.
    """

    name: str
    option: str
    help_text: str
    annotation: Any
    default: Any
    metavar: str | None = None


def setting_options(settings: type["Settings"]) -> dict[str, SettingOption]:
    """Return the settings of a class that are options of the command line, by name."""
    annotations = get_type_hints(settings)
    return {
        field.name: SettingOption(
            name=field.name,
            option=(field.metadata["option"] or field.name).replace("_", "-"),
            help_text=field.metadata["help"],
            annotation=annotations[field.name],
            default=field.default,
            metavar=field.metadata["metavar"],
        )
        for field in dataclasses.fields(settings)  # type: ignore[arg-type]
        if "help" in field.metadata
    }


class Settings:
    """Base of the classes of settings: it turns settings into JSON and back.

    Numbers of NumPy become those of Python, which JSON can hold.
    """

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            object.__setattr__(self, field.name, plain(getattr(self, field.name)))

    def to_json(self) -> dict[str, Any]:
        """Return the settings as a dictionary that can be saved as JSON."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build settings from what `to_json` of this version or an older one returned.

        A setting with a default may be missing, since an older version may not have had it. Its
        default is what that version did.

        Raises:
            SettingError: if a setting without a default is missing, or if one is unknown or out of
                range.
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
        vocab_size: number of ids V, including the unknown character.
        embedding_size: width E of a character's embedding.
        hidden_size: units H in each layer.
        num_layers: number of stacked recurrent layers.
        dropout_rate: share of each layer's outputs dropped during training, in [0, 1).
        cell: recurrent cell of the layers.
        projected: layers whose outputs, side by side, are projected to logits.
        direction: `forward` predicts each character from those before it; `both` has a second
            stack of layers, which reads backward, and predicts from those on both sides.
        num_labels: number L of labels that documents can have; 0 for none.
        projection_rank: rank R of the projection to logits; 0 for a projection by a single kernel.
    """

    vocab_size: int
    embedding_size: int = option("Width of a character's embedding.")
    hidden_size: int = option("Units in each layer.")
    num_layers: int = option("Number of stacked layers.")
    dropout_rate: float = option(
        "Share of each layer's outputs dropped during training, in [0, 1).", name="dropout"
    )
    cell: CellName = option("Recurrent cell of the layers; lstm by default.", "lstm")
    projected: Projected = "last"
    num_labels: int = 0
    direction: Direction = option(
        "What the network reads: forward, the characters before a position; or both, also those "
        "after it, to restore and proofread texts.",
        "forward",
    )
    projection_rank: int = option(
        "Rank of the projection to characters, which makes large alphabets faster; 0 is off; "
        "chosen by the alphabet by default.",
        0,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cell not in get_args(CellName):
            raise SettingError("cell", self.cell, f"one of {', '.join(get_args(CellName))}")
        for name, names in (("projected", Projected), ("direction", Direction)):
            if getattr(self, name) not in get_args(names):
                allowed = " or ".join(get_args(names))
                raise SettingError(name, getattr(self, name), allowed)
        check_number("vocab_size", self.vocab_size, 2, MAX_CHARACTERS + 1, whole=True)
        check_number("hidden_size", self.hidden_size, 1, 65_536, whole=True)
        check_number("embedding_size", self.embedding_size, 1, 65_536, whole=True)
        check_number("num_layers", self.num_layers, 1, 64, whole=True)
        check_number("dropout_rate", self.dropout_rate, 0, 1, open_high=True)
        check_number("num_labels", self.num_labels, 0, MAX_LABELS, whole=True)
        check_number("projection_rank", self.projection_rank, 0, 65_536, whole=True)

    def to_json(self) -> dict[str, Any]:
        """Return the settings as `Settings.to_json` does, without a rank that is 0."""
        content = super().to_json()
        if not self.projection_rank:
            del content["projection_rank"]
        return content

    @property
    def size(self) -> str:
        """Layers and units for people, such as `2x192`."""
        return f"{self.num_layers}x{self.hidden_size}"


class Computation(NamedTuple):
    """How training computes a network. Its parameters are the same either way.

    Attributes:
        precision: numbers that its matrix products read.
        backend: what runs its layers.
    """

    precision: Precision = "float32"
    backend: Backend = "scan"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingSettings(Settings):
    """How a network is trained, counted in steps.

    Attributes:
        first_step: steps that the run had made before.
        steps: steps to make.
        batch_size: sequences B in a batch.
        sequence_length: characters T in a sequence, the reach of truncated back-propagation.
        learning_rate: peak of the learning rate.
        warmup_steps: steps over which the learning rate rises from zero.
        weight_decay: AdamW's decay of the kernels, multiplied by the learning rate.
        b1: decay of AdamW's mean of the gradients, in [0, 1).
        b2: decay of AdamW's mean of the squared gradients, in [0, 1).
        max_grad_norm: global norm to which a gradient is clipped.
        reset_rate: probability that a sequence begins from the zero state, in [0, 1].
        gap_rate: share of sequences parts of which are hidden, so that a network of both directions
            learns to read texts with gaps; in [0, 1].
        seed: seed of the initial parameters, the dropout and the batches.
        devices: CPU cores or accelerators that share a batch.
        eval_every: steps between evaluations.
        checkpoint_every: steps between checkpoints.
        patience: evaluations without a lower validation loss after which training ends early; 0
            for never.
        forget_less: share of the sequences of a batch that read the text of the run from whose
            weights training began, in [0, 1).
        precision: numbers that the matrix products of training read. Their sums, the parameters and
            all states are float32.
        backend: what runs the layers in training.
        optimizer: what turns gradients into updates; with `muon`, AdamW has the parameters that are
            no kernels of layers.
        corrections: changes of the number of steps after training began, so that it fills its time:
            each is a step of the plan, and the number of steps that was planned until then.
    """

    first_step: int = 0
    steps: int
    batch_size: int = option("Sequences in a batch.")
    sequence_length: int = option("Characters in a sequence; gradients reach back no further.")
    learning_rate: float = option("Peak of the learning rate.")
    warmup_steps: int
    weight_decay: float = 0.01
    b1: float = 0.9
    b2: float = 0.99
    max_grad_norm: float = 1.0
    reset_rate: float = 0.0
    gap_rate: float = 0.0
    seed: int = option("Seed of the initial parameters, dropout and batches; 0 by default.", 0)
    devices: int = option(
        "CPU cores or GPUs that share a batch; all by default. One CPU core as a device computes "
        "its products with all cores too, so that two train 0.9 to 1.3 times as fast; with a "
        "time, textgen measures both and takes the faster where that takes little of it.",
        1,
    )
    eval_every: int = option("Steps between evaluations.")
    checkpoint_every: int = option("Steps between checkpoints.")
    patience: int = option(
        "End early after this many evaluations in a row without a lower validation loss; "
        f"{PATIENCE} by default, 0 is off.",
        0,
    )
    forget_less: float = option(
        "With --from: share of each batch that reads the old text, in [0, 1), so that less of it "
        "is forgotten.",
        0.0,
        metavar="SHARE",
    )
    precision: Precision = option(
        "Numbers that matrix products read in training; they are summed in float32. auto is "
        "bfloat16 on accelerators that have it, and float32 elsewhere.",
        "float32",
    )
    backend: Backend = option(
        "What runs the layers in training: a scan that XLA compiles, or cuDNN's LSTM on an NVIDIA "
        "GPU. auto measures which is faster.",
        "scan",
    )
    optimizer: OptimizerName = option(
        "What turns gradients into updates: muon, for the kernels inside the layers, learns more "
        "in the same time; adamw for all else. By default muon for a forward LSTM with random "
        "weights on CPUs, and adamw elsewhere.",
        "adamw",
    )
    corrections: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        steps = [0, *(step for step, _ in self.corrections), self.steps + 1]
        if steps != sorted({*steps}):
            raise SettingError("corrections", self.corrections, "steps of the plan, in order")
        for step, planned in self.corrections:
            check_number("corrections", step, 1, whole=True)
            check_number("corrections", planned, step, MAX_STEPS, whole=True)
        check_number("first_step", self.first_step, 0, whole=True)
        check_number("steps", self.steps, 0, MAX_STEPS, whole=True)
        check_number("batch_size", self.batch_size, 1, whole=True)
        check_number("sequence_length", self.sequence_length, 1, whole=True)
        check_number("learning_rate", self.learning_rate, 0, 10, open_low=True)
        check_number("warmup_steps", self.warmup_steps, 0, whole=True)
        check_number("weight_decay", self.weight_decay, 0)
        check_number("b1", self.b1, 0, 1, open_high=True)
        check_number("b2", self.b2, 0, 1, open_high=True)
        check_number("max_grad_norm", self.max_grad_norm, 0, open_low=True)
        check_number("reset_rate", self.reset_rate, 0, 1)
        check_number("gap_rate", self.gap_rate, 0, 1)
        check_number("seed", self.seed, 0, MAX_SEED, whole=True)
        check_number("devices", self.devices, 1, MAX_DEVICES, whole=True)
        check_number("eval_every", self.eval_every, 1, whole=True)
        check_number("checkpoint_every", self.checkpoint_every, 1, whole=True)
        check_number("patience", self.patience, 0, whole=True)
        check_number("forget_less", self.forget_less, 0, 1, open_high=True)
        for name, names in (
            ("precision", Precision),
            ("backend", Backend),
            ("optimizer", OptimizerName),
        ):
            if getattr(self, name) not in get_args(names):
                raise SettingError(name, getattr(self, name), " or ".join(get_args(names)))
        if self.forget_less and self.batch_size < 2:
            allowed = "0 if a batch has one sequence, which cannot read two texts"
            raise SettingError("forget_less", self.forget_less, allowed)
        if self.batch_size % self.devices:
            raise SettingError(
                "batch_size", self.batch_size, f"a multiple of the {self.devices} devices"
            )

    @property
    def last_step(self) -> int:
        """The step at which this plan ends, counted from the run's start."""
        return self.first_step + self.steps

    def corrected(self, step: int, last_step: int) -> Self:
        """Return the plan with another end; the learning rate falls faster or slower from now on.

        Args:
            step: steps made since the run's start.
            last_step: step of the new end, counted alike.
        """
        now = step - self.first_step, self.steps
        steps = last_step - self.first_step
        return dataclasses.replace(self, steps=steps, corrections=(*self.corrections, now))

    def is_over(self, step: int, waited: int) -> bool:
        """Return whether training ends at a step.

        Training never ends early at the first step, so that a run that ended early can be trained
        further.

        Args:
            step: steps made since the run's start.
            waited: evaluations since the lowest validation loss.
        """
        return step >= self.last_step or (step > self.first_step and 0 < self.patience <= waited)

    @property
    def characters_per_step(self) -> int:
        """Characters that one step reads."""
        return self.batch_size * self.sequence_length

    @property
    def computation(self) -> Computation:
        """How training computes the network."""
        return Computation(self.precision, self.backend)

    @property
    def old_rows(self) -> int:
        """Sequences of a batch that read the old text: at least one if a share was asked for."""
        share = round(self.forget_less * self.batch_size)
        return min(max(share, 1), self.batch_size - 1) if self.forget_less else 0

    @property
    def new_characters_per_step(self) -> int:
        """Characters of the run's own text that one step reads."""
        return (self.batch_size - self.old_rows) * self.sequence_length

    def to_json(self) -> dict[str, Any]:
        """Return the settings as `Settings.to_json` does, without what older versions lack.

        That is a share of 0, products of float32, layers run by a scan, AdamW, and no corrections.
        """
        content = super().to_json() | {"corrections": self.corrections}
        for name in ("forget_less", "precision", "backend", "optimizer", "corrections"):
            if content[name] == TrainingSettings.__dataclass_fields__[name].default:
                del content[name]
        return content

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned; see `Settings.from_json`."""
        pairs = tuple((step, planned) for step, planned in values.get("corrections", ()))
        return super().from_json(dict(values) | {"corrections": pairs})


@dataclasses.dataclass(frozen=True, kw_only=True)
class SamplingSettings(Settings):
    """How the next character is drawn, and where a text ends.

    Names and meanings are those of llama.cpp, as far as it has them.

    Attributes:
        temperature: divides the logits; 0, or less than 0.0001, always takes the likeliest
            character. A string may also be a ramp over the length, `0.4..1.1`, or a cycle over the
            characters, `1,0.5,0.2`.
        top_k: only the k likeliest characters are drawn; 0 is off.
        typical_p: only the fewest characters that together reach probability p are drawn, those
            whose surprise is closest to the expected surprise first; 1 is off.
        top_p: only the fewest characters that together reach probability p are drawn, the
            likeliest first; 1 is off.
        min_p: only characters at least p times as likely as the likeliest are drawn; 0 is off.
        repetition_penalty: divides the positive logits of recent characters and multiplies their
            negative ones; 1 is off.
        repetition_window: number of most recent characters that the repetition penalty looks at.
        forbid: characters that are never written.
        only: the only characters that are written; empty for all.
        words: the only words that are written; empty for all.
        starts: beginnings of the first, the second and each further line. The text ends after as
            many lines.
        max_copy: longest run of characters that is copied from the training text; 0 is off.
        stop: strings before which the text ends.
        lines: lines after which the text ends, instead of one for each of `starts`; 0 is off.
        sentences: sentences after which the text ends; 0 is off.
    """

    temperature: float | str = option(
        "Randomness of the choice; 0 always takes the likeliest character. Can also be a ramp over "
        "the length, such as 0.4..1.1, or a cycle, such as 1,0.5,0.2.",
        0.8,
        metavar="T",
    )
    top_k: int = option("Draw only from the k likeliest characters; 0 is off.", 0, is_control=True)
    typical_p: float = option(
        "Draw only from the characters with the most typical surprise that together reach "
        "probability p; 1 is off.",
        1.0,
        is_control=True,
    )
    top_p: float = option(
        "Draw only from the likeliest characters that together reach probability p; 1 is off.",
        1.0,
        is_control=True,
    )
    min_p: float = option(
        "Draw only from characters at least p times as likely as the likeliest; 0 is off.",
        0.0,
        is_control=True,
    )
    repetition_penalty: float = option(
        "Above 1, recent characters become less likely; 1 is off.", 1.0, is_control=True
    )
    repetition_window: int = option(
        "Number of most recent characters that the repetition penalty looks at.", 64
    )
    forbid: str = option("Characters that are never written.", "", metavar="CHARS")
    only: str = option("The only characters that may be written.", "", metavar="CHARS")
    words: tuple[str, ...] = option(
        "File with the only words that may be written.", (), metavar="FILE", is_control=True
    )
    starts: tuple[str, ...] = option(
        "Beginnings of the lines, separated by commas; the text ends after the last line.",
        (),
        metavar="TEXT",
        is_control=True,
    )
    max_copy: int = option(
        "Longest run of characters to copy from the training text; 0 is off.", 0, is_control=True
    )
    stop: tuple[str, ...] = option(
        "End before this text; can be given several times.", (), metavar="TEXT"
    )
    lines: int = option("End after this many lines; 0 is off.", 0)
    sentences: int = option("End after this many sentences; 0 is off.", 0)

    def __post_init__(self) -> None:
        super().__post_init__()
        # JSON has lists instead of tuples, and the command line gives temperatures as strings.
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
                raise SettingError(name, "", "one or more texts that are not empty")
        for name in ("starts", "stop"):
            if (size := sum(map(len, getattr(self, name)))) > MAX_GIVEN:
                allowed = f"texts of at most {MAX_GIVEN:,} characters together"
                raise SettingError(name, size, allowed, " characters")
        for start in self.starts:
            if "\n" in start:
                raise SettingError("starts", start, "without a newline, since each begins a line")

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Build settings as `Settings.from_json` does.

        Older versions took `0,8` for a cycle.
        """
        given = values.get("temperature")
        return super().from_json(
            {**values, "temperature": unambiguous(given)} if isinstance(given, str) else values
        )

    @property
    def schedule(self) -> TemperatureSchedule:
        """The temperature of each character."""
        return TemperatureSchedule.parse(self.temperature)

    @property
    def num_controls(self) -> int:
        """Number of settings that cost time at every character."""
        return sum(
            getattr(self, field.name) != field.default
            for field in dataclasses.fields(self)
            if field.metadata.get("is_control")
        )

    @property
    def last_line(self) -> int:
        """Lines after which the text ends; 0 for never."""
        return self.lines or len(self.starts)


def _texts(name: str, values: object) -> tuple[str, ...]:
    if isinstance(values, tuple | list) and all(isinstance(value, str) for value in values):
        return tuple(values)
    raise SettingError(name, values, "texts")


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningSettings(Settings):
    """How a network goes on learning from what it reads; see `textgen.training.online`.

    Attributes:
        segment: number of characters between two steps.
        learning_rate: learning rate of a step. Gradients are divided by their root mean square.
        decay: fraction of the way back to the trained weights that each step takes, for a weight
            whose gradients have an average root mean square; in [0, 1].
    """

    segment: int = 20
    learning_rate: float = 2.5e-4
    decay: float = 1e-3

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number("segment", self.segment, 1, MAX_WINDOW, whole=True)
        check_number("learning_rate", self.learning_rate, 0, 1)
        check_number("decay", self.decay, 0, 1)
