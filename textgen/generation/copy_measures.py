"""How much of written texts is copied, by the index of a long training text."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.data.text_index import TextIndex
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import UNKNOWN_ID
from textgen.generation.copies import Ids, longest_copies

# Runs of fewer characters are not found by the index, but searched in the whole training text. The
# entries of the index are 8 characters apart, so that a run of 10 holds an entry and 3 characters.
LEAST_INDEXED = 10
# Length from which on the index finds runs in the least time.
QUICKLY_INDEXED = 15


def indexed_copies(index: TextIndex, texts: Sequence[Ids], length: int) -> list[NDArray[np.bool_]]:
    """Find the runs of characters of some texts that the training text contains.

    Args:
        index: index of the training text, which finds stretches of `length` characters.
        texts: ids of each text, [T].
        length: number of characters in a run.

    Returns:
        What `find_copies` returns.
    """
    found = []
    for text in texts:
        matches = index.find(_query(text), length)
        changes = np.zeros(max(len(text) - length + 1, 0) + 1, np.int64)
        np.add.at(changes, matches.begins, 1)
        np.add.at(changes, matches.ends - length + 1, -1)
        found.append(np.cumsum(changes)[:-1] > 0)
    return found


def longest_indexed_copies(
    index: TextIndex, training: Tokens, texts: Sequence[Ids], *, most_searched: int
) -> list[int | None]:
    """Return the length of each text's longest run of characters that the training text contains.

    Args:
        index: index of the training text, which finds stretches of 15 characters.
        training: ids of the training text, [L].
        texts: ids of each text, [T].
        most_searched: longest training text that is searched for runs of fewer than 10 characters.

    Returns:
        The lengths; None for one below 10 in a training text that is longer than that.
    """
    found: list[int | None] = [_longest(index, _query(text)) or None for text in texts]
    short = [number for number, length in enumerate(found) if length is None]
    if short and len(training) <= most_searched:
        some = [texts[number] for number in short]
        lengths = longest_copies(training, some, most=LEAST_INDEXED - 1)
        for number, length in zip(short, lengths, strict=True):
            found[number] = length
    return found


def _longest(index: TextIndex, query: NDArray[np.int64]) -> int:
    """Return the length of the longest stretch that the index finds; 0 for none."""
    for least in (QUICKLY_INDEXED, LEAST_INDEXED):
        longest = 0
        while len((matches := index.find(query, max(least, longest + 1))).begins):
            longest = int((matches.ends - matches.begins).max())
            if not matches.is_frequent.any():
                break
            # Not all occurrences were followed, but none of a longer stretch is missed.
        if longest:
            return longest
    return 0


def _query(text: Ids) -> NDArray[np.int64]:
    query = np.asarray(text, np.int64).copy()
    query[query == UNKNOWN_ID] = -1
    return query
