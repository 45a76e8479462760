"""Write stretches of gathered texts as ids of a vocabulary into a token file."""

import os
from collections.abc import Callable, Iterator
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from textgen.aside import Follower
from textgen.data.gather import AT_ONCE, Gathered
from textgen.data.split import Spans
from textgen.data.tokens import BlockSums, Tokens, token_dtype
from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary

# Ids after which the file is synced. A disk takes long for all ids of a large text at once, and the
# system hears no signal meanwhile.
SYNC_AT = 2**25


class TokenWriter:
    """Writes stretches of gathered texts as ids of a vocabulary."""

    def __init__(
        self,
        file: BinaryIO,
        vocabulary: Vocabulary,
        progress: Callable[[int], None],
        *,
        has_documents: bool,
    ) -> None:
        """Begin a file.

        Args:
            file: the file, opened.
            vocabulary: ids of the characters.
            progress: called now and then with the number of ids written.
            has_documents: whether end symbols are written around documents.
        """
        self.sums = BlockSums()
        self._file, self._vocabulary, self._has_documents = file, vocabulary, has_documents
        self._progress, self._summing = progress, Follower()
        self._dtype = token_dtype(len(vocabulary))
        # Ids that are not written yet, their number, and the number of those that are.
        self._waiting, self._size, self._written = list[bytes](), 0, 0

    def write(self, gathered: Gathered, spans: Spans, is_kept: NDArray[np.bool_]) -> int:
        """Write stretches, with an end symbol before, between and after documents.

        Returns:
            The number of ids written.
        """
        ids = self._vocabulary.encode(gathered.characters, "replace")
        table = np.where(is_kept, ids, UNKNOWN_ID).astype(self._dtype)
        count = 0
        end = self._vocabulary.end_id
        if not self._has_documents or end is None:
            texts = gathered.ids()
            for begin, stop in spans.tolist():
                for start in range(begin, stop, AT_ONCE):
                    piece = texts[start : min(start + AT_ONCE, stop)]
                    count += self._put(table.take(piece))
            return count
        count += self._put(np.array([end], self._dtype))
        # One entry more stands for the end symbol.
        table = np.append(table, np.array([end], self._dtype))
        for together in joined(gathered.ids(), spans, len(table) - 1):
            count += self._put(table.take(together))
        return count + self._put(np.array([end], self._dtype))

    def copy(self, tokens: Tokens) -> None:
        """Write ids as they are."""
        for start in range(0, len(tokens), AT_ONCE):
            self._put(tokens[start : start + AT_ONCE].astype(self._dtype))

    def finish(self) -> None:
        """Write what waits, and wait until all of it is summed and on the disk."""
        self._flush()
        self._summing.wait()
        self._sync()

    def _put(self, tokens: NDArray[np.unsignedinteger]) -> int:
        self._waiting.append(tokens.tobytes())
        self._size += len(tokens)
        if self._size >= AT_ONCE:
            self._flush()
        return len(tokens)

    def _flush(self) -> None:
        data = b"".join(self._waiting)
        self._summing.call(self.sums.update, data)
        self._file.write(data)
        before, self._written = self._written, self._written + self._size
        self._waiting, self._size = [], 0
        if before // SYNC_AT < self._written // SYNC_AT:
            self._sync()
        self._progress(self._written)

    def _sync(self) -> None:
        self._file.flush()
        os.fsync(self._file.fileno())


def joined(
    ids: NDArray[np.unsignedinteger], spans: Spans, between: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the ids of stretches, with another id between each two, in pieces."""
    totals = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0] + 1))
    first = 0
    while first < len(spans):
        last = int(np.searchsorted(totals, totals[first] + AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(spans))
        begins, ends = spans[first:last].T
        if last - first == 1:  # it may be longer than what is written at once
            for start in range(int(begins[0]), int(ends[0]), AT_ONCE):
                yield ids[start : min(start + AT_ONCE, int(ends[0]))].astype(np.int64)
            if last < len(spans):
                yield np.array([between])
            first = last
            continue
        sizes = ends - begins + 1
        offsets = np.cumsum(sizes) - sizes
        index = np.arange(int(sizes.sum())) + np.repeat(begins - offsets, sizes)
        is_between = np.zeros(len(index), bool)
        is_between[offsets + sizes - 1] = True
        index[is_between] = 0
        piece = np.where(is_between, between, ids[index].astype(np.int64))
        yield piece if last < len(spans) else piece[:-1]
        first = last


def joined_begins(spans: Spans, between: int) -> NDArray[np.int64]:
    """Return where each stretch begins if all are joined with some ids between each two."""
    sizes = spans[:, 1] - spans[:, 0] + between
    begins: NDArray[np.int64] = np.cumsum(sizes) - sizes
    return begins
