"""From logits to the next character, for NumPy and JAX arrays alike.

The order is that of llama.cpp: the repetition penalty, the filters in the order of `FILTERS`, and
last the temperature.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.settings import SamplingSettings
from textgen.temperature import TemperatureSchedule

Array = Any  # numpy.ndarray, jax.Array or a tracer

# Below this temperature the likeliest character is always taken; float32 would overflow.
COLDEST = 1e-4
# The smallest number that float32 holds with all its digits.
TINY = float(np.finfo(np.float32).tiny)
# Largest vocabulary in which each character is compared with each other; a larger one is sorted.
COMPARED = 512


def softmax(logits: Array) -> Array:
    """Return exp(logits) / sum exp(logits) along the last axis; a logit of minus infinity gives 0.

    Where all logits are minus infinity, all results are 0.
    """
    xp = logits.__array_namespace__()
    weights = xp.exp(logits - _highest(logits))
    return weights / xp.maximum(xp.sum(weights, axis=-1, keepdims=True), np.float32(1))


def _highest(logits: Array) -> Array:
    # Where no character is permitted, every logit is minus infinity.
    xp = logits.__array_namespace__()
    highest = xp.max(logits, axis=-1, keepdims=True)
    return xp.where(xp.isfinite(highest), highest, np.float32(0))


def surprise(logits: Array, token: Array) -> Array:
    """Return the surprise of a character under the softmax of the logits, in nats.

    Args:
        logits: float32 [V].
        token: an id.
    """
    xp = logits.__array_namespace__()
    shifted = logits - xp.max(logits, axis=-1)
    return xp.log(xp.sum(xp.exp(shifted), axis=-1)) - shifted[token]


def penalise(logits: Array, used: Array, penalty: Array) -> Array:
    """Lower the logits of some characters: divide the positive ones, multiply the negative ones.

    Args:
        logits: float32 [..., V].
        used: bool [..., V], which characters are penalised.
        penalty: float32, positive.

    References:
        Keskar et al. (2019), CTRL: A Conditional Transformer Language Model.
    """
    xp = logits.__array_namespace__()
    lowered = xp.where(logits > 0, logits / penalty, logits * penalty)
    return xp.where(used, lowered, logits)


class Candidates:
    """The characters that may still be drawn, and what several filters need to know of them.

    Attributes:
        xp: namespace of the arrays.
        shifted: logits minus the highest one, float32 [..., V].
        kept: bool [..., V], which characters no filter has removed.
    """

    def __init__(self, logits: Array) -> None:
        """Begin with all characters whose logits, float32 [..., V], are not minus infinity."""
        self.xp = logits.__array_namespace__()
        self.shifted = logits - _highest(logits)
        self._weights = self.xp.exp(self.shifted)
        self.kept = self._weights > 0
        self._ranking: Ranking | None = None
        self._is_current = True

    @property
    def weights(self) -> Array:
        """float32 [..., V] in [0, 1], in proportion to the probabilities; 0 where not `kept`."""
        if not self._is_current:
            self._weights = self.xp.where(self.kept, self._weights, 0)
            self._is_current = True
        return self._weights

    def ranking(self) -> "Ranking":
        """Rank the characters from the likeliest on. No filter changes this order."""
        if self._ranking is None:
            self._ranking = Ranking.of(-self.shifted)
        return self._ranking

    def keep(self, mask: Array) -> None:
        """Remove the characters where a mask, bool [..., V], is false."""
        self.kept = self.kept & mask
        self._is_current = False  # the weights: after the last filter nobody needs them

    def total(self) -> Array:
        """Return the sum of the weights, float32 [..., 1]."""
        return self.xp.sum(self.weights, axis=-1, keepdims=True)


def top_k(candidates: Candidates, k: Array) -> Array:
    """Keep the k likeliest characters, and those as likely as the last of them."""
    return candidates.ranking().fewest(candidates.xp.ones_like(candidates.shifted), k)


def typical_p(candidates: Candidates, p: Array) -> Array:
    """Keep the fewest characters that reach probability p, the most typical ones first.

    The most typical characters are those whose surprise is closest to the expected surprise.

    References:
        Meister et al. (2023), Locally Typical Sampling.
    """
    xp, shifted, kept = candidates.xp, candidates.shifted, candidates.kept
    total = xp.maximum(candidates.total(), np.float32(TINY))
    expected = xp.sum(candidates.weights * xp.where(kept, shifted, 0), axis=-1, keepdims=True)
    distances = xp.where(kept, xp.abs(shifted - expected / total), xp.inf)
    return Ranking.of(distances).fewest(candidates.weights, p * total)


def top_p(candidates: Candidates, p: Array) -> Array:
    """Keep the fewest characters that reach probability p, the likeliest ones first.

    References:
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration.
    """
    return candidates.ranking().fewest(candidates.weights, p * candidates.total())


def min_p(candidates: Candidates, p: Array) -> Array:
    """Keep the characters that are at least p times as likely as the likeliest.

    References:
        Nguyen et al. (2024), Turning Up the Heat: Min-p Sampling.
    """
    weights = candidates.weights
    return weights >= p * candidates.xp.max(weights, axis=-1, keepdims=True)


class Filter(NamedTuple):
    """A filter: a rule for which characters may be drawn.

    Attributes:
        name: name of its setting in `SamplingSettings`.
        is_on: whether a value of the setting, with a vocabulary of size V, can remove any
            character. A filter that is off costs nothing.
        keep: returns which characters stay, bool [..., V], given the candidates and the value,
            float32. A character that was removed before does not come back.
    """

    name: str
    is_on: Callable[[float, int], bool]
    keep: Callable[[Candidates, Array], Array]


# All filters, in the order in which they are applied.
FILTERS = (
    Filter("top_k", lambda k, vocab_size: 0 < k < vocab_size, top_k),
    Filter("typical_p", lambda p, _: p < 1, typical_p),
    Filter("top_p", lambda p, _: p < 1, top_p),
    Filter("min_p", lambda p, _: p > 0, min_p),
)


def filter_values(settings: SamplingSettings, vocab_size: int) -> dict[str, np.float32]:
    """Return the values of the filters that are on, by name.

    They may change without a new compile; which filters are on may not.
    """
    values = {each.name: getattr(settings, each.name) for each in FILTERS}
    return {
        each.name: positive(values[each.name])
        for each in FILTERS
        if each.is_on(values[each.name], vocab_size)
    }


def positive(value: float) -> np.float32:
    """Return a positive number as float32, but not as 0 however small it is."""
    return np.float32(max(value, TINY))


def filter_logits(logits: Array, values: dict[str, Array]) -> Array:
    """Apply the filters: a character that may not be drawn gets minus infinity.

    Args:
        logits: float32 [..., V]; minus infinity where something else forbids a character.
        values: what `filter_values` returned.

    Returns:
        float32 [..., V].
    """
    if not values:
        return logits
    candidates = Candidates(logits)
    for each in FILTERS:
        if each.name in values:
            candidates.keep(each.keep(candidates, values[each.name]))
    return candidates.xp.where(candidates.kept, logits, -candidates.xp.inf)


class Ranking(NamedTuple):
    """Entries in the order of their keys, float32 [..., V]: compared in pairs, or sorted.

    Attributes:
        keys: float32 [..., V], the smallest first.
        is_smaller: float32 [..., V, V], 1 where the second entry's key is smaller than the first's;
            None if sorted.
        order: int [..., V], the entries' indices in order; None if compared in pairs.
    """

    keys: Array
    is_smaller: Array | None
    order: Array | None

    @classmethod
    def of(cls, keys: Array) -> "Ranking":
        """Rank entries by their keys, float32 [..., V]."""
        xp = keys.__array_namespace__()
        if keys.shape[-1] > COMPARED:
            return cls(keys, None, xp.argsort(keys, axis=-1))
        is_smaller = keys[..., None, :] < keys[..., :, None]
        return cls(keys, xp.astype(is_smaller, xp.float32), None)

    def fewest(self, weights: Array, limit: Array) -> Array:
        """Return the fewest entries whose weights reach a limit, those of the smallest keys first.

        Args:
            weights: weights of the entries, float32 [..., V], not negative.
            limit: sum that the weights must reach, float32 [..., 1] or [].

        Returns:
            bool [..., V]. Entries with equal keys are all in it, or none is.
        """
        xp = weights.__array_namespace__()
        if self.is_smaller is not None:
            return xp.squeeze(self.is_smaller @ weights[..., None], axis=-1) < limit
        ordered = xp.take_along_axis(weights, self.order, axis=-1)
        is_needed = xp.cumsum(ordered, axis=-1) - ordered < limit
        keys = xp.take_along_axis(self.keys, self.order, axis=-1)
        return self.keys <= xp.max(xp.where(is_needed, keys, -xp.inf), axis=-1, keepdims=True)


def choose(logits: Array, uniform: Array, temperature: Array) -> Array:
    """Draw the next character: the first id whose cumulative probability exceeds `uniform`.

    Args:
        logits: float32 [..., V], minus infinity for a character that may not be drawn.
        uniform: float32 [...] in [0, 1).
        temperature: float32; below 0.0001 the likeliest character is taken.

    Returns:
        Ids, int [...]; 0 if no character may be drawn.
    """
    xp = logits.__array_namespace__()
    likeliest = xp.argmax(logits, axis=-1)
    weights = xp.exp((logits - _highest(logits)) / xp.maximum(temperature, np.float32(COLDEST)))
    cumulative = xp.cumsum(weights, axis=-1)
    threshold = uniform[..., None] * cumulative[..., -1:]
    index = xp.sum(cumulative <= threshold, axis=-1)
    # A sum in another order may differ in the last bit, so that the index may lie behind the last
    # character, or on one without weight. The likeliest character is then taken instead.
    is_index = xp.arange(logits.shape[-1]) == index[..., None]
    is_drawn = xp.any(is_index & (weights > 0), axis=-1) & (temperature >= np.float32(COLDEST))
    return xp.where(is_drawn, index, likeliest)


def temperatures_between(
    schedule: TemperatureSchedule, begin: int, end: int, length: int
) -> NDArray[np.float32]:
    """Return the temperatures of characters `begin` to `end - 1` of `length`, float32."""
    first, last = schedule.values[0], schedule.values[-1]
    if schedule.kind == "constant":
        return np.full(end - begin, first, np.float32)
    positions = np.arange(begin, end)
    if schedule.kind == "cycle":
        return np.array(schedule.values, np.float32)[positions % len(schedule.values)]
    return (first + (last - first) * positions / max(length - 1, 1)).astype(np.float32)


class Draws:
    """The uniform random numbers of one sample: number n depends on (seed, sample, n) alone."""

    def __init__(self, seed: int, sample: int, position: int = 0) -> None:
        """Start at a position.

        Args:
            seed: in [0, 2**63).
            sample: index of the sample, in [0, 2**63).
            position: how many numbers were taken before.
        """
        self.seed, self.sample, self.position = seed, sample, position
        generator = np.random.Philox(key=[seed, sample])
        # One step of Philox's counter gives four numbers of 64 bits.
        generator.advance(position // 4)
        self._random = np.random.Generator(generator)
        self._random.random(position % 4)

    def take(self, count: int) -> NDArray[np.float32]:
        """Return the next numbers, float32 [count] in [0, 1), on a grid of 2**-24."""
        self.position += count
        grid = np.floor(self._random.random(count) * 2**24)
        return (grid / 2**24).astype(np.float32)
