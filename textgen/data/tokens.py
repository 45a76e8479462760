"""The token file: a corpus as ids, which is checked block by block while it is read."""

import copy
import hashlib
import os
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from textgen.errors import DamagedError, reading_errors
from textgen.storage import open_regular

# Bytes of a block, which has a sum of its own. Training on documents in random order touches many
# blocks at its first steps; smaller blocks make these quick, but their sums longer.
BLOCK_BYTES = 2**16
# Length of a SHA-256 in bytes.
SUM_BYTES = 32
# Largest file that is held in memory whole, and blocks of a larger one that are kept, in bytes.
MAX_HELD, MAX_KEPT = 2**28, 2**26
# Ids that are looked at together.
AT_ONCE = 2**22


class Tokens(Protocol):
    """Ids of a text, [N]: an array, or a part of a token file, which is read when it is indexed."""

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        ...

    def __len__(self) -> int:
        """Return the number of ids N."""
        ...

    def __getitem__(self, index: Any, /) -> Any:
        """Return the ids at an index, a slice or an array of indices."""
        ...


class BlockSums:
    """Sums a file while it is written: the SHA-256 of the whole, and that of each block."""

    def __init__(self) -> None:
        self._whole, self._block = hashlib.sha256(), hashlib.sha256()
        self._finished, self._filled = bytearray(), 0

    def update(self, data: bytes) -> None:
        """Add the bytes that follow."""
        self._whole.update(data)
        rest = memoryview(data)
        while rest:
            piece = rest[: BLOCK_BYTES - self._filled]
            self._block.update(piece)
            self._filled += len(piece)
            rest = rest[len(piece) :]
            if self._filled == BLOCK_BYTES:
                self._finished += self._block.digest()
                self._block, self._filled = hashlib.sha256(), 0

    @property
    def sha256(self) -> str:
        """SHA-256 of all bytes, in hexadecimal."""
        return self._whole.hexdigest()

    def blocks(self) -> bytes:
        """Return the SHA-256 of each block, one after the other; the last block may be shorter."""
        return bytes(self._finished) + (self._block.digest() if self._filled else b"")


class _Blocks:
    """Reads blocks of a file, and compares each with its sum when it is first read."""

    def __init__(self, path: Path, file: BinaryIO, sums: bytes | None) -> None:
        """Keep a file open; it is closed with the last part of it that is in use.

        Args:
            path: the file.
            file: the same, opened.
            sums: SHA-256 of each block; None if the whole file is checked already.
        """
        self._path, self._sums = path, sums
        self._handle, self._lock = os.dup(file.fileno()), threading.Lock()
        weakref.finalize(self, os.close, self._handle)
        self._size = os.fstat(self._handle).st_size
        self.is_checked = np.full(-(-self._size // BLOCK_BYTES), sums is None)
        self._kept = dict[int, bytes]()

    def one(self, block: int) -> bytes:
        """Return the bytes of a block, and keep them: training reads on there for many steps."""
        data = self._kept.get(block)
        if data is None:
            data = self.read(block, block + 1)
            while len(self._kept) >= MAX_KEPT // BLOCK_BYTES:
                self._kept.pop(next(iter(self._kept)), None)  # the oldest
            self._kept[block] = data
        return data

    def read(self, first: int, last: int) -> bytes:
        """Return the bytes of the blocks from number `first` to `last`.

        Raises:
            DamagedError: if one is damaged, or the file was cut short.
        """
        begin, end = first * BLOCK_BYTES, min(last * BLOCK_BYTES, self._size)
        with reading_errors(self._path), self._lock:
            data = self._read(begin, end - begin)
            if len(data) < end - begin:
                size = os.fstat(self._handle).st_size
                raise DamagedError(self._path, f"{size} bytes, expected {self._size}")
        for block in (np.flatnonzero(~self.is_checked[first:last]) + first).tolist():
            at = block * BLOCK_BYTES
            found = hashlib.sha256(data[at - begin : at - begin + BLOCK_BYTES]).digest()
            if self._sums and found != self._sums[block * SUM_BYTES :][:SUM_BYTES]:
                where = f"from byte {at:,} to {at + BLOCK_BYTES:,}"
                raise DamagedError(self._path, f"its SHA-256 differs from the recorded one {where}")
            self.is_checked[block] = True
        return data

    def _read(self, begin: int, size: int) -> bytes:
        os.lseek(self._handle, begin, os.SEEK_SET)
        parts = [os.read(self._handle, size)]
        while parts[-1] and (left := size - sum(map(len, parts))):
            parts.append(os.read(self._handle, left))
        return b"".join(parts)


class TokenFile:
    """The ids of a token file, or a part of them, as a read-only array that checks what it reads.

    Each block of the file is compared with its sum when an id in it is first read. A file of any
    size is thus opened at once, and no damaged id is ever returned.
    """

    def __init__(
        self,
        path: Path,
        file: BinaryIO,
        dtype: np.dtype[np.unsignedinteger],
        sums: bytes | None,
    ) -> None:
        """Open a file without reading it if it has sums of its blocks.

        A file of ordinary size is held in memory that its blocks fill one by one. Of a larger one
        each block is read when it is used, and a few are kept. It is not mapped into memory: a
        process that reads a part of a map that was cut off from its file is ended by the system.

        Args:
            path: the file.
            file: the same, opened. It may be closed afterwards.
            dtype: type of an id.
            sums: SHA-256 of each block; None if the whole file is checked already.
        """
        size = os.fstat(file.fileno()).st_size
        self._dtype, self._blocks = dtype, _Blocks(path, file, sums)
        self._held: NDArray[np.unsignedinteger] | None = None
        if size <= MAX_HELD:
            self._held = np.empty(size // dtype.itemsize, dtype)
            if sums is None:
                self._held[:] = np.frombuffer(file.read(size), dtype)
        # Index in the file of the first of these ids, and the index after the last.
        self._begin, self._end = 0, size // dtype.itemsize

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Type of an id."""
        return self._dtype

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return len(self) * self._dtype.itemsize

    def __len__(self) -> int:
        """Return the number of ids N."""
        return self._end - self._begin

    def part(self, begin: int, end: int | None = None) -> Self:
        """Return the ids from `begin` up to `end` without reading them.

        A slice, in contrast, reads and checks them at once.
        """
        part = copy.copy(self)  # it shares the blocks that were read
        begin, end, _ = slice(begin, end).indices(len(self))
        part._begin, part._end = self._begin + begin, self._begin + max(begin, end)
        return part

    def __getitem__(self, index: Any, /) -> Any:
        """Return ids as an array, or a single id; the index is one that an array takes.

        Raises:
            DamagedError: if a block that holds one of them is damaged, or the file was cut short.
        """
        if isinstance(index, np.ndarray) and np.issubdtype(index.dtype, np.integer):
            return self._at(index)
        begin, end, _ = _as_slice(index).indices(len(self))
        ids = self._from(self._begin + begin, self._begin + max(begin, end))
        if isinstance(index, int | np.integer):
            return ids[0]
        return ids if _as_slice(index) is index else ids[index]

    def _from(self, begin: int, end: int) -> NDArray[np.unsignedinteger]:
        """Return the ids of the file from an index up to another, read-only."""
        first, last = self._block_of(begin), self._block_of(end - 1) + 1 if begin < end else 0
        if self._held is not None:
            self._hold(np.arange(first, last))
            ids = self._held[begin:end]
            ids.flags.writeable = False
            return ids
        few = last - first <= 2  # they are likely to be read again
        data = b"".join(map(self._blocks.one, range(first, last))) if few else b""
        found = np.frombuffer(data or self._blocks.read(first, max(first, last)), self._dtype)
        begin -= first * self._ids_of_block
        return found[begin : end - first * self._ids_of_block]

    def _at(self, index: NDArray[np.integer[Any]]) -> NDArray[np.unsignedinteger]:
        """Return the ids at some indices, of the shape of the indices."""
        if index.size and not -len(self) <= index.min() <= index.max() < len(self):
            raise IndexError(f"an index is out of bounds for {len(self)} ids")
        where = np.where(index < 0, index + len(self), index).ravel() + self._begin
        if self._held is not None:
            self._hold(np.unique(self._block_of(where)))
            return self._held.take(where).reshape(index.shape)
        ids, order = np.empty(len(where), self._dtype), np.argsort(where, kind="stable")
        blocks, firsts = np.unique(self._block_of(where[order]), return_index=True)
        for block, chosen in zip(blocks.tolist(), np.split(order, firsts[1:]), strict=False):
            held = np.frombuffer(self._blocks.one(block), self._dtype)
            ids[chosen] = held[where[chosen] - block * self._ids_of_block]
        return ids.reshape(index.shape)

    def _hold(self, blocks: NDArray[np.integer[Any]]) -> None:
        """Read blocks into the memory that holds the file, unless they are there."""
        assert self._held is not None
        for block in blocks[~self._blocks.is_checked[blocks]].tolist():
            ids = np.frombuffer(self._blocks.read(block, block + 1), self._dtype)
            self._held[block * self._ids_of_block :][: len(ids)] = ids

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all ids as an array; NumPy calls this.

        Raises:
            DamagedError: if a block is damaged.
        """
        return np.array(self[:], dtype=dtype, copy=copy)

    def check(self) -> None:
        """Check all blocks that hold these ids and were not read before.

        Raises:
            DamagedError: if one is damaged.
        """
        for begin in range(0, len(self), AT_ONCE):
            self[begin : begin + AT_ONCE]

    @property
    def _ids_of_block(self) -> int:
        return BLOCK_BYTES // self._dtype.itemsize

    def _block_of(self, index: Any) -> Any:
        """Return the number of the block that holds an id, or of each block that holds one."""
        return index // self._ids_of_block


def _as_slice(index: Any) -> slice:
    """Return a slice with a step of 1 that holds all that an index reads."""
    if isinstance(index, int | np.integer):
        return slice(int(index), int(index) + 1 or None)
    return index if isinstance(index, slice) and index.step in (None, 1) else slice(None)


def token_dtype(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest little-endian type for ids below `vocab_size`: 1, 2 or 4 bytes."""
    return np.dtype("<u1" if vocab_size <= 2**8 else "<u2" if vocab_size <= 2**16 else "<u4")


def open_tokens(
    path: Path, characters: int, vocab_size: int, sha256: str, sums: bytes | None = None
) -> TokenFile:
    """Open a token file, of which no link is followed.

    Args:
        path: the file.
        characters: number of ids that it must hold.
        vocab_size: number of ids V, which decides their type.
        sha256: SHA-256 that its bytes must have, in hexadecimal.
        sums: SHA-256 of each block, as `BlockSums.blocks` returns them. Each block is then checked
            when it is first read; without them the whole file is read and checked at once.

    Returns:
        Ids, uint8, uint16 or uint32 [characters].

    Raises:
        DamagedError: if the file is missing, or has changed since it was written.
    """
    dtype = token_dtype(vocab_size)
    expected = characters * dtype.itemsize
    with reading_errors(path), open_regular(path) as file:
        if (size := os.fstat(file.fileno()).st_size) != expected:
            raise DamagedError(path, f"{size} bytes, expected {expected}")
        if sums is None:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                raise DamagedError(path, "its SHA-256 differs from the recorded one")
            file.seek(0)
        return TokenFile(path, file, dtype, sums)


def positions_of(tokens: Tokens, token: int) -> NDArray[np.int64]:
    """Return where an id stands among others, int64 [K] in rising order; read in pieces."""

    def find() -> Iterator[NDArray[np.int64]]:
        for begin in range(0, len(tokens), AT_ONCE):
            yield np.flatnonzero(tokens[begin : begin + AT_ONCE] == token) + begin

    return np.concatenate([np.zeros(0, np.int64), *find()])
