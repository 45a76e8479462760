"""From logits to the next character, for NumPy and JAX arrays alike.

The filters come in llama.cpp's order: penalties, top_k, typical_p, top_p, min_p, and last the
temperature.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.settings import SamplingSettings, TemperatureSchedule

Array = Any  # numpy.ndarray, jax.Array or a tracer

# Below this the likeliest character has all the probability, and float32 would overflow.
COLDEST = 1e-4
# The smallest number that float32 holds with all its digits.
TINY = float(np.finfo(np.float32).tiny)
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
            return np.float32(max(value, TINY)) if is_on else None

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
    if not any(value is not None for value in filters[1:]):
        return logits
    shifted = logits - _highest(logits)
    # Those that are kept; what is taken out has no weight any more.
    weights = xp.exp(shifted)
    kept = weights > 0
    # The order stays, whatever is taken out.
    is_ranked = filters.top_k is not None or filters.top_p is not None
    ranking = _Ranking.of(-shifted) if is_ranked else None
    if ranking and filters.top_k is not None:
        kept = kept & ranking.fewest(xp.ones_like(logits), filters.top_k)
        weights = xp.where(kept, weights, 0)
    if filters.typical_p is not None:
        total = xp.maximum(xp.sum(weights, axis=-1, keepdims=True), np.float32(TINY))
        expected = xp.sum(weights * xp.where(kept, shifted, 0), axis=-1, keepdims=True) / total
        distances = xp.where(kept, xp.abs(shifted - expected), xp.inf)
        kept = kept & _Ranking.of(distances).fewest(weights, filters.typical_p * total)
        weights = xp.where(kept, weights, 0)
    if ranking and filters.top_p is not None:
        limit = filters.top_p * xp.sum(weights, axis=-1, keepdims=True)
        kept = kept & ranking.fewest(weights, limit)
        weights = xp.where(kept, weights, 0)
    if filters.min_p is not None:
        kept = kept & (weights >= filters.min_p * xp.max(weights, axis=-1, keepdims=True))
    return xp.where(kept, logits, -xp.inf)


class _Ranking(NamedTuple):
    """Entries in the order of their keys, float32 [..., V]: compared in pairs, or sorted."""

    keys: Array
    is_smaller: Array | None  # float32 [..., V, V], 1 where the second's key is smaller
    order: Array | None  # int [..., V]

    @classmethod
    def of(cls, keys: Array) -> "_Ranking":
        xp = keys.__array_namespace__()
        if keys.shape[-1] > COMPARED:
            return cls(keys, None, xp.argsort(keys, axis=-1))
        is_smaller = keys[..., None, :] < keys[..., :, None]
        return cls(keys, xp.astype(is_smaller, xp.float32), None)

    def fewest(self, weights: Array, limit: Array) -> Array:
        """Return which entries are needed, those of the smallest keys first, to reach a limit.

        Args:
            weights: float32 [..., V], not negative.
            limit: float32 [..., 1] or [], of the weights together.

        Returns:
            bool [..., V]; of equal keys all or none.
        """
        xp = weights.__array_namespace__()
        if self.is_smaller is not None:
            return xp.squeeze(self.is_smaller @ weights[..., None], axis=-1) < limit
        ordered = xp.take_along_axis(weights, self.order, axis=-1)
        is_needed = xp.cumsum(ordered, axis=-1) - ordered < limit
        keys = xp.take_along_axis(self.keys, self.order, axis=-1)
        return self.keys <= xp.max(xp.where(is_needed, keys, -xp.inf), axis=-1, keepdims=True)


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
    threshold = uniform[..., None] * cumulative[..., -1:]
    place = xp.sum(cumulative <= threshold, axis=-1)
    # Sums in another order may differ in the last bit: neither may that let a character through
    # that has no weight, nor leave none.
    is_place = xp.arange(logits.shape[-1]) == place[..., None]
    is_drawn = xp.any(is_place & (weights > 0), axis=-1) & (temperature >= np.float32(COLDEST))
    return xp.where(is_drawn, place, likeliest)


def temperatures_between(
    schedule: TemperatureSchedule, begin: int, end: int, length: int
) -> NDArray[np.float32]:
    """Return the temperatures of characters `begin` to `end - 1` of `length`, float32."""
    first, last = schedule.values[0], schedule.values[-1]
    if schedule.kind == "constant":
        return np.full(end - begin, first, np.float32)
    places = np.arange(begin, end)
    if schedule.kind == "cycle":
        return np.array(schedule.values, np.float32)[places % len(schedule.values)]
    return (first + (last - first) * places / max(length - 1, 1)).astype(np.float32)


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
