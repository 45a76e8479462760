"""Where the ids of a text come from: the file of each stretch of them, and the line."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.aside import interruptibly
from textgen.data.formats.kinds import RECORDS
from textgen.data.tokens import Tokens
from textgen.errors import DamagedError

# Ids that are looked at together.
AT_ONCE = 2**22
# A longer stretch is cut, so that few newlines are counted for a position.
LONGEST = 2**16
# Kinds of files whose records have numbers, but no lines.
NUMBERED = ("json", "parquet")
# Largest size of all names of files in a file of origins, in bytes.
MAX_NAMES = 2**28

Spans = NDArray[np.int64]


class Place(NamedTuple):
    """A place in a source.

    Attributes:
        file: name of the file.
        number: number of the line, or of the record, from 1.
        is_record: whether it is the number of a record.
    """

    file: str
    number: int
    is_record: bool

    def __str__(self) -> str:
        """Return it as `poems.txt:12`, or with the number of a record."""
        return (
            f"{self.file}, record {self.number}" if self.is_record else f"{self.file}:{self.number}"
        )


@dataclass(frozen=True)
class Origins:
    """Where each stretch of a text comes from. It ends where the next stretch begins.

    Attributes:
        names: name of each file.
        kinds: its kind.
        begins: index of the first id of each stretch, int64 [K], in order.
        files: number of its file, int64 [K].
        numbers: line in which it begins, int64 [K]; for a record the line in which the record
            begins, or its number if the file has no lines.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    begins: NDArray[np.int64]
    files: NDArray[np.int64]
    numbers: NDArray[np.int64]

    def moved(
        self,
        ids: NDArray[np.unsignedinteger],
        newline: int,
        spans: Spans,
        targets: NDArray[np.int64],
        *,
        has_newlines: bool,
    ) -> "Origins":
        """Return the origins of a text that is put together from stretches of this one.

        Args:
            ids: ids of this text, [N].
            newline: id of the newline; negative if the text has none.
            spans: begin and end of each stretch that is taken, int64 [M, 2], in order and without
                overlap.
            targets: index at which each of them begins in the new text, int64 [M].
            has_newlines: whether the newlines inside stretches are newlines in the new text too.
        """
        points = [spans[:, 0], self.begins, np.arange(0, len(ids), LONGEST)]
        if not has_newlines:
            points.append(_newlines(ids, newline) + 1)
        found = interruptibly(lambda: np.unique(np.concatenate(points)))
        span = np.searchsorted(spans[:, 0], found, side="right") - 1
        is_inside = (span >= 0) & (found < spans[span, 1])
        found, span = found[is_inside], span[is_inside]
        old = np.searchsorted(self.begins, found, side="right") - 1
        lines, before = _newlines_before(ids, newline, found, self.begins)
        lines -= before[old]
        lines[~self._has_lines()[self.files[old]]] = 0
        return Origins(
            names=self.names,
            kinds=self.kinds,
            begins=targets[span] + found - spans[span, 0],
            files=self.files[old],
            numbers=self.numbers[old] + lines,
        )

    def followed_by(self, other: "Origins") -> "Origins":
        """Return the origins of two texts, of which the other begins after this one."""
        return Origins(
            names=self.names + other.names,
            kinds=self.kinds + other.kinds,
            begins=np.append(self.begins, other.begins),
            files=np.append(self.files, other.files + len(self.names)),
            numbers=np.append(self.numbers, other.numbers),
        )

    def places(
        self, tokens: Tokens, breaks: Sequence[int], begin: int, end: int
    ) -> tuple[Place, Place]:
        """Return the places of the first and of the last id of a stretch of the text.

        Args:
            tokens: ids of the text.
            breaks: ids after which a line begins.
            begin: index of the first id.
            end: index after the last id, above `begin`.
        """
        return self._place(tokens, breaks, begin), self._place(tokens, breaks, end - 1)

    def _place(self, tokens: Tokens, breaks: Sequence[int], index: int) -> Place:
        stretch = max(int(np.searchsorted(self.begins, index, side="right")) - 1, 0)
        file, number = int(self.files[stretch]), int(self.numbers[stretch])
        if self._has_lines()[file]:
            before = tokens[int(self.begins[stretch]) : index]
            number += int(np.isin(before, breaks).sum())
        return Place(self.names[file], number, self.kinds[file] in NUMBERED)

    def _has_lines(self) -> NDArray[np.bool_]:
        """Return of each file whether its lines are counted by newlines, bool [F]."""
        return np.array([kind not in RECORDS for kind in self.kinds], bool)

    def to_bytes(self) -> bytes:
        """Return the content of a file of origins, from which `from_bytes` makes them again."""
        names = json.dumps([self.names, self.kinds]).encode()
        parts = [zlib.compress(names, 6)]
        for numbers in (self.begins, self.files, self.numbers):
            parts.append(interruptibly(partial(_packed, numbers)))
        sizes = np.array([len(names), *map(len, parts)], "<u8")
        return sizes.tobytes() + b"".join(parts)

    @classmethod
    def from_bytes(cls, path: Path, data: bytes, ids: int) -> "Origins":
        """Read the content of a file of origins.

        Args:
            path: name of the file in messages.
            data: its bytes.
            ids: number of ids of the text, which is the most stretches that it can have.

        Raises:
            DamagedError: if it is not what `to_bytes` returned.
        """
        try:
            unpacked, *sizes = np.frombuffer(data[:40], "<u8").tolist()
            ends = (40 + np.cumsum(sizes)).tolist()
            packed = [data[end - size : end] for end, size in zip(ends, sizes, strict=True)]
            names, kinds = json.loads(_unpack(packed[0], min(unpacked, MAX_NAMES)))
            arrays = [_numbers(part, ids) for part in packed[1:]]
            begins, files, numbers = arrays
            if not (
                len({len(one) for one in arrays}) == 1
                and len(begins)
                and len(names) == len(kinds)
                and 0 <= files.min() <= files.max() < len(names)
                and all(isinstance(one, str) for one in (*names, *kinds))
                and (np.diff(begins) > 0).all()
            ):
                raise ValueError("the parts do not fit")
        except (ValueError, TypeError, IndexError, zlib.error, RecursionError) as error:
            raise DamagedError(path, "it does not hold the origins of a text") from error
        return cls(tuple(names), tuple(kinds), begins, files, numbers)


def _packed(numbers: NDArray[np.int64]) -> bytes:
    # Most differences are small, and so take little space.
    return zlib.compress(np.diff(numbers, prepend=0).astype("<i8").tobytes(), 6)


def _unpack(data: bytes, most: int) -> bytes:
    """Return unpacked bytes, of which there must not be more than a number."""
    unpacker = zlib.decompressobj()
    found = unpacker.decompress(data, most + 1)
    if len(found) > most or not unpacker.eof:
        raise ValueError("too long")
    return found


def _numbers(data: bytes, most: int) -> NDArray[np.int64]:
    differences = np.frombuffer(_unpack(data, 8 * most), "<i8")
    numbers: NDArray[np.int64] = np.cumsum(differences, dtype=np.int64)
    return numbers


def _newlines(ids: NDArray[np.unsignedinteger], newline: int) -> NDArray[np.int64]:
    """Return the index of each newline, int64 [L]."""
    found = [np.zeros(0, np.int64)]
    for start in range(0, len(ids), AT_ONCE):
        found.append(np.flatnonzero(ids[start : start + AT_ONCE] == newline) + start)
    return np.concatenate(found)


def _newlines_before(
    ids: NDArray[np.unsignedinteger], newline: int, *points: NDArray[np.int64]
) -> list[NDArray[np.int64]]:
    """Count the newlines before each of some indices in order, int64 [K], for each array of them.

    All arrays are counted together, so that the ids are read once.
    """
    counts, total = [np.zeros(len(one), np.int64) for one in points], 0
    for start in range(0, len(ids), AT_ONCE):
        breaks = np.flatnonzero(ids[start : start + AT_ONCE] == newline) + start
        for one, count in zip(points, counts, strict=True):
            first, last = np.searchsorted(one, [start, start + AT_ONCE])
            count[first:last] = total + np.searchsorted(breaks, one[first:last])
        total += len(breaks)
    for one, count in zip(points, counts, strict=True):
        count[np.searchsorted(one, len(ids)) :] = total
    return counts
