"""Hashes of many stretches of ids at once, to find those that are equal."""

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens

# Ids that are hashed at once.
AT_ONCE = 2**20
# Base of the polynomial: odd, so that it has an inverse modulo 2**64 and no power of it is zero.
BASE = 0x9E3779B97F4A7C15


def span_hashes(ids: Tokens, spans: NDArray[np.int64], num_ids: int) -> NDArray[np.uint64]:
    """Return a hash of the ids of each stretch, uint64 [D].

    The hash of x_0 .. x_n-1 is n + the sum of w(x_i) BASE^i modulo 2**64, where w is a table of
    random weights. Equal stretches have equal hashes. Different ones have different hashes unless
    somebody chose them for that.

    Args:
        ids: ids, unsigned [N].
        spans: begin and end of each stretch, int64 [D, 2], in order and without overlap.
        num_ids: number of different ids that there may be. Hashes compare if it is the same.
    """
    begins, ends = spans.T
    hashes: NDArray[np.uint64] = (ends - begins).astype(np.uint64)
    if not len(spans):
        return hashes
    weights = np.random.default_rng(0).integers(1, 2**63, num_ids, np.uint64)
    most = min(AT_ONCE, int(ends[-1] - begins[0]) + 1)
    powers, inverses = _powers(BASE, most), _powers(pow(BASE, -1, 2**64), most)
    start = int(begins[0])
    while start < ends[-1]:
        stop = min(start + most, int(ends[-1]))
        # The sums of w(x_i) BASE^(i - start) up to each index. That of a stretch is a difference.
        sums = np.zeros(stop - start + 1, np.uint64)
        np.cumsum(weights.take(ids[start:stop]) * powers[: stop - start], out=sums[1:])
        first = int(np.searchsorted(ends, start, side="right"))
        last = int(np.searchsorted(begins, stop))
        lows, highs = np.maximum(begins[first:last], start), np.minimum(ends[first:last], stop)
        parts: NDArray[np.uint64] = (sums[highs - start] - sums[lows - start]) * inverses[
            lows - start
        ]
        # Only the first of them may have begun before.
        before = max(start - int(begins[first]), 0)
        parts[:1] *= np.uint64(pow(BASE, before, 2**64))
        hashes[first:last] += parts
        is_cut = ends[last - 1] > stop
        start = stop if is_cut or last == len(begins) else max(stop, int(begins[last]))
    return hashes


def _powers(base: int, count: int) -> NDArray[np.uint64]:
    """Return base^0 .. base^(count-1) modulo 2**64."""
    factors = np.full(count, base, np.uint64)
    factors[0] = 1
    powers: NDArray[np.uint64] = np.cumprod(factors, dtype=np.uint64)
    return powers
