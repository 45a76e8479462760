"""How many characters a gap of unknown length has: a comparison of whole texts."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.restoration.reader import TwoWayReader, log_probabilities

# Characters on either side of a place whose probabilities are compared.
MARGIN = 32


def log_likelihoods(
    reader: TwoWayReader,
    texts: Sequence[NDArray[np.int32]],
    begin: int,
    behind: int,
) -> NDArray[np.float64]:
    """Return how probable some versions of a passage are, to compare them with each other.

    The versions may differ in length, so that the probabilities of single characters from both
    sides cannot be compared. A text is therefore read twice: forward, each character predicted
    from those before it alone, and backward, each from those behind it alone. Either product is the
    probability of a whole text; the result is the mean of the logarithms.

    Args:
        reader: the network.
        texts: ids of each version, int32 [N]. They differ only between the two margins.
        begin: number of characters before the passage, which all versions share.
        behind: number of characters behind it.

    Returns:
        Natural logarithms up to a common constant, float64 [K].
    """
    scores = np.zeros(len(texts))
    by_length: dict[int, list[int]] = {}
    for index, text in enumerate(texts):
        by_length.setdefault(len(text), []).append(index)
    for length, indices in by_length.items():
        ids = np.stack([texts[index] for index in indices], axis=1)
        forward = log_probabilities(reader.parts_before(ids) + reader.unknown_behind)
        backward = log_probabilities(reader.parts_behind(ids) + reader.unknown_before)
        # What stands before the passage is the same for all, and so is what stands behind it.
        scores[indices] = (
            _chosen(forward[begin:], ids[begin:]) + _chosen(backward[: length - behind], ids)
        ) / 2
    return scores


def _chosen(logits: NDArray[np.float32], ids: NDArray[np.int32]) -> NDArray[np.float64]:
    """Return the sum of the log-probabilities of ids, [N, K] or more, over N, float64 [K]."""
    chosen = np.take_along_axis(logits, ids[: len(logits), :, None], -1)[..., 0]
    total: NDArray[np.float64] = np.maximum(chosen, UNKNOWN_FLOOR).sum(0, dtype=np.float64)
    return total


# An unknown character has the probability 0; in all versions it counts the same.
UNKNOWN_FLOOR = -20.0
