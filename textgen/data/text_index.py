"""Where the stretches of a text stand in another one: exact, by an index of its entries."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.sorted_entries import DEPTH, Ids, windows

# Positions of a query that are looked up at once, and pairs that are compared at once.
LOOKED_UP = 2**16
# Most pairs of a position of the query and an entry that are all followed.
MOST_PAIRS = 2**22
# Ids that are compared at once to follow a pair.
COMPARED = 8

Indices = NDArray[np.int64]


class Matches(NamedTuple):
    """Stretches of a query that stand in the text, none of which can be made longer there.

    Attributes:
        begins: index of the first id in the query, int64 [M].
        ends: index after the last id.
        positions: index of the first id in the text.
        is_frequent: for each position of the query whether an entry there has so many occurrences
            that not all were followed. Then a stretch may be longer at another occurrence, though
            each id that stands in a stretch is in one of the matches.
    """

    begins: Indices
    ends: Indices
    positions: Indices
    is_frequent: NDArray[np.bool_]


class TextIndex:
    """An index of a text."""

    def __init__(self, ids: Ids, step: int, entries: NDArray[np.uint32]) -> None:
        """Put an index together.

        Args:
            ids: the text, [N].
            step: distance of two entries.
            entries: what `sort_entries` returned for them.
        """
        self._ids, self.step, self._entries = ids, step, entries

    def find(self, query: Indices, least: int) -> Matches:
        """Find the stretches of a query that stand in the text.

        Args:
            query: ids, int64 [T]; negative for what stands nowhere in the text.
            least: smallest number of ids of a stretch, at least S. Below 2 S - 1 more entries are
                looked at.
        """
        is_frequent = np.zeros(len(query), bool)
        width = min(least - self.step + 1, DEPTH)
        lows, highs = self._look_up(query, width)
        counts = highs - lows
        most = _most_followed(counts)
        is_frequent[: len(counts)] = counts > most
        light = np.flatnonzero((counts > 0) & (counts <= most))
        found = [self._follow_all(query, light, lows[light], counts[light], width)]
        heavy = np.flatnonzero(counts > most)
        found.append(self._follow_best(query, heavy, lows, highs, least))
        begins, ends, positions = np.concatenate(found).T
        order = np.lexsort((positions, -ends, begins))
        begins, ends, positions = begins[order], ends[order], positions[order]
        # A stretch is part of another one, unless it ends after all that begin before it.
        reach = np.maximum.accumulate(np.append(0, ends))[:-1]
        is_new = np.append(True, (begins[1:] != begins[:-1]) | (ends[1:] != ends[:-1]))[: len(ends)]
        is_whole = (ends > reach)[is_new][np.cumsum(is_new) - 1] & (ends - begins >= least)
        return Matches(begins[is_whole], ends[is_whole], positions[is_whole], is_frequent)

    def _look_up(self, query: Indices, width: int) -> tuple[Indices, Indices]:
        """Return the range of entries that begin with the ids at each position of a query."""
        count = max(len(query) - width + 1, 0)
        lows, highs = np.zeros(count, np.int64), np.zeros(count, np.int64)
        for begin in range(0, count, LOOKED_UP):
            positions = np.arange(begin, min(begin + LOOKED_UP, count))
            rows = query[positions[:, None] + np.arange(width)]
            is_known = (rows >= 0).all(axis=1)
            positions, rows = positions[is_known], rows[is_known]
            low = self._bisect(rows, lambda first, second: first < second)
            lows[positions], highs[positions] = low, low
            at = self._entries[low.clip(max=len(self._entries) - 1)].astype(np.int64) * self.step
            is_there = (windows(self._ids, at, width) == rows).all(axis=1)
            high = self._bisect(rows[is_there], lambda first, second: first <= second)
            highs[positions[is_there]] = high
        return lows, highs

    def _bisect(
        self, rows: Indices, is_before: Callable[[Indices, Indices], NDArray[np.bool_]]
    ) -> Indices:
        """Return the number of entries that are before each of some rows of ids."""
        low = np.zeros(len(rows), np.int64)
        high = np.full(len(rows), len(self._entries))
        every = np.arange(len(rows))
        for _ in range(len(self._entries).bit_length()):
            middle = ((low + high) // 2).clip(max=len(self._entries) - 1)
            at = self._entries[middle].astype(np.int64) * self.step
            found = windows(self._ids, at, rows.shape[1]).astype(np.int64)
            first = np.argmax(found != rows, axis=1)
            goes_on = is_before(found[every, first], rows[every, first]) & (low < high)
            low = np.where(goes_on, middle + 1, low)
            high = np.where(goes_on, high, np.minimum(middle, high))
        return low

    def _follow_all(
        self, query: Indices, places: Indices, lows: Indices, counts: Indices, width: int
    ) -> Indices:
        """Follow all pairs of some positions of a query with their entries.

        Returns:
            Begin and end in the query, and position in the text, int64 [M, 3].
        """
        offsets = np.cumsum(counts) - counts
        rank = np.arange(int(counts.sum())) + np.repeat(lows - offsets, counts)
        in_query = np.repeat(places, counts)
        in_text = self._entries[rank].astype(np.int64) * self.step
        # Pairs of one stretch follow each other by one step.
        shift = in_text - in_query
        order = np.lexsort((in_query, shift))
        in_query, in_text, shift = in_query[order], in_text[order], shift[order]
        is_new = np.ones(len(order) + 1, bool)
        if width >= self.step:  # else the ids between two entries were not compared
            is_new[1:-1] = (np.diff(shift) != 0) | (np.diff(in_query) != self.step)
        first, last = np.flatnonzero(is_new[:-1]), np.flatnonzero(is_new[1:])
        begins, ends = in_query[first], in_query[last] + width
        found = np.empty((len(begins), 3), np.int64)
        for start in range(0, len(begins), LOOKED_UP):
            part = slice(start, start + LOOKED_UP)
            left = self._follow(query, begins[part], in_text[first[part]], -1)
            right = self._follow(query, ends[part], in_text[last[part]] + width, 1)
            positions = in_text[first[part]] - left
            found[part] = np.stack([begins[part] - left, ends[part] + right, positions], axis=1)
        return found

    def _follow(
        self, query: Indices, in_query: Indices, in_text: Indices, direction: int
    ) -> Indices:
        """Count the equal ids from some positions on, or before them, int64 [P].

        Args:
            query: the query.
            in_query: positions in the query.
            in_text: positions in the text.
            direction: 1 to count from the positions on, -1 to count before them.
        """
        length, going = np.zeros(len(in_query), np.int64), np.arange(len(in_query))
        steps = np.arange(COMPARED) if direction > 0 else -1 - np.arange(COMPARED)
        while len(going):
            shift = direction * length[going]
            first = (in_query[going] + shift)[:, None] + steps
            second = (in_text[going] + shift)[:, None] + steps
            is_inside = (first >= 0) & (first < len(query))
            is_inside &= (second >= 0) & (second < len(self._ids))
            one = query[first.clip(0, len(query) - 1)]
            other = self._ids[second.clip(0, len(self._ids) - 1)]
            equal = is_inside & (one == other)
            count = _leading(equal)
            length[going] += count
            going = going[count == COMPARED]
        return length

    def _follow_best(
        self, query: Indices, places: Indices, lows: Indices, highs: Indices, least: int
    ) -> Indices:
        """Follow only the best of the many entries of some positions of a query.

        For each number of ids before a position that agree, the entry is taken that agrees in the
        most ids after it, up to `least`. So no stretch of `least` ids is missed.

        Returns:
            Begin and end in the query, and position in the text, int64 [M, 3].
        """
        before, best = self.step - 1, dict[bytes, list[tuple[int, int, int]]]()
        index = places[:, None] + np.arange(-before, least)
        is_inside = (index >= 0) & (index < len(query))
        contexts = np.where(is_inside, query[index.clip(0, len(query) - 1)], -1)
        for low in np.unique(lows[places]).tolist():
            alike = np.flatnonzero(lows[places] == low)
            positions, around = self._distinct(low, int(highs[places[alike[0]]]), least)
            for context in np.unique(contexts[alike], axis=0):
                best[context.tobytes()] = _best_entries(context, positions, around, before)
        found, begin, end = list[tuple[int, int, int]](), 0, 0
        for place, context in zip(places.tolist(), contexts, strict=True):
            for position, left, right in best[context.tobytes()]:
                if begin <= place - left and place + right <= end:
                    continue  # it is part of the last one
                at = np.array([place]), np.array([position])
                more_left = int(self._follow(query, *at, -1)[0])
                begin, end = place - more_left, place + int(self._follow(query, *at, 1)[0])
                found.append((begin, end, position - more_left))
        return np.array(found, np.int64).reshape(-1, 3)

    def _distinct(self, low: int, high: int, least: int) -> tuple[Indices, Ids]:
        """Return the entries that differ in the ids around them.

        Args:
            low: rank of the first entry.
            high: rank after the last entry.
            least: number of ids after an entry that are compared; before it S - 1 are.

        Returns:
            The positions of the entries, int64 [P], and the ids around them, [P, S - 1 + least].
        """
        before = self.step - 1
        weights = np.random.default_rng(0).integers(0, 2**64, before + least, np.uint64)
        hashes, kept = np.zeros(0, np.uint64), np.zeros(0, np.int64)
        for begin in range(low, high, LOOKED_UP):
            ranks = slice(begin, min(begin + LOOKED_UP, high))
            positions = self._entries[ranks].astype(np.int64) * self.step
            around = windows(self._ids, positions - before, before + least)
            sums = (around.astype(np.uint64) * weights).sum(axis=1, dtype=np.uint64)
            hashes, first = np.unique(np.append(hashes, sums), return_index=True)
            kept = np.append(kept, positions)[first]
        return kept, windows(self._ids, kept - before, before + least)


def _best_entries(
    context: Indices, positions: Indices, around: Ids, before: int
) -> list[tuple[int, int, int]]:
    """Return the best entries for ids of a query: position, and number of equal ids around it.

    Args:
        context: the ids of the query: some before a position, and as many after it as a stretch
            must have at least. A negative one is equal to none.
        positions: position of each entry, int64 [P].
        around: the ids around each entry, [P, C].
        before: number of the ids before a position.
    """
    equal = around == np.where(context < 0, np.iinfo(around.dtype).max, context)
    equal &= context >= 0
    rights = _leading(equal[:, before:])
    found = dict[int, tuple[int, int]]()
    for left in range(before + 1):
        # With more ids before the position, fewer entries remain.
        remaining = equal[:, before - left : before].all(axis=1)
        if not remaining.any():
            break
        best = int(np.argmax(np.where(remaining, rights, -1)))
        if left + rights[best] >= len(context) - before:
            found[int(positions[best])] = (left, int(rights[best]))
    return [(position, left, right) for position, (left, right) in found.items()]


def _leading(equal: NDArray[np.bool_]) -> Indices:
    """Count the true values at the beginning of each row, int64 [P]."""
    found: Indices = np.where(equal.all(axis=1), equal.shape[1], np.argmin(equal, axis=1))
    return found


def _most_followed(counts: Indices) -> int:
    """Return the largest number of entries of a position for which all of them are followed."""
    ordered = np.append(0, np.sort(counts))
    # One more than the positions whose entries are together at most `MOST_PAIRS`.
    number = int(np.searchsorted(np.cumsum(ordered), MOST_PAIRS, side="right"))
    most = int(ordered[number - 1])
    # Positions with the same number of entries are treated alike.
    is_split = number < len(ordered) and ordered[number] == most
    return most - 1 if is_split else most
