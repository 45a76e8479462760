"""Some positions of a text in the order of the ids that follow them: a sparse suffix array.

Every S-th position is an entry. A stretch of n ids holds an entry with at least n - S + 1 of its
ids after it.

References:
    Kärkkäinen and Ukkonen (1996), Sparse Suffix Trees; Manber and Myers (1993), Suffix Arrays: A
    New Method for On-Line String Searches.
"""

import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

# Number of ids by which entries are ordered. Entries that agree in so many stay in their order.
DEPTH = 16
# Steps S between two entries, the longest first. A stretch of 2 S - 1 ids holds S ids of an entry.
STEPS = (8, 4, 2, 1)
# Entries that are sorted at once.
AT_ONCE = 2**20
# Most parts that are sorted at the same time.
MOST_THREADS = 8
# Entries of the sample that tells how to divide them all into parts.
SAMPLED = 2**14

Ids = NDArray[np.unsignedinteger]


def step_for(least: int) -> int:
    """Return the step of an index with which stretches of `least` ids, at least 1, are found."""
    return next(step for step in STEPS if 2 * step - 1 <= least)


def sort_entries(ids: Ids, step: int) -> Generator[float, None, NDArray[np.uint32]]:
    """Sort the entries of an index.

    Args:
        ids: the text, [N].
        step: distance S of two entries.

    Yields:
        The share of the work that is done, now and then.

    Returns:
        The numbers of the entries in order, uint32 [ceil(N / S)]; number k is at index k S.
    """
    count = -(-len(ids) // step)
    sample = np.linspace(0, count - 1, min(count, SAMPLED)).astype(np.int64) * step
    firsts = np.sort(_keys(ids, sample)[0])
    parts = max(-(-count // AT_ONCE), 1)
    bounds = firsts[np.arange(1, parts) * len(firsts) // parts]
    part_of = np.zeros(count, np.uint16)
    order, filled = np.empty(count, np.uint32), 0

    def divide(begin: int) -> int:
        numbers = np.arange(begin, min(begin + AT_ONCE, count))
        first = _keys(ids, numbers * step)[0]
        part_of[numbers] = np.searchsorted(bounds, first, side="right")
        return begin

    def sorted_part(part: int) -> NDArray[np.int64]:
        numbers = np.flatnonzero(part_of == part)
        return numbers[np.lexsort(_keys(ids, numbers * step)[::-1])]

    # NumPy sorts without holding up other threads.
    with ThreadPoolExecutor(min(os.cpu_count() or 1, MOST_THREADS)) as pool:
        try:
            for begin in pool.map(divide, range(0, count if parts > 1 else 0, AT_ONCE)):
                yield begin / count / 4
            for numbers in pool.map(sorted_part, range(parts)):
                order[filled : filled + len(numbers)] = numbers
                filled += len(numbers)
                yield 1 / 4 + 3 / 4 * filled / count
        finally:
            pool.shutdown(cancel_futures=True)
    return order


def _keys(ids: Ids, positions: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Pack the `DEPTH` ids from each position into numbers of the same order, uint64 [K, P]."""
    rows = windows(ids, positions, DEPTH)
    whole = np.ascontiguousarray(rows, rows.dtype.newbyteorder(">"))
    return np.ascontiguousarray(whole.view(">u8").T).astype(np.uint64)


def windows(ids: Ids, positions: NDArray[np.int64], width: int) -> Ids:
    """Return the ids from each position on, [P, width]; 0 before the beginning and after the end.

    The id 0 is that of the unknown character, which is part of no stretch.
    """
    if len(positions) and positions.min() >= 0 and positions.max() + width <= len(ids):
        inside: Ids = sliding_window_view(ids, width)[positions]
        return inside
    index = positions[:, None] + np.arange(width)
    is_inside = (index >= 0) & (index < len(ids))
    found: Ids = np.where(is_inside, ids[index.clip(0, len(ids) - 1)], 0).astype(ids.dtype)
    return found
