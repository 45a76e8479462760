"""Find the mistakes of a text: characters that are wrong, missing, added or swapped."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.network.parameters import MOST_LOGITS
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader, log_probabilities

Kind = Literal["wrong", "missing", "added", "swapped"]

# Characters that are searched at once, and known characters around them.
PIECE, AROUND = 256, 64
# Number of pieces that are read side by side.
AT_ONCE = 16
# A place is looked at if the probability of its character is below exp(-SURPRISE), given all
# others, or if both sides of it find the other side as improbable.
SURPRISE = 3.5
# Number of characters that are tried in the place of one, and between two.
TRIED = 4
# Characters on either side of a mistake whose probabilities are compared.
MARGIN = 24
# Characters beyond these that are only read, so that the network knows what the text is about.
WARM = 32
# Characters on either side of a position that its corrections may change.
CORRECTED = 2
# Number of places that are judged at once.
PLACES_AT_ONCE = 32
# Largest gain of which the exponential is taken.
LARGEST_GAIN = 500.0
# Share of the characters of a text that are mistakes, before it is read.
RATE = 1 / 200
# Fewest characters between two mistakes that are both told; of two that are closer together only
# the likelier one is.
APART = 4


@dataclass(frozen=True)
class Mistake:
    """A probable mistake.

    Attributes:
        position: index of its first character in the text; of the character before which one is
            missing.
        kind: what is wrong: a character is wrong, missing or added, or two are swapped.
        found: the ids that stand there; none for a missing character.
        meant: the ids that were probably meant; none for an added character.
        gain: natural logarithm of how much likelier the text becomes by the correction.
        certainty: probability that this is a mistake and that the correction is right, in [0, 1].
    """

    position: int
    kind: Kind
    found: tuple[int, ...]
    meant: tuple[int, ...]
    gain: float
    certainty: float


def find_mistakes(
    reader: TwoWayReader, tokens: NDArray[np.int32], writable: NDArray[np.bool_]
) -> Iterator[tuple[int, list[Mistake]]]:
    """Search a text for mistakes.

    Where a character is surprising from both sides, every correction of one character or of two
    that are swapped is compared with the text as it stands. By Bayes, a correction is as probable
    as the text that it leads to, times the probability that somebody makes this mistake: one
    character in 200, the four kinds evenly.

    Args:
        reader: the network.
        tokens: ids of the text, int32 [N].
        writable: which ids may be proposed, bool [V].

    Yields:
        Again and again, the number of characters searched and the mistakes found since.
    """
    for first in range(0, len(tokens), PIECE * AT_ONCE):
        last = min(first + PIECE * AT_ONCE, len(tokens))
        places = _surprising(reader, tokens, first, last, writable)
        found = [
            one
            for at in range(0, len(places), PLACES_AT_ONCE)
            for one in _judge(reader, tokens, places[at : at + PLACES_AT_ONCE])
        ]
        yield last, _apart(found)


_Place = tuple[int, list[int], list[int]]


def _surprising(
    reader: TwoWayReader,
    tokens: NDArray[np.int32],
    first: int,
    end: int,
    writable: NDArray[np.bool_],
) -> list[_Place]:
    """Return the positions to look at, with characters to try there and in front of them."""
    begins = np.arange(first, end, PIECE)
    index = np.arange(-AROUND, PIECE + AROUND)[:, None] + begins
    inside = (index >= 0) & (index < len(tokens))
    ids = np.where(inside, tokens[np.clip(index, 0, len(tokens) - 1)], UNKNOWN_ID)
    places = list[_Place]()
    # The logits of a large alphabet are computed for a few characters of each piece at a time.
    size = max(MOST_LOGITS // (len(begins) * reader.settings.vocab_size), 1)
    for row in range(AROUND, AROUND + PIECE, size):
        core = slice(row, min(row + size, AROUND + PIECE))
        places += _surprising_rows(reader, ids, inside, core, begins - AROUND, writable)
    return sorted(places)


def _surprising_rows(
    reader: TwoWayReader,
    ids: NDArray[np.integer],
    inside: NDArray[np.bool_],
    core: slice,
    begins: NDArray[np.integer],
    writable: NDArray[np.bool_],
) -> Iterator[_Place]:
    """Yield what `_surprising` does, for some characters of each piece.

    Args:
        reader: the network.
        ids: ids of the pieces, int [N, B].
        inside: which of them are in the text, bool [N, B].
        core: the characters.
        begins: index in the text of the first id of each piece, int [B].
        writable: which ids may be proposed, bool [V].
    """
    last = slice(core.start - 1, core.stop - 1)
    both = slice(last.start, core.stop)
    before, behind = reader.parts_before(ids, core), reader.parts_behind(ids, both)
    here = log_probabilities(before + behind[1:])
    # A character in front of this one: what stands behind it begins with this one.
    between = log_probabilities(before + behind[:-1])
    is_odd = _chosen(here, ids[core]) < -SURPRISE
    # Where a character is missing, the text before it does not expect what follows, and the text
    # behind it not what stands before, but each character may be likely from one of the sides.
    from_before = log_probabilities(before + reader.unknown_behind)
    from_behind = log_probabilities(behind[:-1] + reader.unknown_before)
    is_broken = (_chosen(from_before, ids[core]) < -SURPRISE) & (
        _chosen(from_behind, ids[last]) < -SURPRISE
    )
    is_known = inside[core] & (ids[core] != UNKNOWN_ID)
    for row, piece in zip(*np.nonzero((is_odd | is_broken) & is_known), strict=True):
        tried = _best(np.where(writable, here[row, piece], -np.inf))
        added = _best(np.where(writable, between[row, piece], -np.inf))
        yield int(begins[piece] + core.start + row), tried, added


def _chosen(logits: NDArray[np.float32], ids: NDArray[np.integer]) -> NDArray[np.float32]:
    """Return the log-probabilities of ids [N, B] among those of all, [N, B, V]."""
    return np.take_along_axis(logits, ids[..., None], -1)[..., 0]


def _best(logits: NDArray[np.float32]) -> list[int]:
    best: list[int] = np.argsort(-logits)[:TRIED].tolist()
    return best


def _judge(
    reader: TwoWayReader, tokens: NDArray[np.int32], places: Sequence[_Place]
) -> list[Mistake]:
    """Compare the corrections around some positions; return the best of each that is likelier."""
    padding = np.full(MARGIN + WARM, UNKNOWN_ID, np.int32)
    padded = np.concatenate([padding, tokens, padding])
    options = [[*_options(tokens, *place)] for place in places]
    texts, sizes = [], [1 + len(each) for each in options]
    for (position, _, _), each in zip(places, options, strict=True):
        # In the padded text, the position stands this much further.
        window = padded[position : position + 2 * len(padding)]
        shift = len(padding) - position
        texts.append(window)
        for begin, _, found, meant in each:
            first, last = begin + shift, begin + shift + len(found)
            texts.append(np.concatenate([window[:first], np.array(meant, np.int32), window[last:]]))
    beside = len(padding) - CORRECTED
    scores = log_likelihoods(reader, texts, beside, beside, MARGIN)
    mistakes = []
    for each, group in zip(options, np.split(scores, np.cumsum(sizes)[:-1]), strict=True):
        gains = group[1:] - group[0]
        priors = np.array([_prior(kind, len(reader.bias) - 1) for _, kind, _, _ in each])
        odds = priors * np.exp(np.minimum(gains, LARGEST_GAIN))
        best = int(odds.argmax())
        if gains[best] > 0:
            certainty = float(odds[best] / (1 + odds.sum()))
            begin, kind, found, meant = each[best]
            gain = float(gains[best])
            mistakes.append(Mistake(begin, kind, tuple(found), tuple(meant), gain, certainty))
    return mistakes


_Option = tuple[int, Kind, Sequence[int], Sequence[int]]


def _options(
    tokens: NDArray[np.int32], position: int, tried: list[int], added: list[int]
) -> Iterator[_Option]:
    here = int(tokens[position])
    yield from ((position, "wrong", [here], [one]) for one in tried if one != here)
    yield from ((position, "missing", [], [one]) for one in added)
    yield position, "added", [here], []
    for begin in (position - 1, position):
        if 0 <= begin < len(tokens) - 1:
            pair = tokens[begin : begin + 2].tolist()
            if pair[0] != pair[1]:
                yield begin, "swapped", pair, pair[::-1]


def _prior(kind: Kind, vocab_size: int) -> float:
    """Return the probability that somebody makes one mistake at one place.

    A wrong or an added character may be any, but one that is missing or swapped is what it is.
    """
    return RATE / 4 / (vocab_size if kind in ("wrong", "added") else 1)


def _apart(mistakes: Sequence[Mistake]) -> list[Mistake]:
    """Keep the likeliest of mistakes that stand close together; return them in order."""
    kept = list[Mistake]()
    for one in sorted(mistakes, key=lambda one: -one.certainty):
        if all(abs(one.position - other.position) >= APART for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda one: one.position)
