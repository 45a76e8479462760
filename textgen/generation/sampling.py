"""From logits to the next character, for NumPy and JAX arrays alike.

The filters come in llama.cpp's order: penalties, top_k, typical_p, top_p, min_p, and last the
temperature.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.settings import SamplingSettings

Array = Any  # numpy.ndarray, jax.Array or a tracer

# Below this the likeliest character has all the probability, and float32 would overflow.
COLDEST = 1e-4
# Up to so many characters each is compared with each; beyond, they are sorted.
COMPARED = 512


class Filters(NamedTuple):
    """The values of the filters, which may change without a new compile; None is off.

    Attributes:
        repetition_penalty: float32, positive.
        top_k: float32, a whole number of at least 1.
        typical_p: float32 in (0, 1).
        top_p: float32 in (0, 1).
        min_p: float32 in (0, 1].
    """

    repetition_penalty: Array | None
    top_k: Array | None
    typical_p: Array | None
    top_p: Array | None
    min_p: Array | None

    @classmethod
    def of(cls, settings: SamplingSettings, vocab_size: int) -> "Filters":
        """Return the values of those filters that do anything."""

        def number(value: float, *, is_on: bool) -> Array | None:
            return np.float32(value) if is_on else None

        penalty, top_k = settings.repetition_penalty, settings.top_k
        return cls(
            repetition_penalty=number(penalty, is_on=penalty != 1),
            top_k=number(top_k, is_on=0 < top_k < vocab_size),
            typical_p=number(settings.typical_p, is_on=settings.typical_p < 1),
            top_p=number(settings.top_p, is_on=settings.top_p < 1),
            min_p=number(settings.min_p, is_on=settings.min_p > 0),
        )


def softmax(logits: Array) -> Array:
    """Return exp(logits) / sum exp(logits) along the last axis; minus infinity gives 0, always."""
    xp = logits.__array_namespace__()
    weights = xp.exp(logits - _highest(logits))
    return weights / xp.maximum(xp.sum(weights, axis=-1, keepdims=True), np.float32(1))


def _highest(logits: Array) -> Array:
    # Where nothing is permitted, every logit is minus infinity.
    xp = logits.__array_namespace__()
    highest = xp.max(logits, axis=-1, keepdims=True)
    return xp.where(xp.isfinite(highest), highest, np.float32(0))


def surprise(logits: Array, token: Array) -> Array:
    """Return the nats of a character under the softmax of the logits.

    Args:
        logits: float32 [V].
        token: an id.
    """
    xp = logits.__array_namespace__()
    shifted = logits - xp.max(logits, axis=-1)
    return xp.log(xp.sum(xp.exp(shifted), axis=-1)) - shifted[token]


def filter_logits(logits: Array, used: Array, filters: Filters) -> Array:
    """Apply the filters: a character that may not be drawn gets minus infinity.

    Args:
        logits: float32 [..., V]; minus infinity where something else forbids a character.
        used: bool [..., V], which characters the repetition penalty is for.
        filters: what is on.

    Returns:
        float32 [..., V]. Characters as likely, or as typical, as the last one kept are kept too.

    References:
        Keskar et al. (2019), CTRL (repetition_penalty); Meister et al. (2023), Locally Typical
        Sampling (typical_p); Holtzman et al. (2020), The Curious Case of Neural Text Degeneration
        (top_p); Nguyen et al. (2024), Turning Up the Heat: Min-p Sampling (min_p).
    """
    xp = logits.__array_namespace__()
    if filters.repetition_penalty is not None:
        penalty = filters.repetition_penalty
        lowered = xp.where(logits > 0, logits / penalty, logits * penalty)
        logits = xp.where(used, lowered, logits)
    if filters.top_k is not None:
        kept = _fewest(-logits, xp.ones_like(logits), filters.top_k)
        logits = xp.where(kept, logits, -xp.inf)
    if filters.typical_p is not None:
        probabilities = softmax(logits)
        surprises = -xp.log(xp.where(probabilities > 0, probabilities, 1))
        expected = xp.sum(probabilities * surprises, axis=-1, keepdims=True)
        distances = xp.where(probabilities > 0, xp.abs(surprises - expected), xp.inf)
        logits = xp.where(_fewest(distances, probabilities, filters.typical_p), logits, -xp.inf)
    if filters.top_p is not None:
        kept = _fewest(-logits, softmax(logits), filters.top_p)
        logits = xp.where(kept, logits, -xp.inf)
    if filters.min_p is not None:
        least = _highest(logits) + xp.log(filters.min_p)
        logits = xp.where(logits >= least, logits, -xp.inf)
    return logits


def _fewest(keys: Array, weights: Array, limit: Array) -> Array:
    """Return which entries are needed, the smallest keys first, for weights of `limit` together.

    Args:
        keys: float32 [..., V].
        weights: float32 [..., V], not negative.
        limit: float32.

    Returns:
        bool [..., V]; of equal keys all or none.
    """
    xp = keys.__array_namespace__()
    if keys.shape[-1] <= COMPARED:
        smaller = xp.astype(keys[..., :, None] < keys[..., None, :], xp.float32)
        kept = xp.squeeze(weights[..., None, :] @ smaller, axis=-2) < limit
    else:
        order = xp.argsort(keys, axis=-1)
        ordered = xp.take_along_axis(weights, order, axis=-1)
        needed = xp.cumsum(ordered, axis=-1) - ordered < limit
        sorted_keys = xp.take_along_axis(keys, order, axis=-1)
        last = xp.max(xp.where(needed, sorted_keys, -xp.inf), axis=-1, keepdims=True)
        kept = keys <= last
    return kept


def choose(logits: Array, uniform: Array, temperature: Array) -> Array:
    """Draw the next character.

    It is the first id whose cumulative probability exceeds `uniform` times the total.

    Args:
        logits: float32 [..., V], minus infinity for what may not be drawn.
        uniform: float32 [...] in [0, 1).
        temperature: float32; below 0.0001 the likeliest character is taken.

    Returns:
        Ids, int [...]; 0 if nothing may be drawn.
    """
    xp = logits.__array_namespace__()
    likeliest = xp.argmax(logits, axis=-1)
    weights = xp.exp((logits - _highest(logits)) / xp.maximum(temperature, np.float32(COLDEST)))
    cumulative = xp.cumsum(weights, axis=-1)
    threshold = uniform * cumulative[..., -1]
    # Sums in another order may differ in the last bit: neither may that let a character through
    # that has no weight, nor leave none.
    reached = (cumulative > threshold[..., None]) & (weights > 0)
    drawn = xp.argmax(reached, axis=-1)
    is_drawn = xp.any(reached, axis=-1) & (temperature >= np.float32(COLDEST))
    return xp.where(is_drawn, drawn, likeliest)


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
