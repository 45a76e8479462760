"""From logits to the next character, for NumPy and JAX arrays alike.

The order is that of llama.cpp: the repetition penalty, the filters in the order of `FILTERS`, and
last the temperature.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.generation.candidates import TINY, Candidates, Compared, Kept, Sorted, finite
from textgen.generation.operations import Array, Flow, either, first_index, highest, number_up_to
from textgen.settings import SamplingSettings
from textgen.temperature import TemperatureSchedule

# Below this temperature the likeliest character is always taken; float32 would overflow.
COLDEST = 1e-4


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


def top_k(candidates: Candidates, k: Array) -> Kept:
    """Keep the k likeliest characters, and those as likely as the last of them."""
    return candidates.first(k)


def typical_p(candidates: Candidates, p: Array) -> Kept:
    """Keep the fewest characters that reach probability p, the most typical ones first.

    The most typical characters are those whose surprise is closest to the expected surprise.

    References:
        Meister et al. (2023), Locally Typical Sampling.
    """
    surprises = candidates.surprises
    distances = abs(surprises - candidates.expected(surprises))
    return candidates.nearest(distances, p * candidates.total())


def top_p(candidates: Candidates, p: Array) -> Kept:
    """Keep the fewest characters that reach probability p, the likeliest ones first.

    References:
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration.
    """
    return candidates.likeliest(p * candidates.total())


def min_p(candidates: Candidates, p: Array) -> Kept:
    """Keep the characters that are at least p times as likely as the likeliest.

    References:
        Nguyen et al. (2024), Turning Up the Heat: Min-p Sampling.
    """
    weights = candidates.weights
    return weights >= p * highest(weights)


class Filter(NamedTuple):
    """A filter: a rule for which characters may be drawn.

    Attributes:
        name: name of its setting in `SamplingSettings`.
        is_on: whether a value of the setting, with a vocabulary of size V, can remove any
            character. A filter that is off costs nothing.
        keep: returns which candidates stay, bool [N], given the candidates and the value, float32.
            A character that was removed before does not come back.
    """

    name: str
    is_on: Callable[[float, int], bool]
    keep: Callable[[Candidates, Array], Kept]


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


def apply_filters(candidates: Candidates, values: dict[str, Array]) -> None:
    """Remove the characters that may not be drawn from the candidates.

    Args:
        candidates: all characters.
        values: what `filter_values` returned.
    """
    for each in FILTERS:
        if each.name in values:
            candidates.keep(each.keep(candidates, values[each.name]))


def draw_filtered(
    logits: Array, values: dict[str, Array], uniform: Array, temperature: Array, flow: Flow
) -> Array:
    """Apply the filters, then draw the next character as `choose` does.

    Args:
        logits: float32 [V]; minus infinity where something else forbids a character.
        values: what `filter_values` returned.
        uniform: float32 in [0, 1).
        temperature: float32.
        flow: how the computation repeats steps.
    """
    if not values:
        return choose(logits, uniform, temperature)
    if isinstance(logits, np.ndarray):
        if highest(logits) == -np.inf:
            return np.int32(0)
        some = Sorted(logits)
        apply_filters(some, values)
        ids = some.ids()
        return np.int32(ids[choose(logits[ids], uniform, temperature)])
    every = Compared(logits, flow)
    apply_filters(every, values)
    return choose(every.filtered(logits), uniform, temperature)


def choose(logits: Array, uniform: Array, temperature: Array) -> Array:
    """Draw the next character: the first id whose cumulative probability exceeds `uniform`.

    Args:
        logits: float32 [V], minus infinity for a character that may not be drawn.
        uniform: float32 in [0, 1).
        temperature: float32; below 0.0001 the likeliest character is taken.

    Returns:
        An id, int32; 0 if no character may be drawn.
    """
    xp, size = logits.__array_namespace__(), logits.shape[0]
    most = highest(logits)
    likeliest = first_index(logits, most)
    warmth = either(temperature > COLDEST, temperature, np.float32(COLDEST))
    weights = xp.exp((logits - finite(most)) / warmth)
    cumulative = weights.cumsum()
    index = number_up_to(cumulative, uniform * cumulative[-1])
    # A sum in another order may differ in the last bit, so that the index may lie behind the last
    # character, or on one without weight. The likeliest character is then taken instead.
    has_weight = (index < size) & (weights[index % size] > 0)
    return either(has_weight & (temperature >= COLDEST), index, likeliest)


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
