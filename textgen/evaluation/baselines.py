"""Two simple predictors to compare a network with: a character n-gram model and a compressor.

Both read the training text first and are then measured on another text, in nats per character.
"""

import lzma
import math
import threading
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from textgen.aside import aside
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import END, Vocabulary

MAX_ORDER = 8
# Possible n-grams for each character of a text up to which they are listed instead of sorted.
MOST_LISTED = 4

Ids = NDArray[np.integer[Any]]
Counts = NDArray[np.int64]
Item = TypeVar("Item")


class NGramLoss(NamedTuple):
    """The loss of an n-gram model on a text, in nats per character.

    Attributes:
        order: number n of characters of context.
        frozen: the loss with counts from the training text alone.
        adaptive: the loss with counts from everything before the character, in both texts.
    """

    order: int
    frozen: float
    adaptive: float


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """The result of a simple predictor.

    Attributes:
        name: kind of the predictor.
        title: its full name, for people.
        is_adaptive: whether it goes on learning from the text that it is measured on.
        nats: its loss in nats per character.
        order: number of characters of context of an n-gram model.
    """

    name: Literal["n-gram", "xz"]
    title: str
    is_adaptive: bool
    nats: float
    order: int | None = None

    @property
    def bits(self) -> float:
        """The loss in bits per character."""
        return self.nats / math.log(2)


@dataclass(frozen=True)
class Measuring:
    """What is being measured now, and which share of it is done, in [0, 1)."""

    what: str
    share: float = 0.0


def measure_baselines(
    training: Tokens, text: Tokens, vocabulary: Vocabulary, *, includes_xz: bool = True
) -> Iterator[Measuring | Baseline]:
    """Measure n-gram models and `xz -9e` on a text, after they have read the training text.

    Args:
        training: ids of the training text, [N].
        text: ids of the text to measure on, [M] with M at least 2.
        vocabulary: vocabulary of both texts.
        includes_xz: whether to measure xz.

    Yields:
        Progress, and three results: the best n-gram model with the counts of the training text
        alone, the best one that goes on counting, and xz.
    """
    losses, measuring = list[NGramLoss](), Measuring("n-gram models")
    yield measuring
    for loss in aside(_each(ngram_losses(training, text, len(vocabulary)))):
        if loss is not None:
            losses.append(loss)
            measuring = Measuring("n-gram models", len(losses) / (MAX_ORDER + 2))
        yield measuring
    yield best_ngram(losses)
    yield best_ngram(losses, is_adaptive=True)
    if includes_xz:
        yield Measuring("xz")
        # A compressor sees a newline where the network sees an end symbol.
        texts = [vocabulary.decode(part).replace(END, "\n") for part in (training, text)]
        for nats in aside(_each(compressor_loss(*each) for each in (texts,))):
            if nats is None:
                yield Measuring("xz")
            else:
                yield Baseline(name="xz", title="xz -9e", is_adaptive=True, nats=nats)


def _each(items: Iterable[Item]) -> Generator[Item, None, None]:
    yield from items


def best_ngram(losses: Iterable[NGramLoss], *, is_adaptive: bool = False) -> Baseline:
    """Return the n-gram model of lowest loss.

    Args:
        losses: at least one; of equal losses the first is taken.
        is_adaptive: whether to compare the losses of models that go on counting.
    """
    nats, order = min(
        (loss.adaptive if is_adaptive else loss.frozen, loss.order) for loss in losses
    )
    title = f"n-gram, {order} {'character' if order == 1 else 'characters'} of context"
    return Baseline(name="n-gram", title=title, is_adaptive=is_adaptive, nats=nats, order=order)


class Counted(NamedTuple):
    """What was counted before each character of a text, int64 [M] each.

    Attributes:
        seen: number of the n-gram that ends with the character.
        total: number of its context.
        kinds: number of different characters after its context.
    """

    seen: Counts
    total: Counts
    kinds: Counts

    def interpolate(self, discount: float, lower: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return an order's probabilities of all characters but the first, float64 [M - 1].

        Args:
            discount: D.
            lower: probabilities of the order below, float64 [M - 1].
        """
        seen, total, kinds = (each[1:] for each in self)
        higher = np.maximum(seen - discount, 0)
        mixed = (higher + discount * kinds * lower) / np.maximum(total, 1)
        return np.where(total > 0, mixed, lower)


def ngram_losses(
    training: Tokens, text: Tokens, vocab_size: int, max_order: int = MAX_ORDER
) -> Iterator[NGramLoss]:
    """Measure n-gram models of rising order; see `ngram_probabilities`.

    Yields:
        The loss of each order, from 0 on.
    """
    models = ngram_probabilities(training, text, vocab_size, max_order)
    for order, (frozen, adaptive) in enumerate(models):
        yield NGramLoss(order, float(-np.log(frozen).mean()), float(-np.log(adaptive).mean()))


def ngram_probabilities(
    training: Tokens, text: Tokens, vocab_size: int, max_order: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Predict a text with interpolated n-gram models and absolute discounting.

    With c for counts, N(h) for the number of different characters that follow a context h, and
    D = (n_1 + 1) / (n_1 + 2 n_2 + 3), where n_1 and n_2 are the numbers of n-grams that the
    training text has once and twice, the model of order n is

        P_n(x | h) = (max(c(h x) - D, 0) + D N(h) P_{n-1}(x | h')) / c(h).

    Args:
        training: ids of the training text, [N].
        text: ids, [M] with M at least 2. Every id but the first is predicted. Contexts reach back
            into the training text.
        vocab_size: V; below order 0 all characters are equally likely.
        max_order: the longest context.

    Yields:
        For each order from 0 on, the probabilities of the predicted characters, float64 [M - 1]
        twice: with counts from the training text alone, and with counts from everything before
        the character.

    References:
        Ney, Essen and Kneser (1994), On structuring probabilistic dependences in stochastic
        language modelling.
    """
    whole, split = np.concatenate([training, text]), len(training)
    uniform = np.full(len(text) - 1, 1 / vocab_size)
    frozen, adaptive = uniform, uniform
    # Each context is a number below `num_contexts`. Order 0 has one context only.
    contexts, num_contexts = np.zeros(len(whole), np.int32), 1
    for _ in range(max_order + 1):
        grams, context_of = _number(contexts, whole, num_contexts, vocab_size)
        # What the training text alone has: the number of each n-gram and of each context, and the
        # number of different characters after each context.
        counts = np.bincount(grams[:split], minlength=len(context_of))
        totals = np.bincount(contexts[:split], minlength=num_contexts)
        kinds = np.bincount(context_of[counts > 0], minlength=num_contexts)
        discount = _discount(counts)
        gram, context = grams[split:], contexts[split:]
        known = Counted(counts[gram], totals[context], kinds[context])
        # What the text itself adds before each of its characters.
        seen = known.seen + _count_before(gram)
        after = Counted(
            seen,
            known.total + _count_before(context),
            known.kinds + _count_before(context, seen == 0),
        )
        frozen, adaptive = (
            known.interpolate(discount, frozen),
            after.interpolate(discount, adaptive),
        )
        yield frozen, adaptive
        # An n-gram is the next order's context of the character after it. The first character has a
        # context of its own.
        contexts[1:], contexts[0] = grams[:-1], len(context_of)
        num_contexts = len(context_of) + 1


def _number(
    contexts: NDArray[np.int32], ids: Ids, num_contexts: int, vocab_size: int
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Number the different n-grams of a text, in the order of context and character.

    Args:
        contexts: number of the context of each character, int32 [N].
        ids: the characters, [N].
        num_contexts: all numbers of contexts are below it.
        vocab_size: all ids are below it.

    Returns:
        The number of the n-gram of each character, int32 [N], and the context of each n-gram.
    """
    codes = contexts.astype(np.uint64)
    codes *= np.uint64(vocab_size)
    codes += ids.astype(np.uint64)
    if num_contexts * vocab_size <= MOST_LISTED * len(ids):
        is_used = np.zeros(num_contexts * vocab_size, bool)
        is_used[codes] = True
        numbers = np.cumsum(is_used, dtype=np.int32)
        numbers -= 1
        return numbers[codes], (np.flatnonzero(is_used) // vocab_size).astype(np.int32)
    order, ordered = _sorted(codes, num_contexts * vocab_size)
    is_new = np.append(True, ordered[1:] != ordered[:-1])
    grams = np.empty(len(ids), np.int32)
    grams[order] = np.cumsum(is_new, dtype=np.int32) - np.int32(1)
    return grams, (ordered[is_new] // np.uint64(vocab_size)).astype(np.int32)


def _sorted(
    codes: NDArray[np.uint64], above: int
) -> tuple[NDArray[np.integer[Any]], NDArray[np.uint64]]:
    """Sort numbers; equal ones stay in their order.

    A number and its position are sorted as one number of 64 bits where they fit, which is several
    times as fast.

    Args:
        codes: the numbers, uint64 [N].
        above: they are below it.

    Returns:
        The positions of the numbers in order, [N], and the numbers in order.
    """
    bits = len(codes).bit_length()
    if above.bit_length() + bits > 64:
        order = np.argsort(codes, kind="stable")
        return order, codes[order]
    packed = codes << np.uint64(bits)
    packed |= np.arange(len(codes), dtype=np.uint64)
    packed.sort()
    positions = packed & np.uint64(2**bits - 1)
    packed >>= np.uint64(bits)
    return positions.astype(np.int64), packed


def _discount(counts: NDArray[np.int64]) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    # Adding one to each count keeps the discount above 0, so that no character is impossible.
    return (once + 1) / (once + 2 * twice + 3)


def _count_before(groups: NDArray[np.int32], counted: NDArray[np.bool_] | None = None) -> Counts:
    """Return for each position how many positions before it have the same group, int64 [M].

    Args:
        groups: number of the group of each position, int32 [M] with M at least 1.
        counted: which positions count; None for all.
    """
    order, ordered = _sorted(groups.astype(np.uint64), int(groups.max()) + 1)
    weights = np.ones(len(groups), np.int64) if counted is None else counted[order].astype(np.int64)
    before = np.cumsum(weights) - weights
    starts = np.append(True, ordered[1:] != ordered[:-1])
    # Subtract from each position what was counted before its group began.
    before -= np.repeat(before[starts], np.diff(np.append(np.flatnonzero(starts), len(groups))))
    result: Counts = np.empty_like(before)
    result[order] = before
    return result


def compressor_loss(training: str, text: str) -> float:
    """Return the loss of `xz -9e`: by how much a text lengthens the file of the training text.

    Returns:
        Nats per character of the text.
    """

    def size(text: str) -> int:
        return len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))

    sizes = list[int]()
    # A daemon, so that the process can end meanwhile. The two run on two cores.
    other = threading.Thread(target=lambda: sizes.append(size(training)), daemon=True)
    other.start()
    whole = size(training + text)
    other.join()
    if not sizes:
        raise MemoryError
    return (whole - sizes[0]) * 8 * math.log(2) / len(text)
