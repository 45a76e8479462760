"""Streams of bytes out of compressed files."""

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Callable
from typing import Any, BinaryIO

from textgen.errors import CorpusError

# How many times its own size a file may grow when it is unpacked; any file may reach the size of
# FREE_BYTES.
MAX_EXPANSION = 1000
FREE_BYTES = 2**26
DAMAGED = "the file is damaged; it cannot be unpacked"

OPENERS: dict[str, Callable[[Any], Any]] = {
    "gzip": lambda file: gzip.GzipFile(fileobj=file),
    "bzip2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zstd": lambda file: _zstd().ZstdFile(file),
}


def _zstd() -> Any:
    """Import what reads zstandard: it is part of Python from 3.14 on."""
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    return zstd


def unpacked(file: BinaryIO, kind: str, name: str) -> BinaryIO:
    """Return the unpacked bytes of a compressed stream.

    Args:
        file: the packed bytes.
        kind: `gzip`, `bzip2`, `xz` or `zstd`.
        name: name of the file in messages.

    Returns:
        A buffered stream. Reading from it raises a CorpusError if the file is damaged or expands
        more than a thousandfold.
    """
    source = _Counted(file)
    opened = OPENERS[kind](io.BufferedReader(source))
    return io.BufferedReader(_Bounded(opened, source, name))


class _Counted(io.RawIOBase):
    """A stream that counts the bytes read from it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.count = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


class _Bounded(io.RawIOBase):
    """Unpacked bytes. Their number has a bound, and damage is an error of the text."""

    def __init__(self, file: BinaryIO, source: _Counted, name: str) -> None:
        self._file, self._source, self._name, self._count = file, source, name, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except EOFError as error:
            raise CorpusError(self._name, "the file is cut short; it cannot be unpacked") from error
        except OSError as error:
            if error.errno is not None:
                raise  # the disk failed, not the format
            raise CorpusError(self._name, DAMAGED) from error
        except (lzma.LZMAError, zlib.error) as error:
            raise CorpusError(self._name, DAMAGED) from error
        except Exception as error:
            if type(error).__name__ != "ZstdError":
                raise
            raise CorpusError(self._name, DAMAGED) from error
        buffer[: len(data)] = data
        self._count += len(data)
        check_expansion(self._count, self._source.count, self._name)
        return len(data)


def check_expansion(unpacked_bytes: int, packed_bytes: int, name: str) -> None:
    """Refuse a file that grows without bounds when it is unpacked.

    Raises:
        CorpusError: if it has grown more than a thousandfold, and beyond 64 MiB.
    """
    if unpacked_bytes > max(FREE_BYTES, MAX_EXPANSION * packed_bytes):
        problem = (
            f"it grows more than {MAX_EXPANSION:,}-fold when it is unpacked, to over "
            f"{unpacked_bytes:,} bytes; unpack it yourself if that is right"
        )
        raise CorpusError(name, problem)
