"""Fill the gaps of a text jointly, by a beam over all of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgen.network.inference import States
from textgen.restoration.reader import TwoWayReader, log_probabilities

# Number of fillings that are kept while characters are added.
WIDTH = 32


@dataclass(frozen=True)
class Filling:
    """One way to fill the gaps of a text.

    Attributes:
        tokens: ids of the characters of all gaps, in the order of the text, int32 [G].
        nats: surprise of each of them, given the text on both sides and the characters filled in
            before it, float64 [G]. The probability of the filling is exp(-sum).
    """

    tokens: NDArray[np.int32]
    nats: NDArray[np.float64]

    @property
    def log_probability(self) -> float:
        """Natural logarithm of the probability of the whole filling, at most 0."""
        return -float(self.nats.sum())


def fill(
    reader: TwoWayReader,
    tokens: NDArray[np.int32],
    is_gap: NDArray[np.bool_],
    allowed: NDArray[np.bool_],
    *,
    width: int = WIDTH,
) -> list[Filling]:
    """Find the likeliest fillings of all gaps of a text.

    The probability of a filling is the product over its characters, from left to right, of the
    probability of each given all known characters and the ones filled in before it. Characters that
    are not filled in yet are read as unknown ones, as in training. The search keeps the best
    `width` beginnings; if there are no more of them, it is exact.

    Args:
        reader: the network.
        tokens: ids of the text, int32 [N]; those in gaps do not matter.
        is_gap: which characters are missing, bool [N].
        allowed: which ids may be filled in, bool [V].
        width: number of fillings to keep, at least 1.

    Returns:
        Up to `width` fillings, the likeliest first.
    """
    masked = np.where(is_gap, 0, tokens)
    behind = reader.parts_behind(masked[:, None])[:, 0]
    states, totals = reader.begin(1), np.zeros(1)
    chosen = np.zeros((1, 0), np.int32)
    nats = np.zeros((1, 0))
    forbidden = np.where(allowed, 0.0, -np.inf)
    for index, is_missing in enumerate(is_gap.tolist()):
        if not is_missing:
            row = np.full(len(totals), masked[index])
        else:
            logits = log_probabilities(reader.before(states) + behind[index])
            joint = totals[:, None] + logits.astype(np.float64) + forbidden
            best = _largest(joint.ravel(), width)
            parents, row = np.divmod(best, joint.shape[1])
            states = _taken(states, parents)
            totals = joint.ravel()[best]
            step = -logits[parents, row].astype(np.float64)
            chosen = np.column_stack([chosen[parents], row]).astype(np.int32)
            nats = np.column_stack([nats[parents], step])
        states = reader.step(states, row)
    return [Filling(*pair) for pair in zip(chosen, nats, strict=True)]


def _largest(values: NDArray[np.float64], count: int) -> NDArray[np.intp]:
    """Return the indices of the largest finite values, in falling order."""
    count = min(count, int(np.isfinite(values).sum()))
    best = np.argpartition(-values, count - 1)[:count] if count < len(values) else None
    best = np.arange(len(values)) if best is None else best
    return best[np.argsort(-values[best], kind="stable")][:count]


def _taken(states: States, rows: NDArray[np.intp]) -> States:
    return tuple(type(state)(*(member[rows] for member in state)) for state in states)
