"""Fill gaps that stand close together, of known and of unknown length."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary
from textgen.generation.filters import Draws
from textgen.restoration.beam import WIDTH, Filling, Rules, draw, fill
from textgen.restoration.gaps import Gap
from textgen.restoration.lengths import log_likelihoods
from textgen.restoration.reader import TwoWayReader

# Known characters on either side of a gap that are read. Gaps that are closer together than this
# are filled jointly.
CONTEXT = 256
# Fillings of each length that are compared for a gap of unknown length.
PER_LENGTH = 8


@dataclass(frozen=True)
class Group:
    """Gaps that are filled jointly.

    Attributes:
        before: known text before the first gap; its last 256 characters are read.
        gaps: the gaps.
        between: known text between each two of them.
        behind: known text behind the last gap; its first 256 characters are read.
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
        probability: probability of the whole filling, in (0, 1]. Where the length of a gap is
            unknown, it is a share among the fillings that were compared.
    """

    texts: tuple[str, ...]
    certainties: tuple[tuple[float, ...], ...]
    probability: float


class Restorer:
    """Fills gaps with the characters that a network of both directions finds likely."""

    def __init__(self, reader: TwoWayReader, vocabulary: Vocabulary, rules: Rules) -> None:
        self._reader, self._vocabulary, self._rules = reader, vocabulary, rules

    def best(self, group: Group, count: int) -> list[Alternative]:
        """Return the likeliest fillings of a group, at most `count` of them, best first."""
        lengths, options = self._lengths(group)
        if options is None:
            fillings = self._fill(group, lengths, max(WIDTH, count))
            return [self._alternative(one, lengths) for one in fillings[:count]]
        found = [(one, size) for size, fillings in options.items() for one in fillings]
        open_gap = next(k for k, gap in enumerate(group.gaps) if gap.shortest < gap.longest)
        shares = self._compare(group, lengths, open_gap, found)
        order = np.argsort(-shares, kind="stable")[:count].tolist()
        return [
            self._alternative(found[k][0], _with(lengths, open_gap, found[k][1]), float(shares[k]))
            for k in order
        ]

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
        lengths, _ = self._lengths(group)
        uniforms = np.stack([Draws(seed, i, position).take(sum(lengths)) for i in range(count)])
        tokens, is_gap = self._encode(group, lengths)
        found = draw(self._reader, tokens, is_gap, self._rules, uniforms, temperature)
        return [self._alternative(one, lengths) for one in found]

    def _lengths(self, group: Group) -> tuple[list[int], dict[int, list[Filling]] | None]:
        """Choose the length of each gap.

        Returns:
            The lengths; and if exactly one gap has an unknown length, its fillings by length.
        """
        lengths = [(gap.shortest + gap.longest) // 2 for gap in group.gaps]
        unknown = [k for k, gap in enumerate(group.gaps) if gap.shortest < gap.longest]
        options = None
        for k in unknown:
            gap, options = group.gaps[k], dict[int, list[Filling]]()
            for size in range(gap.shortest, gap.longest + 1):
                fillings = self._fill(group, _with(lengths, k, size), WIDTH)
                options[size] = fillings[:PER_LENGTH]
            found = [(one, size) for size, fillings in options.items() for one in fillings]
            if not found:
                continue
            shares = self._compare(group, lengths, k, found)
            lengths = _with(lengths, k, found[int(shares.argmax())][1])
        return lengths, options if len(unknown) == 1 else None

    def _compare(
        self,
        group: Group,
        lengths: Sequence[int],
        open_gap: int,
        found: Sequence[tuple[Filling, int]],
    ) -> NDArray[np.float64]:
        """Return the share of each filling among all, for different lengths of one gap."""
        texts = []
        for filling, size in found:
            tokens, is_gap = self._encode(group, _with(lengths, open_gap, size))
            tokens[is_gap] = filling.tokens
            texts.append(tokens)
        before, behind = len(group.before[-CONTEXT:]), len(group.behind[:CONTEXT])
        scores = log_likelihoods(self._reader, texts, before, behind)
        shares = np.exp(scores - scores.max())
        total: NDArray[np.float64] = shares / shares.sum()
        return total

    def _fill(self, group: Group, lengths: Sequence[int], width: int) -> list[Filling]:
        tokens, is_gap = self._encode(group, lengths)
        return fill(self._reader, tokens, is_gap, self._rules, width=width)

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
        self, filling: Filling, lengths: Sequence[int], share: float | None = None
    ) -> Alternative:
        ends = np.cumsum(lengths)
        spans = [slice(end - size, end) for end, size in zip(ends.tolist(), lengths, strict=True)]
        return Alternative(
            tuple(self._vocabulary.decode(filling.tokens[span]) for span in spans),
            tuple(tuple(np.exp(-filling.nats[span]).tolist()) for span in spans),
            math.exp(filling.log_probability) if share is None else share,
        )


def group_gaps(pieces: Sequence[str | Gap]) -> list[Group]:
    """Gather gaps that stand closer together than 256 characters.

    Args:
        pieces: known texts and gaps, as `parse_gaps` returned them.

    Returns:
        The groups. The text behind each is that before the next one.
    """
    groups = list[Group]()
    known, gaps = [""], list[Gap]()
    for piece in pieces:
        if isinstance(piece, Gap):
            if len(known) > len(gaps) + 1:
                raise ValueError("two known texts in a row")
            if len(known) == len(gaps):
                known.append("")
            gaps.append(piece)
            continue
        if len(known) == len(gaps):
            known.append(piece)
        else:
            known[-1] += piece
        if gaps and len(piece) >= CONTEXT:
            groups.append(_group(known, gaps))
            known, gaps = [piece], []
    if gaps:
        groups.append(_group(known, gaps))
    return groups


def _group(known: Sequence[str], gaps: Sequence[Gap]) -> Group:
    behind = known[len(gaps)] if len(known) > len(gaps) else ""
    return Group(known[0], tuple(gaps), tuple(known[1 : len(gaps)]), behind)


def _with(lengths: Sequence[int], index: int, size: int) -> list[int]:
    return [size if k == index else length for k, length in enumerate(lengths)]
