"""The characters that may still be drawn: which of them are the likeliest or the most typical.

No order of all characters is needed to keep the fewest that reach a probability. A compiled loop
compares small vocabularies in pairs, and finds a threshold bit by bit in large ones. NumPy sorts
what is left of a vocabulary.
"""

from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.generation.operations import PYTHON, Array, Flow, either, fold, highest

# Characters to keep: a bool for each candidate, or a slice of candidates that are in order.
Kept = Any

# The smallest number that float32 holds with all its digits.
TINY = float(np.finfo(np.float32).tiny)
# Surprise from which on float32 has no weight any more, in nats: exp(-104) is 0.
LARGEST_SURPRISE = np.float32(104)
# Largest vocabulary in which a compiled loop compares each character with each other.
COMPARED = 96
# Largest number of candidates that NumPy sorts at once. Of more it first removes those that cannot
# be kept.
SORTED = 512
# Weights that are added up one after the other.
BLOCK = 128


class Candidates(Protocol):
    """Characters that may still be drawn.

    Attributes:
        xp: namespace of the arrays.
    """

    xp: Any

    @property
    def surprises(self) -> Array:
        """How much more surprising a candidate is than the likeliest character.

        In nats, float32 [N] in [0, 104]. Reading it may change the order of the candidates.
        """

    @property
    def weights(self) -> Array:
        """Probabilities up to a common factor, float32 [N] in [0, 1]; 0 for no candidate."""

    def total(self) -> Array:
        """Return the sum of the weights, float32."""

    def expected(self, values: Array) -> Array:
        """Return the expected value of a quantity [N] under the probabilities, float32."""

    def first(self, number: Array) -> Kept:
        """Return a number of likeliest candidates, and those as likely as the last of them."""

    def likeliest(self, limit: Array) -> Kept:
        """Return the fewest candidates whose weights reach a limit, the likeliest first.

        Candidates that are equally likely are all in it, or none is.
        """

    def nearest(self, distances: Array, limit: Array) -> Kept:
        """Return the fewest candidates whose weights reach a limit, the nearest first.

        Candidates with equal distances, float32 [N], are all in it, or none is.
        """

    def keep(self, kept: Kept) -> None:
        """Remove the candidates that are not kept."""


class Compared:
    """Candidates of a compiled loop: each array has an entry for each character. See `Candidates`.

    Attributes:
        kept: bool [V], which characters are candidates.
    """

    def __init__(self, logits: Array, flow: Flow = PYTHON) -> None:
        """Begin with all characters whose logits, float32 [V], are not minus infinity."""
        self.xp, self._flow = logits.__array_namespace__(), flow
        self.surprises, self.weights = flow.apart(_surprises_and_weights, logits)
        self.kept = self.weights > 0
        # Steps that are cheap to repeat in a small vocabulary, but not in a large one.
        self._apart = (flow if logits.shape[0] > COMPARED else PYTHON).apart

    def keep(self, kept: Kept) -> None:
        """Remove the candidates that are not kept."""
        self.weights, self.kept = self._apart(_without, self.weights, self.kept, kept)

    def total(self) -> Array:
        """Return the sum of the weights."""
        return self._apart(partial(fold, self.xp.add), self.weights)

    def expected(self, values: Array) -> Array:
        """Return the expected value of a quantity."""
        total = self.xp.maximum(self.total(), np.float32(TINY))
        products = self.weights * values
        return self._apart(partial(fold, self.xp.add), products) / total

    def first(self, number: Array) -> Kept:
        """Return a number of likeliest candidates."""
        ones = self.xp.astype(self.kept, np.float32)
        return self._fewest(self.surprises, ones, number)

    def likeliest(self, limit: Array) -> Kept:
        """Return the likeliest candidates whose weights reach a limit."""
        return self._fewest(self.surprises, self.weights, limit)

    def nearest(self, distances: Array, limit: Array) -> Kept:
        """Return the nearest candidates whose weights reach a limit."""
        return self._fewest(distances, self.weights, limit)

    def _fewest(self, keys: Array, weights: Array, limit: Array) -> Array:
        """Keep the characters before which the weights do not reach the limit; ties have one key.

        Keys are not negative, so that their bits are in the order of their values.
        """
        find = _compare if keys.shape[0] <= COMPARED else partial(_bisect, self._flow)
        return self._flow.apart(find, keys, weights, limit)

    def filtered(self, logits: Array) -> Array:
        """Return logits, float32 [V], with minus infinity for what is no candidate."""
        return self.xp.where(self.kept, logits, -self.xp.inf)


def _surprises_and_weights(logits: Array) -> tuple[Array, Array]:
    surprises = surprises_of(logits)
    return surprises, logits.__array_namespace__().exp(-surprises)


def _without(weights: Array, kept: Array, mask: Array) -> tuple[Array, Array]:
    xp, kept = weights.__array_namespace__(), kept & mask
    return xp.where(kept, weights, np.float32(0)), kept


def _compare(keys: Array, weights: Array, limit: Array) -> Array:
    xp = keys.__array_namespace__()
    is_before = keys[:, None] < keys[None, :]
    return fold(xp.add, xp.where(is_before, weights[:, None], np.float32(0))) < limit


def _bisect(flow: Flow, keys: Array, weights: Array, limit: Array) -> Array:
    xp, bits = keys.__array_namespace__(), keys.view(np.int32)
    # Halves of a power of two lie where vectors of the processor begin.
    missing = 2 ** (keys.shape[0] - 1).bit_length() - keys.shape[0]
    all_bits, all_weights = xp.pad(bits, (0, missing)), xp.pad(weights, (0, missing))

    def step(index: Array, threshold: Array) -> Array:
        higher = threshold | (np.int32(2**30) >> index)
        before = fold(xp.add, xp.where(all_bits < higher, all_weights, np.float32(0)))
        return xp.where(before < limit, higher, threshold)

    # The highest threshold below which the weights do not reach the limit.
    return bits <= flow.repeat(31, step, np.int32(0))


class Sorted:
    """Candidates of the NumPy engine: its arrays become shorter. See `Candidates`.

    The candidates are sorted when their order is needed, the likeliest first. What a filter keeps
    of them then lies side by side, as a rule.
    """

    def __init__(self, logits: NDArray[np.float32]) -> None:
        """Begin with all characters; one logit, float32 [V], at least is not minus infinity."""
        self.xp: Any = np
        self._surprises: NDArray[np.float32] = highest(logits) - logits
        self._weights: NDArray[np.float32] | None = None
        # The ids of the candidates, in ascending order, and their surprises before they were
        # sorted; None for all ids, and until they are sorted.
        self._ids: NDArray[np.intp] | None = None
        self._unsorted: NDArray[np.float32] | None = None
        self._are_adjacent = True

    @property
    def surprises(self) -> Array:
        """Surprises of the candidates, which are in order from now on."""
        if self._unsorted is None:
            self._unsorted, self._weights = self._surprises, None
            self._surprises = self._surprises.copy()
            self._surprises.sort()
            if self._surprises[-1] >= LARGEST_SURPRISE:
                size = self._surprises.searchsorted(LARGEST_SURPRISE)
                self._surprises = self._surprises[:size]
        return self._surprises

    @property
    def weights(self) -> Array:
        """Weights of the candidates."""
        if self._weights is None:
            self._weights = np.exp(-self._surprises)
        return self._weights

    def keep(self, kept: Kept) -> None:
        """Remove the candidates that are not kept."""
        if not isinstance(kept, slice):
            kept = kept.nonzero()[0]
            if self._unsorted is None:
                self._ids = kept if self._ids is None else self._ids[kept]
            elif kept[-1] - kept[0] + 1 == len(kept):
                kept = slice(kept[0], kept[-1] + 1)
            else:
                self._are_adjacent = False
        self._surprises = self._surprises[kept]
        if self._weights is not None:
            self._weights = self._weights[kept]

    def total(self) -> Array:
        """Return the sum of the weights."""
        return self.weights.sum()

    def expected(self, values: Array) -> Array:
        """Return the expected value of a quantity."""
        return self.weights.dot(values) / self.total()

    def first(self, number: Array) -> Kept:
        """Return a number of likeliest candidates."""
        number, size = int(number), len(self._surprises)
        if self._unsorted is None and size > SORTED and size > 4 * number:
            last = np.partition(self._surprises, number - 1)[number - 1]
            return self._surprises <= min(last, LARGEST_SURPRISE)
        return self._up_to(number)

    def _up_to(self, number: int) -> Kept:
        surprises = self.surprises
        if number >= len(surprises):
            return slice(None)
        return slice(surprises.searchsorted(surprises[number - 1], "right"))

    def likeliest(self, limit: Array) -> Kept:
        """Return the likeliest candidates whose weights reach a limit."""
        if self._unsorted is None and len(self._surprises) > SORTED:
            # Even together, the characters below this weight are not needed to reach the limit.
            self.keep(self.weights > (self.total() - limit) / (2 * len(self.weights)))
        _ = self.surprises  # sorts, and the weights then are in order as well
        return self._up_to(number_to_reach(limit, self.weights))

    def nearest(self, distances: Array, limit: Array) -> Kept:
        """Return the nearest candidates whose weights reach a limit."""
        # The distances fall and rise again: a stable sort takes them as two runs.
        order = distances.argsort(kind="stable")
        number = number_to_reach(limit, self.weights[order])
        return distances <= distances[order[:number][-1]]

    def ids(self) -> NDArray[np.intp]:
        """Return the ids of the candidates in ascending order."""
        if self._unsorted is None:
            return np.arange(len(self._surprises)) if self._ids is None else self._ids
        first, last = self._surprises[0], self._surprises[-1]
        if self._are_adjacent:
            is_kept = self._unsorted <= last
            if first:
                is_kept &= self._unsorted >= first
        else:
            is_kept = np.isin(self._unsorted, self._surprises)
        ids: NDArray[np.intp] = is_kept.nonzero()[0]
        return ids if self._ids is None else self._ids[ids]


def number_to_reach(limit: np.float32, weights: NDArray[np.float32]) -> int:
    """Return how many weights, from the first on, it takes until their sum reaches a limit.

    Args:
        limit: float32.
        weights: float32 [N], not negative.

    Returns:
        A number in [1, N + 1]; N + 1 if all together do not reach the limit.
    """
    begin, before = 0, np.float32(0)
    if len(weights) > SORTED:
        # A cumulative sum adds one number after the other. Sums of blocks take a tenth of the time.
        ends = np.add.reduceat(weights, np.arange(0, len(weights), BLOCK)).cumsum()
        block = min(int(ends.searchsorted(limit)), len(ends) - 1)
        begin, before = BLOCK * block, ends[block - 1] if block else before
        weights = weights[begin : begin + BLOCK]
    return begin + int((before + weights.cumsum()).searchsorted(limit)) + 1


def surprises_of(logits: Array) -> Array:
    """Return how much less likely each character is than the likeliest, in nats, float32 [V].

    Args:
        logits: float32 [V]; minus infinity for a character that may not be drawn.
    """
    xp = logits.__array_namespace__()
    return xp.minimum(finite(highest(logits)) - logits, LARGEST_SURPRISE)


def finite(highest_logit: Array) -> Array:
    """Return the highest logit; 0 where no character is permitted and it is minus infinity."""
    return either(highest_logit > -np.inf, highest_logit, np.float32(0))
