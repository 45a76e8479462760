"""Two simple predictors to compare a network with: a character n-gram model and a compressor.

Both read the training text first and are then measured on another text, in nats per character.
"""

import lzma
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.data.vocabulary import END, Vocabulary

MAX_ORDER = 8


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
    losses = list[NGramLoss]()
    yield Measuring("n-gram models")
    for loss in ngram_losses(training, text, len(vocabulary)):
        losses.append(loss)
        if loss.order < MAX_ORDER:
            yield Measuring("n-gram models", len(losses) / (MAX_ORDER + 1))
    yield best_ngram(losses)
    yield best_ngram(losses, is_adaptive=True)
    if includes_xz:
        yield Measuring("xz")
        # A compressor sees a newline where the network sees an end symbol.
        texts = (vocabulary.decode(part).replace(END, "\n") for part in (training, text))
        nats = compressor_loss(*texts)
        yield Baseline(name="xz", title="xz -9e", is_adaptive=True, nats=nats)


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
    whole = np.concatenate([training, text]).astype(np.int64)
    scored = np.arange(len(training) + 1, len(whole))
    trained = np.arange(len(whole)) < len(training)
    every = np.ones(len(whole), bool)
    uniform = np.full(len(scored), 1 / vocab_size)
    probabilities = (uniform, uniform)
    # Each context is a number below the length of the texts. Order 0 has one context only.
    contexts = np.zeros(len(whole), np.int64)
    for _ in range(max_order + 1):
        grams = _renumber(contexts * vocab_size + whole)
        discount = _discount(np.bincount(grams[trained]))
        frozen, adaptive = (
            _interpolate(contexts, grams, counted, discount, scored, lower)
            for counted, lower in zip((trained, every), probabilities, strict=True)
        )
        probabilities = frozen, adaptive
        yield probabilities
        # An n-gram is the next order's context of the character after it.
        contexts[1:] = grams[:-1]
        contexts[0] = len(whole)
        contexts = _renumber(contexts)


def _interpolate(
    contexts: NDArray[np.int64],
    grams: NDArray[np.int64],
    counted: NDArray[np.bool_],
    discount: float,
    scored: NDArray[np.int64],
    lower: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return an order's probabilities at the scored positions, given those of the order below."""
    seen = _count_before(grams, counted)
    first = counted & (seen == 0)
    total = _count_before(contexts, counted)[scored]
    kinds = _count_before(contexts, first)[scored]
    higher = np.maximum(seen[scored] - discount, 0)
    mixed = (higher + discount * kinds * lower) / np.maximum(total, 1)
    return np.where(total > 0, mixed, lower)


def _renumber(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.unique(codes, return_inverse=True)[1]


def _discount(counts: NDArray[np.int64]) -> float:
    once, twice = np.count_nonzero(counts == 1), np.count_nonzero(counts == 2)
    # Adding one to each count keeps the discount above 0, so that no character is impossible.
    return (once + 1) / (once + 2 * twice + 3)


def _count_before(groups: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each position how many counted positions before it have the same group."""
    order = np.argsort(groups, kind="stable")
    sorted_groups, weights = groups[order], counted[order].astype(np.int64)
    before = np.cumsum(weights) - weights
    starts = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    # Subtract from each position what was counted before its group began.
    before -= np.repeat(before[starts], np.diff(np.r_[np.flatnonzero(starts), len(groups)]))
    result = np.empty_like(before)
    result[order] = before
    return result


def compressor_loss(training: str, text: str) -> float:
    """Return the loss of `xz -9e`: by how much a text lengthens the file of the training text.

    Returns:
        Nats per character of the text.
    """

    def size(text: str) -> int:
        return len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))

    added = size(training + text) - size(training)
    return added * 8 * math.log(2) / len(text)
