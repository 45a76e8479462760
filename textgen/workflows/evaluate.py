"""How well a network predicts a text by three protocols, and what simpler models make of it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from textgen.data.corpus import MAX_TEXT
from textgen.data.tokens import Tokens, token_dtype
from textgen.data.vocabulary import Vocabulary
from textgen.errors import CorpusError, UnknownCharacterError, UsageError
from textgen.evaluation.baselines import MAX_ORDER, NGramLoss, compressor_loss, ngram_losses
from textgen.evaluation.curves import ngram_title
from textgen.evaluation.protocols import DynamicEvaluator, Evaluator, bits_per_character
from textgen.generation.model import Model
from textgen.network.cells import CELLS
from textgen.network.model import network_function
from textgen.network.parameters import Arrays
from textgen.runtime.devices import make_mesh
from textgen.settings import ModelSettings, OnUnknown
from textgen.workflows.events import Note

Protocol = Literal["window", "stream", "dynamic"]
# Windows that are read side by side, shared by the devices.
WINDOWS_AT_ONCE = 64
# Of shorter texts the steps of 4 bytes, by which the files of xz grow, would show.
FEWEST_OF_XZ = 1000


@dataclass(frozen=True)
class Working:
    """What is being measured now, and how much of it is done, in [0, 1)."""

    what: str
    share: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Result:
    """How well something predicts a text.

    Attributes:
        predictor: what predicts.
        title: the same in full.
        protocol: the only one whose results it can be compared with.
        nats: the mean over the characters.
        order: characters of context of an n-gram model.
        losses: of every character but the first in nats, float32 [M - 1], if they were kept.
    """

    predictor: Literal["network", "n-gram", "xz"]
    title: str
    protocol: Protocol
    nats: float
    order: int | None = None
    losses: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)

    @property
    def bits(self) -> float:
        """The mean in bits."""
        return bits_per_character(self.nats)

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "predictor": self.predictor,
            "title": self.title,
            "order": self.order,
            "protocol": self.protocol,
            "nats_per_character": self.nats,
            "bits_per_character": self.bits,
        }


Event = Working | Result | Note


def evaluate(model: Model, text: Tokens | None) -> Iterator[Event]:
    """Measure a model, and simpler models beside it.

    Args:
        model: to measure.
        text: ids, [M] with M at least 2; None for the validation text of the model's run.

    Yields:
        What is being measured, each result as soon as it is known, and what is left out since the
        run has not kept its text, or that is too long.

    Raises:
        UsageError: if there is no text, since the run has not kept its own.
        DamagedError: if what it has kept is damaged.
    """
    training, text = _texts(model, text)
    if training is None:
        yield Note("the run has not kept its training text: dynamic, n-gram and xz are left out")
    yield from measure_network(model.config.settings, model.parameters, training, text)
    if training is None:
        return
    if len(training) + len(text) > MAX_TEXT:
        yield Note(f"of more than {MAX_TEXT:,} characters n-gram and xz are left out")
        return
    yield from measure_baselines(training, text, model.config.vocabulary)


def _texts(model: Model, text: Tokens | None) -> tuple[Tokens | None, Tokens]:
    """Return the training text of a model, if its run has kept it, and the text to measure."""
    training = model.training_tokens()
    text = model.validation_tokens() if text is None else text
    if text is None:
        raise UsageError(
            f"the run {model.name!r} has not kept its text; "
            f"name one to measure: textgen evaluate {model.run.reference} FILE"
        )
    return training, text


def measure_network(
    settings: ModelSettings, parameters: Arrays, training: Tokens | None, text: Tokens
) -> Iterator[Working | Result]:
    """Measure a network by one protocol after the other.

    Args:
        settings: of the network.
        parameters: of the network, by name.
        training: ids of the text it was trained on, which `dynamic` needs; else it is left out.
        text: ids, [M] with M at least 2; every id but the first is predicted.

    Yields:
        What is being measured, and each result; that of `dynamic` with all its losses.
    """
    title = f"{CELLS[settings.cell].title} {settings.num_layers}x{settings.hidden_size}"
    apply = network_function(settings)
    mesh = make_mesh(None, WINDOWS_AT_ONCE)
    evaluator, arrays = Evaluator(apply, settings, mesh), dict[str, Any](parameters)
    yield Working(f"{title}, window")
    nats = evaluator.window(arrays, text, batch_size=WINDOWS_AT_ONCE)
    yield Result(predictor="network", title=title, protocol="window", nats=nats)
    yield Working(f"{title}, stream")
    nats = evaluator.stream(arrays, text)
    yield Result(predictor="network", title=title, protocol="stream", nats=nats)
    if training is None:
        return
    pieces, read, total = list[NDArray[np.float32]](), 0, len(text) - 1
    yield Working(f"{title}, dynamic")
    for piece in DynamicEvaluator(apply, settings).measure(arrays, training, text):
        pieces.append(piece)
        read += len(piece)
        if read < total:
            yield Working(f"{title}, dynamic", read / total)
    losses = np.concatenate(pieces)
    nats = float(losses.mean())
    yield Result(predictor="network", title=title, protocol="dynamic", nats=nats, losses=losses)


def measure_baselines(training: Tokens, text: Tokens, vocabulary: Vocabulary) -> Iterator[Event]:
    """Measure n-gram models of characters, and `xz` after the training text.

    Args:
        training: ids, [N].
        text: ids, [M] with M at least 2.
        vocabulary: of both.

    Yields:
        What is being measured, and the results: of the n-gram models with the counts of the
        training text the one of the best order (`stream`), of those that go on counting as well
        (`dynamic`), and that of xz, which copies from all that stands before (`dynamic`).
    """
    models = list[NGramLoss]()
    yield Working("n-gram models")
    for model in ngram_losses(training, text, len(vocabulary)):
        models.append(model)
        if model.order < MAX_ORDER:
            yield Working("n-gram models", len(models) / (MAX_ORDER + 1))
    best = min(models, key=lambda model: model.frozen)
    yield _ngram_result(best.order, "stream", best.frozen)
    best = min(models, key=lambda model: model.adaptive)
    yield _ngram_result(best.order, "dynamic", best.adaptive)
    if len(text) < FEWEST_OF_XZ:
        yield Note(f"xz counts in steps of 32 bits: left out below {FEWEST_OF_XZ:,} characters")
        return
    yield Working("xz")
    nats = compressor_loss(vocabulary.decode(training), vocabulary.decode(text))
    yield Result(predictor="xz", title="xz -9e, training text first", protocol="dynamic", nats=nats)


def _ngram_result(order: int, protocol: Protocol, nats: float) -> Result:
    title = ngram_title(order)
    return Result(predictor="n-gram", title=title, protocol=protocol, nats=nats, order=order)


def encode_text(
    text: str, name: str, vocabulary: Vocabulary, on_unknown: OnUnknown
) -> tuple[Tokens, int]:
    """Turn a text into what a model reads of it.

    Args:
        text: any text.
        name: what messages call it.
        vocabulary: of the model.
        on_unknown: what to do with characters that the model does not know.

    Returns:
        The ids, [M] with M at least 2, and how many characters were unknown.

    Raises:
        CorpusError: if there is too little to measure, or a character is unknown and that is an
            error.
    """
    if not text:
        raise CorpusError(name, "the text is empty; there is nothing to measure")
    try:
        tokens = vocabulary.encode(text, on_unknown)
    except UnknownCharacterError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        rules = "skip or replace" if on_unknown == "nearest" else "nearest, skip or replace"
        raise CorpusError(
            name,
            f"the model does not know the character {error.character!r} "
            f"(U+{ord(error.character):04X}) at line {line}, column {column}; "
            f"choose --on-unknown {rules}",
        ) from error
    if len(tokens) < 2:
        known = " that the model knows" if len(tokens) < len(text) else ""
        problem = f"at least 2 characters are needed, got {len(tokens)}{known}"
        raise CorpusError(name, problem)
    known_ones = set(vocabulary.characters)
    unknown = sum(count for one, count in Counter(text).items() if one not in known_ones)
    return tokens.astype(token_dtype(len(vocabulary))), unknown
