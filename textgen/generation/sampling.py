"""From logits to the next character, for NumPy and JAX arrays alike.

The filters come in llama.cpp's order: top_k, top_p, min_p, and the temperature last.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.settings import SamplingSettings

Array = Any  # numpy.ndarray, jax.Array or a tracer

# Below this the likeliest character has all the probability, and float32 would overflow.
COLDEST = 1e-4


class Filters(NamedTuple):
    """Which parts of the settings do anything: what a compiled sampler is compiled for.

    Attributes:
        greedy: whether the likeliest character is always taken.
        top_k: whether `top_k` is on.
        top_p: whether `top_p` is on.
        min_p: whether `min_p` is on.
    """

    greedy: bool
    top_k: bool
    top_p: bool
    min_p: bool


class Knobs(NamedTuple):
    """The values of the settings, which may change without a new compile.

    Attributes:
        temperature: float32, at least 0.0001.
        top_k: int32, at most V.
        top_p: float32 in (0, 1].
        min_p: float32 in [0, 1].
    """

    temperature: Array
    top_k: Array
    top_p: Array
    min_p: Array


def compile_settings(settings: SamplingSettings, vocab_size: int) -> tuple[Filters, Knobs]:
    """Split settings into what is static and what is not."""
    filters = Filters(
        greedy=settings.temperature < COLDEST,
        top_k=0 < settings.top_k < vocab_size,
        top_p=settings.top_p < 1,
        min_p=settings.min_p > 0,
    )
    knobs = Knobs(
        temperature=np.float32(max(settings.temperature, COLDEST)),
        top_k=np.int32(min(settings.top_k, vocab_size)),
        top_p=np.float32(settings.top_p),
        min_p=np.float32(settings.min_p),
    )
    return filters, knobs


def softmax(logits: Array) -> Array:
    """Return exp(logits) / sum exp(logits) along the last axis; minus infinity gives 0."""
    xp = logits.__array_namespace__()
    weights = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    return weights / xp.sum(weights, axis=-1, keepdims=True)


def allowed_logits(logits: Array, filters: Filters, knobs: Knobs) -> Array:
    """Set the logits of all characters that may not be drawn to minus infinity.

    Args:
        logits: float32 [..., V]. The unknown character, id 0, is never allowed.
        filters: which filters are on.
        knobs: their values.

    Returns:
        float32 [..., V]. Characters as likely as the last one kept are kept with it.

    References:
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration (top_p);
        Nguyen et al. (2024), Turning Up the Heat: Min-p Sampling (min_p).
    """
    xp = logits.__array_namespace__()
    ids = xp.arange(logits.shape[-1])
    logits = xp.where(ids == UNKNOWN_ID, -xp.inf, logits)
    if filters.top_k:
        ordered = xp.sort(logits, axis=-1)
        last = xp.take(ordered, xp.asarray([logits.shape[-1]]) - knobs.top_k, axis=-1)
        logits = xp.where(logits >= last, logits, -xp.inf)
    if filters.top_p:
        probabilities = softmax(logits)
        ordered = xp.flip(xp.sort(probabilities, axis=-1), axis=-1)
        before = xp.cumsum(ordered, axis=-1) - ordered
        last = xp.min(xp.where(before < knobs.top_p, ordered, xp.inf), axis=-1, keepdims=True)
        logits = xp.where(probabilities >= last, logits, -xp.inf)
    if filters.min_p:
        highest = xp.max(logits, axis=-1, keepdims=True)
        logits = xp.where(logits >= highest + xp.log(knobs.min_p), logits, -xp.inf)
    return logits


def draw(logits: Array, uniform: Array, filters: Filters, knobs: Knobs) -> Array:
    """Draw the next character.

    It is the first id whose cumulative probability exceeds `uniform` times the total.

    Args:
        logits: float32 [..., V].
        uniform: float32 [...] in [0, 1).
        filters: which filters are on.
        knobs: their values.

    Returns:
        Ids, int [...], in [1, V).
    """
    xp = logits.__array_namespace__()
    logits = allowed_logits(logits, filters, knobs)
    if filters.greedy:
        return xp.argmax(logits, axis=-1)
    logits = logits / knobs.temperature
    weights = xp.exp(logits - xp.max(logits, axis=-1, keepdims=True))
    cumulative = xp.cumsum(weights, axis=-1)
    # At most 1 - 2**-24 times the total, which is at least 1, rounds to less than the total: some
    # character always exceeds it.
    threshold = uniform * cumulative[..., -1]
    return xp.argmax(cumulative > threshold[..., None], axis=-1)


class Draws:
    """The uniform numbers of one sample: number n depends on (seed, sample, n) alone."""

    def __init__(self, seed: int, sample: int, position: int = 0) -> None:
        """Start at a position.

        Args:
            seed: in [0, 2**63).
            sample: the sample's index, in [0, 2**63).
            position: numbers taken before.
        """
        self.seed, self.sample, self.position = seed, sample, position
        generator = np.random.Philox(key=[seed, sample])
        # A counter step of Philox makes four numbers of 64 bits.
        generator.advance(position // 4)
        self._random = np.random.Generator(generator)
        self._random.random(position % 4)

    def take(self, count: int) -> NDArray[np.float32]:
        """Return the next numbers, float32 [count] in [0, 1), on a grid of 2**-24."""
        self.position += count
        grid = np.floor(self._random.random(count) * 2**24)
        return (grid / 2**24).astype(np.float32)
