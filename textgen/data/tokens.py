"""The token file: a corpus as ids, read through a memory map."""

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textgen.errors import (
    DamagedError,
    reading_errors,
)

Tokens = NDArray[np.unsignedinteger]


def token_dtype(vocab_size: int) -> np.dtype[np.unsignedinteger]:
    """Return the narrowest little-endian type for ids below `vocab_size`: 1, 2 or 4 bytes."""
    return np.dtype("<u1" if vocab_size <= 2**8 else "<u2" if vocab_size <= 2**16 else "<u4")


def open_tokens(path: Path, characters: int, vocab_size: int, sha256: str) -> Tokens:
    """Map a token file into memory.

    Args:
        path: the file.
        characters: number of ids that it must hold.
        vocab_size: number of ids V, which decides their type.
        sha256: SHA-256 that its bytes must have, in hexadecimal.

    Returns:
        Ids, uint8, uint16 or uint32 [characters], read-only.

    Raises:
        DamagedError: if the file is missing, or has changed since it was written.
    """
    dtype = token_dtype(vocab_size)
    expected = characters * dtype.itemsize
    with reading_errors(path):
        if not path.is_file():
            raise DamagedError(path, "the file is missing")
        if (size := path.stat().st_size) != expected:
            raise DamagedError(path, f"{size} bytes, expected {expected}")
        if file_sha256(path) != sha256:
            raise DamagedError(path, "its SHA-256 differs from the recorded one")
        return np.memmap(path, dtype=dtype, mode="r")


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
