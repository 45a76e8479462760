"""Write samples with a model, one after the other or side by side."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from textgen.generation.copies import find_copies, longest_copies
from textgen.generation.endings import FinishReason
from textgen.generation.engine import EngineName, choose_engine
from textgen.generation.generator import Piece, Sample, write_side_by_side
from textgen.generation.model import Model
from textgen.settings import OnUnknown, SamplingSettings

# Side by side, so that the texts of a large order need not all be held at once.
SIDE_BY_SIDE = 64
# Characters of a prompt between two looks at whether to stop.
READ_AT_ONCE = 1000
# What a line and a sentence are taken for where they decide how long a text is.
LINE_CHARACTERS = 80
SENTENCE_CHARACTERS = 120


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is to be written.

    Attributes:
        settings: how to draw, and where to end.
        prompt: what each sample goes on from.
        length: new characters of each, at most.
        num_samples: how many.
        seed: of the draws.
        on_unknown: what to do with characters of the prompt that the model does not know.
        engine: which engine writes.
    """

    settings: SamplingSettings
    prompt: str = ""
    length: int = 500
    num_samples: int = 1
    seed: int = 0
    on_unknown: OnUnknown = "error"
    engine: EngineName = "auto"


def write_samples(
    model: Model,
    order: Order,
    *,
    is_scored: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Piece]]:
    """Write samples; sample i depends only on the seed and i.

    Args:
        model: what to write with.
        order: what to write.
        is_scored: whether the surprise of the pieces is wanted.
        should_stop: asked over and over; what was written until then is still handed over.

    Yields:
        The number of a sample and a piece of it: one sample after the other, each with one piece at
        least, the last one saying why the sample ends, unless it was stopped.

    Raises:
        UnknownCharacterError: if the prompt has an unknown character and that is an error.
        UsageError: if the settings cannot be used with this model.
    """
    # Before JAX is started, so that a setting that cannot be used is told at once.
    first = model.generator(seed=order.seed)
    first.sampler(order.settings)
    prompt = first.vocabulary.encode(order.prompt, order.on_unknown)
    for begin in range(0, len(prompt), READ_AT_ONCE):
        if should_stop():
            return
        first.feed_tokens(prompt[begin : begin + READ_AT_ONCE])
    is_compiled = engine_of(model, order) == "jax"
    if is_compiled:
        first.engine = model.jax_engine()
    group = SIDE_BY_SIDE if is_compiled else 1
    for begin in range(0, order.num_samples, group):
        indices = range(begin, min(begin + group, order.num_samples))
        generators = [first.fork(sample) for sample in indices]
        pieces = _until(
            write_side_by_side(generators, order.length, order.settings, is_scored=is_scored),
            should_stop,
        )
        if len(generators) == 1:
            yield begin, Piece("", 0.0, None if order.length else "length")
            yield from ((begin, piece) for (piece,) in pieces if piece)
        else:
            yield from zip(indices, _whole(pieces, len(indices)), strict=True)
        if should_stop():
            return


def _until(
    steps: Iterator[tuple[Piece | None, ...]], should_stop: Callable[[], bool]
) -> Iterator[tuple[Piece | None, ...]]:
    for step in steps:
        yield step
        if should_stop():
            return


def report_samples(
    model: Model, order: Order, *, should_stop: Callable[[], bool] = lambda: False
) -> Iterator[dict[str, Any]]:
    """Write samples, and say of each what is to be known about it.

    Args:
        model: what to write with.
        order: what to write.
        should_stop: asked over and over; samples that are not whole then are left out.

    Yields:
        For each sample what JSON can hold: the text, why it ends, its surprise under the model, how
        much of it is copied from the training text (None if that was not kept), and what it takes
        to write it again; of a list of words, how many there are.

    Raises:
        UsageError: as `write_samples`.
    """
    training = model.training_tokens()
    settings = order.settings.to_json() | {"words": len(order.settings.words)}
    common = {
        "run": model.run.name,
        "step": model.step,
        "checkpoint": model.sha256,
        "engine": engine_of(model, order),
        "seed": order.seed,
        "prompt": order.prompt,
        "settings": {"length": order.length, "on_unknown": order.on_unknown} | settings,
    }
    written = write_samples(model, order, is_scored=True, should_stop=should_stop)
    for group in _groups(written):
        samples = [Sample.of(pieces) for pieces in group.values()]
        copies: list[dict[str, Any]] = [{"longest_copy": None, "new_20_grams": None}] * len(group)
        if training is not None:
            tokens = [model.config.vocabulary.encode(sample.text) for sample in samples]
            lengths = longest_copies(training, tokens)
            copied = find_copies(training, tokens, 20)
            copies = [
                {"longest_copy": length, "new_20_grams": 1 - grams.mean() if len(grams) else None}
                for length, grams in zip(lengths, copied, strict=True)
            ]
        for number, sample, novelty in zip(group, samples, copies, strict=True):
            yield {"sample": number} | asdict(sample) | novelty | common


def _groups(pieces: Iterator[tuple[int, Piece]]) -> Iterator[dict[int, list[Piece]]]:
    # So that the training text is read once for many samples.
    group: dict[int, list[Piece]] = {}
    for number, piece in pieces:
        group.setdefault(number, []).append(piece)
        if piece.finish and len(group) == SIDE_BY_SIDE:
            yield group
            group = {}
    group = {number: pieces for number, pieces in group.items() if pieces[-1].finish}
    if group:
        yield group


def engine_of(model: Model, order: Order) -> Literal["numpy", "jax"]:
    """Return which engine writes."""
    length = expected_length(order.settings, order.length)
    shape = model.config.settings
    return choose_engine(order.engine, shape, length, order.num_samples, order.settings)


def expected_length(settings: SamplingSettings, length: int) -> int:
    """Return how long a text may be expected to become, by the settings alone."""
    lines, sentences = settings.last_line, settings.sentences
    return min(
        length,
        lines * LINE_CHARACTERS if lines else length,
        sentences * SENTENCE_CHARACTERS if sentences else length,
    )


def _whole(steps: Iterator[tuple[Piece | None, ...]], count: int) -> Iterator[Piece]:
    texts: list[list[str]] = [[] for _ in range(count)]
    nats, finishes = [0.0] * count, list[FinishReason | None]([None] * count)
    for step in steps:
        for row, piece in enumerate(step):
            if piece is not None:
                texts[row].append(piece.text)
                nats[row] += piece.nats
                finishes[row] = piece.finish
    for row in range(count):
        finish = finishes[row] if texts[row] else "length"
        yield Piece("".join(texts[row]), nats[row], finish)
