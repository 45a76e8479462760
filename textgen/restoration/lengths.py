"""How many characters a gap of unknown length has: a comparison of whole texts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.network.parameters import MOST_LOGITS
from textgen.restoration.reader import TwoWayReader, log_probabilities

# Log-probability of an unknown character, which the network never predicts.
UNKNOWN_FLOOR = -20.0


def log_likelihoods(
    reader: TwoWayReader,
    texts: Sequence[NDArray[np.int32]],
    before: int,
    behind: int,
    margin: int,
) -> NDArray[np.float64]:
    """Return how probable some versions of a passage are, to compare them with each other.

    The versions may differ in length, so that the probabilities of single characters from both
    sides cannot be compared. A text is therefore read twice: forward, each character predicted
    from those before it alone, and backward, each from those behind it alone. Either product is
    the probability of a whole text; the result is the mean of the logarithms.

    Args:
        reader: the network.
        texts: ids of each version, int32 [N].
        before: number of characters before the passage, which all versions share.
        behind: number of characters behind it, which all versions share.
        margin: number of these characters on either side whose probabilities count: those behind
            the passage are predicted from it forward, those before it backward. The others are
            only read.

    Returns:
        Natural logarithms up to a common constant, float64 [K].
    """
    scores = np.zeros(len(texts))
    by_length: dict[int, list[int]] = {}
    for index, text in enumerate(texts):
        by_length.setdefault(len(text), []).append(index)
    for length, alike in by_length.items():
        at_once = max(MOST_LOGITS // (length * reader.settings.vocab_size), 1)
        for first in range(0, len(alike), at_once):
            indices = alike[first : first + at_once]
            ids = np.stack([texts[index] for index in indices], axis=1)
            scores[indices] = _scores(reader, ids, before, behind, margin)
    return scores


def _scores(
    reader: TwoWayReader, ids: NDArray[np.int32], before: int, behind: int, margin: int
) -> NDArray[np.float64]:
    """Do what `log_likelihoods` does for versions of one length, int32 [N, K]; see there."""
    length = len(ids)
    end = length - behind
    right, left = min(end + margin, length), max(before - margin, 0)
    # What lies further away is not read where it is on the side that is predicted.
    forward = reader.parts_before(ids[:right])[before:] + reader.unknown_behind
    backward = reader.parts_behind(ids[left:])[: end - left] + reader.unknown_before
    return (_sum(forward, ids[before:right]) + _sum(backward, ids[left:end])) / 2


def _sum(logits: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the sum of the log-probabilities of ids, [N, K], over N, float64 [K]."""
    chosen = np.take_along_axis(log_probabilities(logits), ids[..., None], -1)[..., 0]
    total: NDArray[np.float64] = np.maximum(chosen, UNKNOWN_FLOOR).sum(0, dtype=np.float64)
    return total
