"""The token file: a corpus as ids, read through a memory map that is checked block by block."""

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
# Largest file that is held in memory rather than mapped into it, in bytes. A process that reads a
# part of a map that was cut off from its file is ended by the system.
MAX_HELD = 2**28
# Ids that are looked at together by `positions_of`.
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


class _Checker:
    """Compares the blocks of a file with their sums, each once."""

    def __init__(
        self, path: Path, file: BinaryIO, sums: bytes | None, held: NDArray[np.uint8] | None
    ) -> None:
        """Keep a file open; it is closed with the last part of it that is in use.

        The blocks are read from the file itself, since a disk that fails raises an error then. A
        memory map would end the process.

        Args:
            path: the file.
            file: the same, opened.
            sums: SHA-256 of each block; None if the whole file is checked already.
            held: memory into which each block is read when it is checked, uint8 [size of the file];
                None if the file is mapped into memory.
        """
        self._path, self._sums, self._held = path, sums, held
        self._handle, self._lock = os.dup(file.fileno()), threading.Lock()
        weakref.finalize(self, os.close, self._handle)
        self._size = os.fstat(self._handle).st_size
        self._is_checked = np.zeros(len(sums or b"") // SUM_BYTES, bool)

    def check(self, blocks: NDArray[np.integer[Any]]) -> None:
        """Check blocks by their numbers.

        Raises:
            DamagedError: if one is damaged, or a file that is mapped was cut short.
        """
        if self._held is None:
            # Reading a part of a map that the file has no longer would end the process.
            with reading_errors(self._path):
                if (size := os.fstat(self._handle).st_size) < self._size:
                    raise DamagedError(self._path, f"{size} bytes, expected {self._size}")
        if self._sums is None:
            return
        for block in blocks[~self._is_checked[blocks]].tolist():
            begin = block * BLOCK_BYTES
            with reading_errors(self._path), self._lock:
                data = self._read(begin)
            if hashlib.sha256(data).digest() != self._sums[block * SUM_BYTES :][:SUM_BYTES]:
                where = f"from byte {begin:,} to {begin + BLOCK_BYTES:,}"
                raise DamagedError(self._path, f"its SHA-256 differs from the recorded one {where}")
            if self._held is not None:
                self._held[begin : begin + len(data)] = np.frombuffer(data, np.uint8)
            self._is_checked[block] = True

    def _read(self, begin: int) -> bytes:
        os.lseek(self._handle, begin, os.SEEK_SET)
        data = os.read(self._handle, BLOCK_BYTES)
        while len(data) < BLOCK_BYTES and (more := os.read(self._handle, BLOCK_BYTES - len(data))):
            data += more
        return data


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

        A file of ordinary size is held in memory that its blocks fill one by one. A larger one is
        mapped into memory, and its size is looked at before each use.

        Args:
            path: the file.
            file: the same, opened. It may be closed afterwards.
            dtype: type of an id.
            sums: SHA-256 of each block; None if the whole file is checked already.
        """
        size, held = os.fstat(file.fileno()).st_size, None
        if size > MAX_HELD:
            self._ids: NDArray[np.unsignedinteger] = np.memmap(file, dtype=dtype, mode="r")
        elif sums is None:
            self._ids = np.frombuffer(file.read(size), dtype)
        else:
            held = np.empty(size, np.uint8)
            self._ids = held.view(dtype)
            self._ids.flags.writeable = False
        is_whole = sums is None and size <= MAX_HELD
        self._checker = None if is_whole else _Checker(path, file, sums, held)
        # Index in the file of the first of these ids.
        self._begin = 0

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Type of an id."""
        return self._ids.dtype

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self._ids.nbytes

    def __len__(self) -> int:
        """Return the number of ids N."""
        return len(self._ids)

    def part(self, begin: int, end: int | None = None) -> Self:
        """Return the ids from `begin` up to `end` without reading them.

        A slice, in contrast, reads and checks them at once.
        """
        part = copy.copy(self)  # it shares the memory of which blocks are checked
        begin, end, _ = slice(begin, end).indices(len(self))
        part._ids, part._begin = self._ids[begin:end], self._begin + begin
        return part

    def __getitem__(self, index: Any, /) -> Any:
        """Return ids as an array, or a single id; the index is one that an array takes.

        Raises:
            DamagedError: if a block that holds one of them is damaged.
        """
        if self._checker is not None:
            if isinstance(index, np.ndarray) and np.issubdtype(index.dtype, np.integer):
                indices = np.where(index < 0, index + len(self), index)
                self._checker.check(np.unique(self._blocks_of(indices)))
            else:
                begin, end, _ = _as_slice(index).indices(len(self))
                first, last = self._blocks_of(np.array([begin, end - 1])).tolist()
                self._checker.check(np.arange(first, last + 1 if begin < end else first))
        return self._ids[index]

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
        self[:]

    def _blocks_of(self, indices: NDArray[np.integer[Any]]) -> NDArray[np.integer[Any]]:
        blocks: NDArray[np.integer[Any]] = (
            (indices + self._begin) * self.dtype.itemsize // BLOCK_BYTES
        )
        return blocks


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
