"""What simpler models make of a text: a character n-gram model and a data compressor.

Both answer in nats per character of the text to be measured, after reading the text trained on.
"""

import lzma
import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens

MAX_ORDER = 8


class NGramLoss(NamedTuple):
    """How well an n-gram model predicts a text, in nats per character.

    Attributes:
        order: characters n of context.
        frozen: with the counts of the training text alone.
        adaptive: with the counts of all that stands before the character, in either text.
    """

    order: int
    frozen: float
    adaptive: float


def ngram_losses(
    training: Tokens, validation: Tokens, vocab_size: int, max_order: int = MAX_ORDER
) -> Iterator[NGramLoss]:
    """Measure n-gram models, order 0 first; see `ngram_probabilities`.

    Yields:
        The loss of each order.
    """
    models = ngram_probabilities(training, validation, vocab_size, max_order)
    for order, (frozen, adaptive) in enumerate(models):
        yield NGramLoss(order, float(-np.log(frozen).mean()), float(-np.log(adaptive).mean()))


def ngram_probabilities(
    training: Tokens, validation: Tokens, vocab_size: int, max_order: int
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Predict a text by interpolated n-gram models with absolute discounting, order 0 first.

    Args:
        training: ids, [N].
        validation: ids, [M] with M at least 2; every id but the first is predicted, the first with
            the end of the training text as its context.
        vocab_size: V; below order 0 all characters are equally likely.
        max_order: the longest context.

    Yields:
        The probabilities that an order gives to the characters of the text, float64 [M - 1] twice:
        with the counts of the training text alone, and of all that stands before the character. Of
        an order n, with c counts, N the number of characters that follow a context, and D near
        n_1 / (n_1 + 2 n_2) from how many n-grams the training text has once and twice:
        P_n(x | h) = (max(c(h x) - D, 0) + D N(h) P_{n-1}(x | h')) / c(h).

    References:
        Ney, Essen and Kneser (1994), On structuring probabilistic dependences in stochastic
        language modelling.
    """
    text = np.concatenate([training, validation]).astype(np.int64)
    scored = np.arange(len(training) + 1, len(text))
    trained = np.arange(len(text)) < len(training)
    every = np.ones(len(text), bool)
    uniform = np.full(len(scored), 1 / vocab_size)
    probabilities = (uniform, uniform)
    # Each context as a number below the length of the text; of order 0 there is one.
    contexts = np.zeros(len(text), np.int64)
    for _ in range(max_order + 1):
        grams = _renumber(contexts * vocab_size + text)
        discount = _discount(np.bincount(grams[trained]))
        frozen, adaptive = (
            _interpolate(contexts, grams, counted, discount, scored, lower)
            for counted, lower in zip((trained, every), probabilities, strict=True)
        )
        probabilities = frozen, adaptive
        yield probabilities
        # The context of the next order: the n characters before one, and the one before those.
        contexts[1:] = grams[:-1]
        contexts[0] = len(text)
        contexts = _renumber(contexts)


def _interpolate(
    contexts: NDArray[np.int64],
    grams: NDArray[np.int64],
    counted: NDArray[np.bool_],
    discount: float,
    scored: NDArray[np.int64],
    lower: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the probabilities of an order at the scored places, from those of the order below."""
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
    # One more of each kind than was seen: above 0, so that no character is impossible, and below 1.
    return (once + 1) / (once + 2 * twice + 3)


def _count_before(groups: NDArray[np.int64], counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return for each place how many counted places before it are of the same group."""
    order = np.argsort(groups, kind="stable")
    sorted_groups, weights = groups[order], counted[order].astype(np.int64)
    before = np.cumsum(weights) - weights
    starts = np.r_[True, sorted_groups[1:] != sorted_groups[:-1]]
    # What was counted before a group began, at every place of that group.
    before -= np.repeat(before[starts], np.diff(np.r_[np.flatnonzero(starts), len(groups)]))
    result = np.empty_like(before)
    result[order] = before
    return result


def compressor_loss(training: str, validation: str) -> float:
    """Return what `xz -9e` adds for a text after another, in nats per character of that text."""

    def size(text: str) -> int:
        return len(lzma.compress(text.encode(), preset=9 | lzma.PRESET_EXTREME))

    added = size(training + validation) - size(training)
    return added * 8 * math.log(2) / len(validation)
