"""Hashes of many stretches of ids at once, to find those that are equal."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens

# Ids that are hashed at once.
AT_ONCE = 2**21
# Base of the polynomial: odd, so that its powers never become zero modulo 2**64.
BASE = np.uint64(0x9E3779B97F4A7C15)
# The power of an index is the product of two table entries.
LOW_BITS = 16


def span_hashes(ids: Tokens, spans: NDArray[np.int64], num_ids: int) -> NDArray[np.uint64]:
    """Return a hash of the ids of each stretch, uint64 [D].

    The hash of x_0 .. x_n-1 is n + the sum of w(x_i) BASE^i modulo 2**64, where w is a table of
    random weights. Equal stretches have equal hashes. Different ones have different hashes unless
    somebody chose them for that.

    Args:
        ids: ids, unsigned [N].
        spans: begin and end of each stretch, int64 [D, 2].
        num_ids: number of different ids that there may be. Hashes compare if it is the same.
    """
    weights = np.random.default_rng(0).integers(1, 2**63, num_ids, np.uint64)
    low = _powers(BASE, (1 << LOW_BITS) + 1)
    longest = int((spans[:, 1] - spans[:, 0]).max(initial=0))
    high = _powers(low[-1], (longest >> LOW_BITS) + 1)
    hashes = (spans[:, 1] - spans[:, 0]).astype(np.uint64)
    for first, last in _groups(spans):
        begins, ends = spans[first:last].T
        sizes = ends - begins
        if last - first == 1:  # it may be longer than what is hashed at once
            for start in range(0, int(sizes[0]), AT_ONCE):
                place = np.arange(start, min(start + AT_ONCE, int(sizes[0])))
                values = weights[ids[begins[0] + place]]
                powers = low[place & ((1 << LOW_BITS) - 1)] * high[place >> LOW_BITS]
                hashes[first:last] += (values * powers).sum(dtype=np.uint64)
            continue
        offsets = np.cumsum(sizes) - sizes
        place = np.arange(int(sizes.sum())) - np.repeat(offsets, sizes)
        values = weights[ids[place + np.repeat(begins, sizes)]]
        values *= low[place & ((1 << LOW_BITS) - 1)] * high[place >> LOW_BITS]
        is_filled = sizes > 0
        hashes[first:last][is_filled] += np.add.reduceat(values, offsets[is_filled])
    return hashes


def _groups(spans: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield groups of stretches that together hold about `AT_ONCE` ids, or a longer one alone."""
    totals = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0]))
    first = 0
    while first < len(spans):
        last = int(np.searchsorted(totals, totals[first] + AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(spans))
        yield first, last
        first = last


def _powers(base: np.uint64, count: int) -> NDArray[np.uint64]:
    """Return base^0 .. base^(count-1) modulo 2**64."""
    return np.cumprod(np.append(np.uint64(1), np.full(count - 1, base, np.uint64)), dtype=np.uint64)
