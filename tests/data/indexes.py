"""Indexes of small texts, and a search without an index to compare them with."""

import numpy as np
from numpy.typing import NDArray

from textgen.data.sorted_entries import sort_entries
from textgen.data.text_index import Matches, TextIndex


def entries_of(ids: NDArray[np.unsignedinteger], step: int) -> NDArray[np.uint32]:
    """Return the sorted entries of a text."""
    sorting = sort_entries(ids, step)
    while True:
        try:
            share = next(sorting)
            assert 0 <= share <= 1
        except StopIteration as stop:
            entries: NDArray[np.uint32] = stop.value
            return entries


def index_of(ids: NDArray[np.unsignedinteger], step: int) -> TextIndex:
    """Return an index of a text."""
    return TextIndex(ids, step, entries_of(ids, step))


def longest_by_search(
    ids: NDArray[np.unsignedinteger], query: NDArray[np.int64], least: int
) -> NDArray[np.int64]:
    """Return for each id of a query the length of the longest stretch around it, 0 for none."""
    longest, text = np.zeros(len(query), np.int64), ids.astype(np.uint8).tobytes()
    for begin in range(len(query)):
        end = begin
        while end < len(query) and query[end] >= 0:
            if text.find(query[begin : end + 1].astype(np.uint8).tobytes()) < 0:
                break
            end += 1
        if end - begin >= least:
            longest[begin:end] = np.maximum(longest[begin:end], end - begin)
    return longest


def longest_of(matches: Matches, length: int) -> NDArray[np.int64]:
    """Return the same for what an index has found."""
    longest = np.zeros(length, np.int64)
    for begin, end in zip(matches.begins.tolist(), matches.ends.tolist(), strict=True):
        longest[begin:end] = np.maximum(longest[begin:end], end - begin)
    return longest
