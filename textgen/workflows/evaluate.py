"""Measure how well a network predicts a text, and baselines beside it."""

from collections import Counter
from collections.abc import Callable, Iterator
from collections.abc import Generator as Steps
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import PlacedLabels
from textgen.data.sources import MAX_TEXT
from textgen.data.tokens import Tokens, token_dtype
from textgen.data.vocabulary import Vocabulary
from textgen.errors import CorpusError, UnknownCharacterError, UsageError
from textgen.evaluation.baselines import Measuring, measure_baselines
from textgen.evaluation.missing import MissingEvaluator
from textgen.evaluation.protocols import DynamicEvaluator, Evaluator, bits_per_character
from textgen.evaluation.text_losses import shape_function
from textgen.generation.mixed_model import AnyModel, MixedConfig, MixedModel
from textgen.network.cells import CELLS
from textgen.network.mixture import Shape, mixed_nats
from textgen.network.model import network_function
from textgen.network.parameters import Arrays, with_labels
from textgen.runs.checkpoint import ModelConfig
from textgen.runtime.cpu_memory import check_use
from textgen.runtime.devices import make_mesh
from textgen.settings import ModelSettings, OnUnknown
from textgen.workflows.events import Note

Protocol = Literal["window", "stream", "dynamic", "missing"]
# Windows that are read side by side, shared among the devices.
WINDOWS_AT_ONCE = 64
# Copies of the weights that `dynamic` holds: two that learn, and for each of them a gradient and
# what the compiled step makes of it; and the mean squares.
DYNAMIC_COPIES = 8
# Shortest text for xz, in characters. Its files grow in steps of 4 bytes, too coarse for less.
FEWEST_OF_XZ = 1000


@dataclass(frozen=True, kw_only=True)
class Result:
    """How well something predicts a text.

    Attributes:
        predictor: kind of the predictor.
        title: its full name, for people.
        protocol: protocol of the measurement. Results of different protocols do not compare.
        nats: mean loss in nats per character.
        order: number of characters of context of an n-gram model.
        right: share of the characters whose likeliest prediction is right, in [0, 1]; of the
            protocol `missing` alone.
        losses: loss of every character but the first in nats, float32 [M - 1], if it was kept.
    """

    predictor: Literal["network", "n-gram", "xz"]
    title: str
    protocol: Protocol
    nats: float
    order: int | None = None
    right: float | None = None
    losses: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def bits(self) -> float:
        """The mean loss in bits per character."""
        return bits_per_character(self.nats)

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it."""
        return {
            "predictor": self.predictor,
            "title": self.title,
            "order": self.order,
            "protocol": self.protocol,
            "nats_per_character": self.nats,
            "bits_per_character": self.bits,
            **({} if self.right is None else {"right": self.right}),
        }


Evaluation = Measuring | Result | Note


def evaluate(
    model: AnyModel, text: Tokens | None, check: Callable[[], None] = lambda: None
) -> Steps[Evaluation, None, None]:
    """Measure a model, and baselines beside it.

    A network of both directions is measured by the protocol `missing` alone, which no baseline
    compares with.

    Args:
        model: model to measure.
        text: ids, [M] with M at least 2; None for the validation text of the model's run.
        check: is called again and again while nothing is yielded, and may raise an error to stop.

    Yields:
        What is being measured, each result as soon as it is known, and notes about what is not
        measured because the run has not kept its text or the text is too long.

    Raises:
        UsageError: if no text is given and the run has not kept its own.
        DamagedError: if the text that the run has kept is damaged.
        NotEnoughMemoryError: if there is too little memory to measure the network.
    """
    is_given = text is not None  # it begins with the start, which is not measured
    training, text = _texts(model, text)
    if isinstance(model, MixedModel):
        yield from measure_mixture(model, text, check)
        if any(one.config.labels for one in model.models):
            yield Note("a mixture is measured with the labels left out")
        yield from _baselines(training, text, model.config.vocabulary)
        return
    # The labels of a text that is given are not known; those of the validation text are.
    labels = None if is_given or model.labels else model.validation_labels()
    network = model.config.settings, model.parameters
    if labels is not None and model.trained is not None:
        network = model.trained
    devices = make_mesh(None, WINDOWS_AT_ONCE).size
    check_use(network[0], devices, f"evaluating the run {model.name!r}")
    if network[0].direction == "both":
        yield from measure_missing(*network, text[int(is_given) :], labels)
        return
    if training is None:
        yield Note(
            "dynamic, n-gram and xz are not measured: the run has not kept its training text"
        )
    yield from measure_network(*network, training, text, labels, check)
    if labels is not None and training is not None:
        yield Note("dynamic is measured with the labels left out")
    yield from _baselines(training, text, model.config.vocabulary)


def _baselines(
    training: Tokens | None, text: Tokens, vocabulary: Vocabulary
) -> Iterator[Evaluation]:
    if training is None:
        return
    if len(training) + len(text) > MAX_TEXT:
        yield Note(f"n-gram and xz are not measured on more than {MAX_TEXT:,} characters")
        return
    yield from baseline_results(training, text, vocabulary)


def _texts(model: AnyModel, text: Tokens | None) -> tuple[Tokens | None, Tokens]:
    """Return the training text of a model, if its run has kept it, and the text to measure on."""
    training = model.training_tokens()
    text = model.validation_tokens() if text is None else text
    if text is None:
        raise UsageError(
            f"the run {model.name!r} has not kept its text; "
            f"name a text to measure on: textgen evaluate {model.run.reference} FILE"
        )
    return training, text


def measure_network(
    settings: ModelSettings,
    parameters: Arrays,
    training: Tokens | None,
    text: Tokens,
    labels: PlacedLabels | None = None,
    check: Callable[[], None] = lambda: None,
) -> Iterator[Measuring | Result]:
    """Measure a network by one protocol after the other.

    Args:
        settings: shape of the network.
        parameters: parameters of the network, by name.
        training: ids of the training text. Without it `dynamic` is not measured.
        text: ids, [M] with M at least 2; every id but the first is predicted.
        labels: labels of the documents of the text, for all protocols but `dynamic`.
        check: see `evaluate`.

    Yields:
        What is being measured, and each result. The result of `dynamic` has the losses of all
        characters.
    """
    title = f"{CELLS[settings.cell].title} {settings.size}"
    yield from _measure_trained(title, settings, dict(parameters), text, labels, check)
    if training is None:
        return
    pieces = _learning(*with_labels(settings, parameters), training, text)
    yield from _measure_learning(title, pieces, len(text) - 1)


def measure_mixture(
    model: MixedModel, text: Tokens, check: Callable[[], None] = lambda: None
) -> Iterator[Measuring | Result | Note]:
    """Measure a mixture of networks by one protocol after the other; see `measure_network`.

    Args:
        model: the mixture.
        text: ids of the mixture, [M] with M at least 2; every id but the first is predicted.
        check: see `evaluate`.
    """
    shape, parts = model.config.settings, model.parameters
    counts = Counter(f"{CELLS[part.cell].title} {part.size}" for part in shape.parts)
    titles = (f"{number} x {one}" if number > 1 else one for one, number in counts.items())
    title = f"mixture of {' and '.join(titles)}"
    yield from _measure_trained(title, shape, parts, text, None, check)
    learning = list[Iterator[NDArray[np.float32]]]()
    for one, part in zip(model.models, parts, strict=True):
        training = one.training_tokens()
        if training is None:
            yield Note(f"dynamic is not measured: {one.name!r} has not kept its training text")
            return
        own = part.readings.astype(token_dtype(len(one.config.vocabulary)))[np.asarray(text)]
        learning.append(_learning(one.config.settings, part.arrays, training, own))

    def mixed() -> Iterator[NDArray[np.float32]]:
        begin = 1
        for nats in zip(*learning, strict=True):
            end = begin + len(nats[0])
            yield mixed_nats(nats, text[begin:end], parts)
            begin = end

    yield from _measure_learning(title, mixed(), len(text) - 1)


def _measure_trained(
    title: str,
    shape: Shape,
    parameters: Any,
    text: Tokens,
    labels: PlacedLabels | None,
    check: Callable[[], None],
) -> Iterator[Measuring | Result]:
    """Measure a network, or a mixture, that does not learn, by two protocols."""
    mesh = make_mesh(None, WINDOWS_AT_ONCE)
    evaluator = Evaluator(shape_function(shape), shape, mesh, check)
    yield Measuring(f"{title}, window")
    nats = evaluator.window(parameters, text, labels=labels, batch_size=WINDOWS_AT_ONCE)
    yield Result(predictor="network", title=title, protocol="window", nats=nats)
    yield Measuring(f"{title}, stream")
    nats = evaluator.stream(parameters, text, labels=labels)
    yield Result(predictor="network", title=title, protocol="stream", nats=nats)


def _learning(
    settings: ModelSettings, parameters: Arrays, training: Tokens, text: Tokens
) -> Iterator[NDArray[np.float32]]:
    """Yield the losses of a network that learns the text that it reads, piece by piece."""
    check_use(settings, DYNAMIC_COPIES, "the protocol `dynamic`")
    learner = DynamicEvaluator(network_function(settings), settings)
    return learner.measure(dict[str, Any](parameters), training, text)


def _measure_learning(
    title: str, losses: Iterator[NDArray[np.float32]], total: int
) -> Iterator[Measuring | Result]:
    """Measure what learns, by its losses of `total` characters."""
    pieces, read = list[NDArray[np.float32]](), 0
    yield Measuring(f"{title}, dynamic")
    for piece in losses:
        pieces.append(piece)
        read += len(piece)
        if read < total:
            yield Measuring(f"{title}, dynamic", read / total)
    found = np.concatenate(pieces)
    nats = float(found.mean())
    yield Result(predictor="network", title=title, protocol="dynamic", nats=nats, losses=found)


def measure_missing(
    settings: ModelSettings, parameters: Arrays, text: Tokens, labels: PlacedLabels | None = None
) -> Iterator[Measuring | Result]:
    """Measure a network of both directions, which predicts each character from all others.

    Args:
        settings: shape of the network.
        parameters: parameters of the network, by name.
        text: ids, [M] with M at least 2; every id is predicted.
        labels: labels of the documents of the text.

    Yields:
        What is being measured, again and again, and the result.
    """
    title = f"{CELLS[settings.cell].title} {settings.size}, both directions"
    mesh = make_mesh(None, WINDOWS_AT_ONCE)
    evaluator = MissingEvaluator(network_function(settings), settings, mesh)
    yield Measuring(f"{title}, missing")
    for found in evaluator.whole(dict[str, Any](parameters), text, labels):
        if found.characters < len(text):
            yield Measuring(f"{title}, missing", found.characters / len(text))
    yield Result(
        predictor="network", title=title, protocol="missing", nats=found.nats, right=found.right
    )


def baseline_results(
    training: Tokens, text: Tokens, vocabulary: Vocabulary
) -> Iterator[Evaluation]:
    """Measure the baselines of a text; see `measure_baselines`.

    Yields:
        What is being measured, and each result under the protocol that it compares with: an n-gram
        model with the counts of the training text is a `stream`; one that goes on counting, and
        xz, which copies from everything before, are `dynamic`. A short text is not given to xz; a
        note says so.
    """
    is_long = len(text) >= FEWEST_OF_XZ
    for found in measure_baselines(training, text, vocabulary, includes_xz=is_long):
        if isinstance(found, Measuring):
            yield found
            continue
        yield Result(
            predictor=found.name,
            title=found.title + ", training text first" * (found.name == "xz"),
            protocol="dynamic" if found.is_adaptive else "stream",
            nats=found.nats,
            order=found.order,
        )
    if not is_long:
        yield Note(
            f"xz is not measured on less than {FEWEST_OF_XZ:,} characters: "
            "its files grow in steps of 4 bytes"
        )


def encode_text(
    text: str, name: str, config: ModelConfig | MixedConfig, on_unknown: OnUnknown
) -> tuple[Tokens, int]:
    """Encode a text for a model, with the start before it, so that every character is predicted.

    Args:
        text: any text.
        name: name of the text in messages.
        config: configuration of the model.
        on_unknown: what to do with characters that the model does not know.

    Returns:
        The ids, [M] with M at least 2, and the number of unknown characters.

    Raises:
        CorpusError: if there is nothing to measure in the text, or a character is unknown and
            `on_unknown` is `error`.
    """
    if not text:
        raise CorpusError(name, "the text is empty; there is nothing to measure", "text")
    vocabulary = config.vocabulary
    try:
        tokens = vocabulary.encode_documents(text, on_unknown)
    except UnknownCharacterError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        rules = "skip or replace" if on_unknown == "nearest" else "nearest, skip or replace"
        raise CorpusError(
            name,
            f"the model does not know the character {error.character!r} "
            f"(U+{ord(error.character):04X}) at line {line}, column {column}; "
            f"choose --on-unknown {rules}",
            "text",
        ) from error
    if not len(tokens):
        raise CorpusError(name, "it holds no character that the model knows", "text")
    tokens = np.concatenate([vocabulary.encode_start(config.start), tokens])
    return tokens.astype(token_dtype(len(vocabulary))), vocabulary.count_unknown(text)
