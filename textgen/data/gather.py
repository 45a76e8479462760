"""Gather texts into one file of ids while they are read, once, whatever their size."""

import hashlib
from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from textgen.aside import Follower
from textgen.data.folders import size_of
from textgen.data.origins import Origins
from textgen.data.read_report import ReadReport
from textgen.data.source_rules import SourceRules
from textgen.data.sources import read_sources
from textgen.data.text_labels import TextLabels
from textgen.errors import CorpusError, storage_errors
from textgen.settings import MAX_CHARACTERS

# Characters that are encoded at once, and ids that are copied at once.
AT_ONCE = 2**20
CODE_POINTS = 0x110000
# Called with the number of characters read, and the share of the work that is done, in [0, 1]; None
# if the size of a source is not known. It may raise an error to end the work.
Progress = Callable[[int, float | None], None]


@dataclass(frozen=True)
class Gathered:
    """Texts as provisional ids in a temporary file.

    The texts of all records and files follow each other, each but the last with a newline after
    it. A provisional id is the rank of a character's first appearance.

    Attributes:
        path: the file of ids.
        dtype: type of an id.
        characters: the distinct characters, by provisional id.
        counts: how often each of them appears, int64 [C].
        ends: index of the end of each record or file, without the newline after it, int64 [D].
        files: number of the first record or file that belongs to each file, int64 [F].
        origins: file and line of each record or file.
        labels: the labels of each record or file.
        report: what was read.
        sha256: SHA-256 of the texts in UTF-8, with a newline between two of them.
    """

    path: Path
    dtype: np.dtype[np.unsignedinteger]
    characters: str
    counts: NDArray[np.int64]
    ends: NDArray[np.int64]
    files: NDArray[np.int64]
    origins: Origins = field(repr=False)
    labels: TextLabels = field(repr=False)
    report: ReadReport = field(repr=False)
    sha256: str

    def __len__(self) -> int:
        """Return the number of ids, newlines between texts included."""
        return int(self.ends[-1])

    def ids(self) -> NDArray[np.unsignedinteger]:
        """Map the provisional ids into memory, read-only."""
        # A plain array: a slice of a memory map takes ten times as long.
        return np.asarray(np.memmap(self.path, dtype=self.dtype, mode="r"))[: len(self)]

    @property
    def starts(self) -> NDArray[np.int64]:
        """Index of the beginning of each record or file, int64 [D]."""
        return _starts(self.ends)


def gather(
    paths: Sequence[Path],
    rules: SourceRules,
    path: Path,
    progress: Progress = lambda characters, share: None,
) -> Gathered:
    """Read sources once, and write their characters as provisional ids.

    Args:
        paths: sources; see `read_sources`.
        rules: how to read them.
        path: file to write the ids into.
        progress: called now and then with the number of characters read and the share of the bytes
            that is read.

    Raises:
        CorpusError: if a source cannot be read, or there are too many different characters.
        StorageError: if the file cannot be written.
    """
    report = ReadReport()
    total: Callable[[], int | None] = cache(lambda: size_of(paths))

    def share() -> float | None:
        size = total()
        return min(report.bytes_read() / size, 1.0) if size else None

    with storage_errors(path), path.open("wb+") as file:
        writer = _Writer(file, lambda characters: progress(characters, share()))
        files, labels = array("q"), TextLabels(rules.label_fields)
        of_texts, numbers = array("q"), array("q")
        for one, pieces in read_sources(paths, rules, report):
            first = len(writer.ends)
            for piece in pieces:
                texts = len(writer.ends)
                writer.add(piece.text, is_end=piece.is_end)
                if len(writer.ends) > texts:
                    labels.add(piece.labels, one.name)
                    of_texts.append(len(files))
                    numbers.append(piece.number)
            if one.characters:
                files.append(first)
            if len(writer.characters) > MAX_CHARACTERS:
                problem = f"more than {MAX_CHARACTERS:,} different characters, too many for a model"
                raise CorpusError(one.name, problem)
        writer.finish()
    ends = np.array(writer.ends, np.int64)
    origins = Origins(
        names=tuple(one.name for one in report.files),
        kinds=tuple(one.kind for one in report.files),
        begins=_starts(ends),
        files=np.array(of_texts, np.int64),
        numbers=np.array(numbers, np.int64),
    )
    return Gathered(
        path=path,
        dtype=writer.dtype,
        characters="".join(writer.characters),
        counts=writer.counts,
        ends=ends,
        files=np.array(files, np.int64),
        origins=origins,
        labels=labels,
        report=report,
        sha256=writer.digest.hexdigest(),
    )


def _starts(ends: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([[0], ends[:-1] + 1])


class _Writer:
    """Writes characters as the ranks of their first appearance, in the narrowest type.

    The largest number of the type stands for a character that has no rank yet.
    """

    def __init__(self, file: BinaryIO, progress: Callable[[int], None]) -> None:
        self._progress = progress
        self._file, self._waiting, self._length, self._written = file, list[str](), 0, 0
        self._is_inside = False
        self.dtype: np.dtype[np.unsignedinteger] = np.dtype("<u1")
        self.characters: list[str] = []
        self.counts = np.zeros(0, np.int64)
        self.ends = array("q")
        self.digest, self._hashing = hashlib.sha256(), Follower()
        self._make_table()

    def add(self, text: str, *, is_end: bool) -> None:
        """Add a piece of a text; `is_end` ends the text."""
        if text:
            if not self._is_inside and self.ends:
                self._append("\n")  # between two texts
            self._is_inside = True
            self._append(text)
        if is_end and self._is_inside:
            self._is_inside = False
            self.ends.append(self._written + self._length)

    def finish(self) -> None:
        """Write what waits."""
        self._flush()
        self._hashing.wait()

    def _append(self, text: str) -> None:
        self._waiting.append(text)
        self._length += len(text)
        if self._length >= AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        text = "".join(self._waiting)
        self._waiting, self._length = [], 0
        if not text:
            return
        data = text.encode()
        self._hashing.call(self.digest.update, data)
        if len(data) == len(text):  # it is ASCII
            points = np.frombuffer(data, np.uint8)
        else:
            points = np.frombuffer(text.encode("utf-32-le"), "<u4")
        ids = self._table.take(points)  # faster than an index
        if ids.max() == np.iinfo(self.dtype).max:
            new, first = np.unique(points[ids == ids.max()], return_index=True)
            self._add_characters(new[np.argsort(first)])
            ids = self._table.take(points)
        self.counts += np.bincount(ids, minlength=len(self.counts))
        self._file.write(ids.data)
        self._written += len(ids)
        self._progress(self._written)

    def _add_characters(self, points: NDArray[np.unsignedinteger]) -> None:
        """Give the next ranks to code points."""
        self.characters += map(chr, points.tolist())
        self.counts = np.append(self.counts, np.zeros(len(points), np.int64))
        if len(self.characters) > np.iinfo(self.dtype).max:
            wider = np.dtype("<u2" if len(self.characters) < 2**16 else "<u4")
            self._widen(wider)
            self.dtype = wider
            self._make_table()
        self._table[points] = np.arange(len(self.characters))[-len(points) :]

    def _make_table(self) -> None:
        """Make the table of the rank of each code point, in the type of the ids in the file."""
        self._table = np.full(CODE_POINTS, np.iinfo(self.dtype).max, self.dtype)
        self._table[[ord(one) for one in self.characters]] = np.arange(len(self.characters))

    def _widen(self, wider: np.dtype[np.unsignedinteger]) -> None:
        """Write the ids in the file again in a wider type, from the end to the beginning."""
        narrow, file = self.dtype.itemsize, self._file
        for start in range((self._written - 1) // AT_ONCE * AT_ONCE, -1, -AT_ONCE):
            count = min(AT_ONCE, self._written - start)
            file.seek(start * narrow)
            ids = np.frombuffer(file.read(count * narrow), self.dtype)
            file.seek(start * wider.itemsize)
            file.write(ids.astype(wider).tobytes())
        file.seek(self._written * wider.itemsize)
