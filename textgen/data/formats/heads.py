"""The first bytes of a stream, which tell what it holds."""

import io
from typing import IO, Any, BinaryIO

from textgen.data.formats.decoding import CHUNK_BYTES
from textgen.data.formats.kinds import HEAD_BYTES


def with_head(file: IO[bytes], *, is_packed: bool) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of a stream, and a stream with all of its bytes.

    An entry of an archive cannot be sought, whatever it says.
    """
    if not is_packed and isinstance(file, io.BufferedReader) and file.seekable():
        head = file.read(HEAD_BYTES)
        file.seek(-len(head), io.SEEK_CUR)
        return head, file
    head = file.read(HEAD_BYTES)
    # A short read is the last one. Reading on would make a terminal wait for new input.
    rest = io.BytesIO() if len(head) < HEAD_BYTES else file
    return head, io.BufferedReader(_Prefixed(head, rest), CHUNK_BYTES)


class _Prefixed(io.RawIOBase):
    """A stream that begins with bytes that were read from it before."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head, self._file = head, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._file.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)
