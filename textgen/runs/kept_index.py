"""The file of an index of the training text, which a run keeps so that it is made only once."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from textgen.aside import Follower
from textgen.data.tokens import MAX_HELD
from textgen.errors import DamagedError, reading_errors
from textgen.runs.files import decode_json, encode_json, replace_file
from textgen.storage import open_regular

# Names of the files: the index of `textgen trace`, and the table of `--max-copy`.
TRACE, COPIES = "trace.index", "copies.index"
# Space for the header, in bytes. It is JSON with its own checksum, filled up with spaces.
HEADER_BYTES = 1024
# Bytes that are read and summed at a time.
AT_ONCE = 2**24


def read_kept(
    path: Path, expected: Mapping[str, Any], most_held: int = MAX_HELD
) -> tuple[dict[str, Any], NDArray[np.uint32]]:
    """Read an index, of which no link is followed.

    Args:
        path: the file.
        expected: what its header must say.
        most_held: largest index that is held in memory, in bytes; a larger one is mapped.

    Returns:
        The header, and the numbers, uint32 [E].

    Raises:
        DamagedError: if it is missing or damaged, or says something else.
    """
    with reading_errors(path), open_regular(path) as file:
        header = decode_json(path, file.read(HEADER_BYTES).rstrip(b" "))
        if any(header.get(name) != value for name, value in expected.items()):
            raise DamagedError(path, "it belongs to another text")
        size = os.fstat(file.fileno()).st_size - HEADER_BYTES
        if size <= most_held:
            # A memory map would end the process if the file were cut short meanwhile.
            numbers = np.empty(size // 4, "<u4")
            digest = _read_summed(file, numbers.data.cast("B"))
        else:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            numbers = np.memmap(file, "<u4", "r", HEADER_BYTES, (size // 4,))
        if size % 4 or digest != header.get("entries"):
            raise DamagedError(path, "its SHA-256 differs from the recorded one")
        return header, numbers


def _read_summed(file: BinaryIO, data: memoryview) -> str:
    """Read bytes of a file, and return their SHA-256, which another thread computes meanwhile."""
    digest, summing = hashlib.sha256(), Follower()
    for begin in range(0, len(data), AT_ONCE):
        part = data[begin : begin + AT_ONCE]
        read = file.readinto(part)  # type: ignore[attr-defined]
        summing.call(digest.update, part[:read])
    summing.wait()
    return digest.hexdigest()


def check_kept(path: Path) -> None:
    """Check the sum of an index, if there is one.

    Raises:
        DamagedError: if it is damaged.
    """
    if os.path.lexists(path):
        read_kept(path, {}, most_held=0)


def write_kept(path: Path, header: Mapping[str, Any], numbers: NDArray[np.uint32]) -> None:
    """Write an index, whole or not at all.

    Args:
        path: the file.
        header: what tells it from the index of another text.
        numbers: the numbers, uint32 [E].

    Raises:
        StorageError: if it cannot be written.
    """
    data = numbers.astype("<u4", copy=False).data.cast("B")
    sealed = encode_json({**header, "entries": hashlib.sha256(data).hexdigest()})
    replace_file(path, sealed.ljust(HEADER_BYTES), data)
