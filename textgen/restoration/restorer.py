"""Fill gaps that stand close together, of known and of unknown length."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END, UNKNOWN_ID, Vocabulary
from textgen.generation.filters import Draws
from textgen.restoration.beam import Filling, Rules, draw, fill
from textgen.restoration.gaps import Gap
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader

# Characters on either side of a group of gaps that are read, and those whose probabilities count
# where fillings are compared.
CONTEXT, MARGIN = 96, 32
# Gaps are filled jointly unless so many known characters stand between them, or so many characters
# are missing in the group already.
APART, MOST_MISSING = 32, 24
# Fillings that are compared; of each length, for a gap of unknown length.
CANDIDATES, PER_LENGTH = 64, 16


@dataclass(frozen=True)
class Group:
    """Gaps that are filled jointly.

    Attributes:
        before: known text before the first gap, behind the groups before; at most 96 characters of
            it are read.
        gaps: the gaps.
        between: known text between each two of them.
        behind: text behind the last gap, at most 96 characters, with `END` for each missing one.
    """

    before: str
    gaps: tuple[Gap, ...]
    between: tuple[str, ...]
    behind: str


@dataclass(frozen=True)
class Alternative:
    """One filling of a group of gaps.

    Attributes:
        texts: what is filled into each gap.
        certainties: for each gap the probability of each of its characters, in (0, 1].
        probability: probability of the whole filling, in (0, 1]: its share among the fillings that
            were compared. For a filling that was drawn, that of drawing it at the temperature 1.
    """

    texts: tuple[str, ...]
    certainties: tuple[tuple[float, ...], ...]
    probability: float


class _Candidate(NamedTuple):
    """A filling and the length of each gap."""

    filling: Filling
    lengths: tuple[int, ...]


class Restorer:
    """Fills gaps with the characters that a network of both directions finds likely.

    The candidates are the fillings that a beam finds likely from both sides. They are compared by
    the mean of three estimates of the logarithm of their probability: that of the beam, and those
    of the whole passage, read forward and backward; see `log_likelihoods`. All three together are
    wrong less often than any of them, but nothing can be searched by the last two.
    """

    def __init__(self, reader: TwoWayReader, vocabulary: Vocabulary, rules: Rules) -> None:
        self._reader, self._vocabulary, self._rules = reader, vocabulary, rules

    def best(self, group: Group, count: int) -> list[Alternative]:
        """Return the likeliest fillings of a group, at most `count` of them, best first."""
        lengths = self._lengths(group)
        open_gaps = [k for k, gap in enumerate(group.gaps) if gap.shortest < gap.longest]
        found = self._candidates(group, lengths, open_gaps[0] if len(open_gaps) == 1 else None)
        if not found:
            return []
        shares = self._shares(group, found)
        order = np.argsort(-shares, kind="stable")[:count].tolist()
        return [self._alternative(found, shares, k) for k in order]

    def drawn(
        self, group: Group, count: int, seed: int, temperature: float, position: int
    ) -> list[Alternative]:
        """Return fillings of a group that are drawn at random.

        Args:
            group: the gaps. A gap of unknown length gets its likeliest length.
            count: number of fillings.
            seed: seed of the draws; filling i depends on (seed, i, position) alone.
            temperature: divides the logarithms of the probabilities, above 0.
            position: number of characters drawn before, in other groups.
        """
        lengths = self._lengths(group)
        uniforms = np.stack([Draws(seed, i, position).take(sum(lengths)) for i in range(count)])
        tokens, is_gap = self._encode(group, lengths)
        found = [
            _Candidate(one, lengths)
            for one in draw(self._reader, tokens, is_gap, self._rules, uniforms, temperature)
        ]
        return [self._described(*one, np.exp(-one.filling.nats)) for one in found]

    def _lengths(self, group: Group) -> tuple[int, ...]:
        """Choose the length of each gap; those of unknown length one after the other."""
        lengths = tuple(map(_middle, group.gaps))
        for k, gap in enumerate(group.gaps):
            if gap.shortest < gap.longest and (found := self._candidates(group, lengths, k)):
                lengths = found[int(self._shares(group, found).argmax())].lengths
        return lengths

    def _candidates(
        self, group: Group, lengths: tuple[int, ...], open_gap: int | None
    ) -> list[_Candidate]:
        """Return likely fillings for given lengths, and for all lengths of one gap."""
        every, most = [lengths], CANDIDATES
        if open_gap is not None:
            gap, most = group.gaps[open_gap], PER_LENGTH
            sizes = range(gap.shortest, gap.longest + 1)
            every = [(*lengths[:open_gap], n, *lengths[open_gap + 1 :]) for n in sizes]
        found = []
        for one in every:
            tokens, is_gap = self._encode(group, one)
            fillings = fill(self._reader, tokens, is_gap, self._rules, width=most)
            found += [_Candidate(filling, one) for filling in fillings]
        return found

    def _shares(self, group: Group, found: Sequence[_Candidate]) -> NDArray[np.float64]:
        """Return how probable each candidate is among all, float64 [K] with the sum 1."""
        texts = []
        for filling, lengths in found:
            tokens, is_gap = self._encode(group, lengths)
            tokens[is_gap] = filling.tokens
            texts.append(tokens)
        before, behind = len(group.before[-CONTEXT:]), len(group.behind[:CONTEXT])
        passages = log_likelihoods(self._reader, texts, before, behind, MARGIN)
        joint = np.array([one.filling.log_probability for one in found])
        shares = np.zeros(len(found))
        # Only the passages of different lengths can be compared.
        top = passages.max()
        for lengths in dict.fromkeys(one.lengths for one in found):
            same = np.array([one.lengths == lengths for one in found])
            inside = _softmax((joint[same] + 2 * passages[same]) / 3)
            shares[same] = inside * np.exp(passages[same] - top).sum()
        total: NDArray[np.float64] = shares / shares.sum()
        return total

    def _encode(
        self, group: Group, lengths: Sequence[int]
    ) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return the ids of a group in its context, int32 [N], and which are missing, bool [N]."""
        known = [group.before[-CONTEXT:], *group.between, group.behind[:CONTEXT]]
        parts = [self._vocabulary.encode(one, "replace") for one in known]
        tokens, is_gap = [parts[0]], [np.zeros(len(parts[0]), bool)]
        for length, part in zip(lengths, parts[1:], strict=True):
            tokens += [np.full(length, UNKNOWN_ID, np.int32), part]
            is_gap += [np.ones(length, bool), np.zeros(len(part), bool)]
        return np.concatenate(tokens), np.concatenate(is_gap)

    def _alternative(
        self, found: Sequence[_Candidate], shares: NDArray[np.float64], number: int
    ) -> Alternative:
        """Describe a candidate: how probable it is, and each of its characters."""
        filling, lengths = found[number]
        same = [k for k, one in enumerate(found) if one.lengths == lengths]
        tokens = np.stack([found[k].filling.tokens for k in same])
        sums = shares[same] @ (tokens == filling.tokens)
        return self._described(filling, lengths, np.minimum(sums, 1.0), float(shares[number]))

    def _described(
        self,
        filling: Filling,
        lengths: tuple[int, ...],
        certainties: NDArray[np.float64],
        probability: float | None = None,
    ) -> Alternative:
        if probability is None:
            probability = math.exp(filling.log_probability)
        ends = np.cumsum(lengths).tolist()
        spans = [slice(end - size, end) for end, size in zip(ends, lengths, strict=True)]
        return Alternative(
            tuple(self._vocabulary.decode(filling.tokens[span]) for span in spans),
            tuple(tuple(certainties[span].tolist()) for span in spans),
            probability,
        )


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    shares: NDArray[np.float64] = np.exp(scores - scores.max())
    total: NDArray[np.float64] = shares / shares.sum()
    return total


def group_gaps(pieces: Sequence[str | Gap]) -> tuple[list[Group], str]:
    """Gather gaps that stand close together.

    Args:
        pieces: known texts and gaps, as `parse_gaps` returned them.

    Returns:
        The groups in order, and the known text behind the last.
    """
    groups, gaps, between = list[Group](), list[Gap](), list[str]()
    before = known = ""
    # The text from each piece on, as far as it is read.
    behind = [""]
    for piece in reversed(pieces):
        text = piece if isinstance(piece, str) else END * _middle(piece)
        behind.append((text + behind[-1])[:CONTEXT])
    behind.reverse()

    def close(end: int) -> None:
        groups.append(Group(before, tuple(gaps), tuple(between), behind[end]))
        gaps.clear()
        between.clear()

    end = 0
    for index, piece in enumerate(pieces):
        if isinstance(piece, str):
            known = piece
            continue
        missing = sum(map(_middle, gaps)) + _middle(piece)
        if gaps and (len(known) >= APART or missing > MOST_MISSING):
            close(end)
        if gaps:
            between.append(known)
        else:
            before = known
        gaps.append(piece)
        known, end = "", index + 1
    if gaps:
        close(end)
    return groups, known


def _middle(gap: Gap) -> int:
    return (gap.shortest + gap.longest) // 2
