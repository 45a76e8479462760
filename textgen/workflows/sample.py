"""Write samples with a model, one after the other or side by side."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from dataclasses import asdict, dataclass, replace
from itertools import chain, islice
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.aside import aside, once
from textgen.data.replaced import describe_replaced, find_replaced
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import TextgenWarning, UsageError
from textgen.generation.copies import find_copies, longest_copies
from textgen.generation.copy_index import LEAST_KEPT
from textgen.generation.copy_measures import indexed_copies, longest_indexed_copies
from textgen.generation.endings import FinishReason
from textgen.generation.engine import LARGEST_OF_A_CORE, Engine, EngineName, choose_engine
from textgen.generation.generator import Generator, Sample, write_side_by_side
from textgen.generation.known_documents import KnownDocuments
from textgen.generation.learning import Learnt
from textgen.generation.mixed_model import AnyModel, MixedModel
from textgen.generation.remarks import remarks
from textgen.generation.writing import Piece
from textgen.network.mixture import widest
from textgen.runs.trace_index import open_index
from textgen.runtime.environment import prepare_jax
from textgen.settings import PROMPT_UNKNOWN, OnUnknown, SamplingSettings
from textgen.workflows.learn_from import learn_from

# Most samples written side by side, which limits how many texts are held in memory.
SIDE_BY_SIDE = 64
# Longest training text, in characters, in which copies are searched for a report: it takes seconds.
MOST_SEARCHED = 10**8
# Number of characters of the runs that a report compares with the training text.
COMPARED = 20
# Number of characters of a prompt that are read before `should_stop` is called again.
READ_AT_ONCE = 64
# Typical lengths of a line and of a sentence, which give the expected length of a text.
LINE_CHARACTERS = 80
SENTENCE_CHARACTERS = 120
# Most times that a sample is drawn, and the distance of its indices of further draws.
MAX_ATTEMPTS = 100
ATTEMPT_STRIDE = 2**40


@dataclass(frozen=True, kw_only=True)
class Order:
    """What to write.

    Attributes:
        settings: sampling settings.
        prompt: text that each sample continues.
        lesson: text that the network learns and reads before the prompt; empty for none.
        length: most new characters of a sample.
        num_samples: number of samples.
        seed: seed of the random draws.
        on_unknown: what to do with characters of the prompt that the model does not know.
        is_continued: whether the prompt is read as the middle of a text. Otherwise it begins a
            document, or a line.
        only_new: whether a sample that stands in the training text as a whole document is drawn
            again.
        engine: engine that writes.
    """

    settings: SamplingSettings
    prompt: str = ""
    lesson: str = ""
    length: int = 500
    num_samples: int = 1
    seed: int = 0
    on_unknown: OnUnknown = PROMPT_UNKNOWN
    is_continued: bool = False
    only_new: bool = False
    engine: EngineName = "auto"


def write_samples(
    model: AnyModel,
    order: Order,
    *,
    is_scored: bool = False,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
    tell_learnt: Callable[[Learnt], None] = lambda _: None,
) -> Iterator[tuple[int, Piece]]:
    """Write samples. Sample i depends only on the seed and i.

    Args:
        model: model that writes.
        order: what to write.
        is_scored: whether to compute the surprise of the pieces.
        should_stop: function that is called again and again; true ends the writing. Everything
            written until then is yielded.
        tell: function that is called with a line of progress while nothing can be yielded.
        tell_learnt: function that is called with what was learnt of the lesson.

    Yields:
        The number of a sample and a piece of it, one sample after the other. Each sample has at
        least one piece; unless it was stopped, the last piece says why the sample ends.

    Raises:
        UnknownCharacterError: if a character of the prompt is unknown and `on_unknown` is `error`,
            or if it is `nearest` and no known character is near.
        UsageError: if the settings cannot be used with this model, or a mixture is to learn.
    """
    # The settings are checked before JAX is started, so that an error appears at once.
    tell("reading the prompt")
    first = model.generator(seed=order.seed)
    done = 0.0
    for share in first.prepare(order.settings):
        if should_stop():
            return
        done = done if share is None else share
        tell(f"indexing the training text for max-copy, once: {done:.0%}")
    first.sampler(order.settings)
    prompt = first.encode(order.prompt, order.on_unknown)
    for told in _remarks(order, first.vocabulary):
        warnings.warn(told, TextgenWarning, stacklevel=2)
    if order.lesson:
        if isinstance(model, MixedModel):
            raise UsageError("a mixture of runs does not learn; name one run, or no text to learn")
        learnt = learn_from(
            first,
            order.lesson,
            order.on_unknown,
            is_continued=order.is_continued,
            one_kernel=_uses_one_kernel(model, order),
            should_stop=should_stop,
            tell=tell,
        )
        if learnt is None:
            return
        tell_learnt(learnt)
        model = replace(model, parameters=first.reader.parameters)
    if not order.is_continued:
        first.read_start()
    for read in _read_prompt(model, order, first, prompt):
        if should_stop():
            return
        tell(f"reading the prompt, {read:,} of {len(prompt):,} characters")
    known = _known_documents(model) if order.only_new else None
    is_compiled = engine_of(model, order) == "jax"
    if is_compiled:
        tell("starting JAX and compiling the network")
        prepare_jax(one_kernel=_uses_one_kernel(model, order))
        engines = list[Engine]()
        for _ in once(lambda: engines.append(model.jax_engine())):
            if should_stop():
                return
        (first.engine,) = engines
    group = SIDE_BY_SIDE if is_compiled else 1
    for begin in range(0, order.num_samples, group):
        indices = range(begin, min(begin + group, order.num_samples))
        if known is not None:
            yield from _new_samples(
                first, indices, order, known, should_stop, tell, is_scored=is_scored
            )
            if should_stop():
                return
            continue
        generators = [first.fork(sample) for sample in indices]
        pieces = _until(
            write_side_by_side(generators, order.length, order.settings, is_scored=is_scored),
            should_stop,
        )
        if len(generators) == 1:
            yield begin, Piece("", 0.0, None if order.length else "length")
            yield from ((begin, piece) for (piece,) in pieces if piece)
        else:
            yield from zip(indices, _whole(pieces, indices, tell), strict=True)
        if should_stop():
            return


def _read_prompt(
    model: AnyModel, order: Order, generator: Generator, prompt: NDArray[np.int32]
) -> Iterator[int]:
    """Read a prompt, int32 [T], and yield the number of characters read so far."""
    shape, read = model.config.settings, 0
    if choose_engine(order.engine, shape, len(prompt), 1) == "jax":
        # JAX is started once, for the reading and for the writing.
        prepare_jax(one_kernel=_uses_one_kernel(model, order))
    for read in generator.feed_long(prompt, order.engine):
        yield read
    for begin in range(read, len(prompt), READ_AT_ONCE):
        yield begin
        generator.feed_tokens(prompt[begin : begin + READ_AT_ONCE])


def _uses_one_kernel(model: AnyModel, order: Order) -> bool:
    is_compiled = engine_of(model, order) == "jax"
    return is_compiled and widest(model.config.settings) <= LARGEST_OF_A_CORE


def _known_documents(model: AnyModel) -> KnownDocuments:
    """Return the documents of a model's training text.

    Raises:
        UsageError: if the text is not made of documents, or was not kept.
    """
    vocabulary, training = model.config.vocabulary, model.training_tokens()
    if vocabulary.end_id is None:
        raise UsageError(
            f"the run {model.name!r} was not trained on documents, so none can be told from "
            "a new one; train with --documents"
        )
    if training is None:
        raise UsageError(f"the run {model.name!r} has not kept its text; leave --new out")
    return KnownDocuments(training, vocabulary.end_id, len(vocabulary))


def _new_samples(
    first: Generator,
    indices: Sequence[int],
    order: Order,
    known: KnownDocuments,
    should_stop: Callable[[], bool],
    tell: Callable[[str], None],
    *,
    is_scored: bool,
) -> Iterator[tuple[int, Piece]]:
    """Write whole samples; those that stand in the training text are drawn again."""
    done: dict[int, Piece] = {}
    for attempt in range(MAX_ATTEMPTS):
        waiting = [index for index in indices if index not in done]
        generators = [first.fork(index + attempt * ATTEMPT_STRIDE) for index in waiting]
        steps = write_side_by_side(generators, order.length, order.settings, is_scored=is_scored)
        pieces = _whole(_until(steps, should_stop), waiting, tell)
        for index, piece in zip(waiting, pieces, strict=True):
            document = order.prompt + piece.text
            is_last = attempt == MAX_ATTEMPTS - 1
            is_known = first.encode(document, "replace") in known
            if is_last or piece.finish != "end" or not is_known:
                done[index] = piece._replace(redrawn=attempt)
        if should_stop() or len(done) == len(indices):
            break
    yield from sorted(done.items())


def _remarks(order: Order, vocabulary: Vocabulary) -> Iterator[str]:
    yield from remarks(order.settings, vocabulary)
    if order.on_unknown == "nearest" and (found := find_replaced(order.prompt, vocabulary)):
        yield describe_replaced(found)


def _until(
    steps: Iterator[tuple[Piece | None, ...]], should_stop: Callable[[], bool]
) -> Iterator[tuple[Piece | None, ...]]:
    # The first step may compile the network, which takes seconds.
    first = list[tuple[Piece | None, ...]]()
    for _ in once(lambda: first.extend(islice(steps, 1))):
        if should_stop():
            return
    for step in chain(first, steps):
        yield step
        if should_stop():
            return


def report_samples(
    model: AnyModel,
    order: Order,
    *,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[dict[str, Any]]:
    """Write samples and report on each of them.

    Args:
        model: model that writes.
        order: what to write.
        should_stop: function that is called again and again; true ends the writing. Unfinished
            samples are left out.
        tell: function that is called with lines of progress.

    Yields:
        For each sample, as JSON can hold it: the text, why it ends, its surprise to the model, how
        much of it is copied from the training text (None if the run has not kept that, or if it is
        so long that the search would take minutes), and the settings to write it again.

    Raises:
        UsageError: as `write_samples`.
    """
    training, vocabulary = model.training_tokens(), model.config.vocabulary
    known = None
    if training is not None and vocabulary.end_id is not None:
        known = KnownDocuments(training, vocabulary.end_id, len(vocabulary))
    common = {
        "run": model.name,
        "step": model.step,
        "sha256": model.sha256,
        "engine": engine_of(model, order),
        "seed": order.seed,
        "prompt": order.prompt,
        **({"mixed": model.to_json()} if isinstance(model, MixedModel) else {}),
        "labels": {name: dict(values) for name, values in model.labels.items()},
        "settings": {"length": order.length, "on_unknown": order.on_unknown}
        | order.settings.to_json(),
    }
    written = write_samples(
        model,
        order,
        is_scored=True,
        should_stop=should_stop,
        tell=tell,
        tell_learnt=lambda learnt: common.update(learnt=learnt.to_json()),
    )
    for group in _groups(_told(written, order, tell)):
        samples = [Sample.of(pieces) for pieces in group.values()]
        copies = _Copies([None] * len(group), [None] * len(group))
        if training is not None:
            tokens = [vocabulary.encode(sample.text) for sample in samples]
            for step in aside(_copies(model, training, tokens)):
                if should_stop():
                    return
                if isinstance(step, float):
                    tell(f"indexing the training text, once: {step:.0%}")
                elif step is not None:
                    copies = step
        for number, sample, *novelty in zip(group, samples, *copies, strict=True):
            whole = vocabulary.encode(order.prompt + sample.text, "replace")
            documents = {
                "is_known_document": whole in known if known is not None else None,
                "redrawn": group[number][-1].redrawn,
            }
            copied = dict(zip(("longest_copy", "new_20_grams"), novelty, strict=True))
            yield {"sample": number} | asdict(sample) | copied | documents | common


class _Copies(NamedTuple):
    """How much of each sample is copied.

    Attributes:
        longest: length of its longest copy; None if it is not known.
        new: share of its runs of 20 characters that are no copies; None if it is not known.
    """

    longest: Sequence[int | None]
    new: Sequence[float | None]


def _copies(
    model: AnyModel, training: Tokens, texts: Sequence[NDArray[np.int32]]
) -> Steps[float | _Copies, None, None]:
    """Measure how much of some texts is copied.

    Yields:
        The share of the index of the training text that is made, if it has to be made; at the end
        the measures.
    """
    corpus = model.run.record().corpus
    # A short text is searched, and so are an old and a new one together, and those of a mixture.
    if len(training) < LEAST_KEPT or corpus.old_ids or model.others:
        if len(training) > MOST_SEARCHED:
            return
        lengths: Sequence[int | None] = longest_copies(training, texts)
        found = find_copies(training, texts, COMPARED)
    else:
        opening = open_index(model.run.path, np.asarray(training), corpus.tokens_sha256, COMPARED)
        index, problem = yield from opening
        if problem:
            told = f"the index of the training text is not kept for the next time: {problem}"
            warnings.warn(told, TextgenWarning, stacklevel=2)
        found = indexed_copies(index, texts, COMPARED)
        lengths = longest_indexed_copies(index, training, texts, most_searched=MOST_SEARCHED)
    yield _Copies(lengths, [1 - grams.mean() if len(grams) else None for grams in found])


def _told(
    pieces: Iterator[tuple[int, Piece]], order: Order, tell: Callable[[str], None]
) -> Iterator[tuple[int, Piece]]:
    for number, piece in pieces:
        tell(f"writing sample {number + 1:,} of {order.num_samples:,}")
        yield number, piece


def _groups(pieces: Iterator[tuple[int, Piece]]) -> Iterator[dict[int, list[Piece]]]:
    # The training text is searched for copies once for each group of samples.
    group: dict[int, list[Piece]] = {}
    for number, piece in pieces:
        group.setdefault(number, []).append(piece)
        if piece.finish and len(group) == SIDE_BY_SIDE:
            yield group
            group = {}
    group = {number: pieces for number, pieces in group.items() if pieces[-1].finish}
    if group:
        yield group


def engine_of(model: AnyModel, order: Order) -> Literal["numpy", "jax"]:
    """Return the engine that writes an order."""
    length = expected_length(order.settings, order.length)
    shape = model.config.settings
    return choose_engine(order.engine, shape, length, order.num_samples, order.settings)


def expected_length(settings: SamplingSettings, length: int) -> int:
    """Return the expected length of a text in characters, as far as the settings tell."""
    lines, sentences = settings.last_line, settings.sentences
    return min(
        length,
        lines * LINE_CHARACTERS if lines else length,
        sentences * SENTENCE_CHARACTERS if sentences else length,
    )


def _whole(
    steps: Iterator[tuple[Piece | None, ...]], indices: Sequence[int], tell: Callable[[str], None]
) -> Iterator[Piece]:
    """Run out the writing of several samples, and yield each of them as one piece."""
    count, lengths = len(indices), [0] * len(indices)
    which = f"writing samples {indices[0] + 1:,} to {indices[-1] + 1:,}"
    texts: list[list[str]] = [[] for _ in range(count)]
    nats, finishes = [0.0] * count, list[FinishReason | None]([None] * count)
    for step in steps:
        for row, piece in enumerate(step):
            if piece is not None:
                texts[row].append(piece.text)
                nats[row] += piece.nats
                finishes[row] = piece.finish
                lengths[row] += len(piece.text)
        tell(f"{which}, up to {max(lengths):,} characters")
    for row in range(count):
        finish = finishes[row] if texts[row] else "length"
        yield Piece("".join(texts[row]), nats[row], finish)
