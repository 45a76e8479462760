"""The files inside zip and tar archives. Nothing is written to the disk."""

import io
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import IO, Any, BinaryIO, NamedTuple

from textgen.data.formats.compressed import check_expansion
from textgen.errors import CorpusError, storage_errors

# Most entries of an archive. The list of a zip archive's entries is held in memory.
MAX_ENTRIES = 1_000_000
# The end of a zip archive: its signature, four numbers of 16 bits, and the size of the list of
# entries, at most 64 KiB before the end of the file.
ZIP_END = b"PK\x05\x06"
ZIP_END_BYTES = 22
ZIP_COMMENT_BYTES = 2**16
# Smallest size of an entry in the list.
ZIP_ENTRY_BYTES = 46


class Member(NamedTuple):
    """An entry of an archive.

    Attributes:
        name: its name inside the archive.
        file: its bytes; None if it is not read.
        reason: why it is not read; empty if it is.
    """

    name: str
    file: IO[bytes] | None
    reason: str = ""


def members(file: BinaryIO, kind: str, name: str) -> Iterator[Member]:
    """Yield the entries of an archive, without folders. Each is open until the next is asked for.

    Args:
        file: the archive. A zip archive that cannot be sought is copied to a temporary file.
        kind: `zip` or `tar`.
        name: name of the archive in messages.

    Raises:
        CorpusError: if the archive is damaged, has too many entries or is encrypted.
    """
    return _zip_members(file, name) if kind == "zip" else _tar_members(file, name)


def _zip_members(file: BinaryIO, name: str) -> Iterator[Member]:
    with ExitStack() as stack:
        if not file.seekable():
            with storage_errors(Path(tempfile.gettempdir())):
                copy = stack.enter_context(tempfile.TemporaryFile())
                copyfileobj(file, copy)
            file = copy
        _check_entries(file, name)
        yield from _entries(file, name)


def _entries(file: BinaryIO, name: str) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(file) as archive:
            for info in sorted(archive.infolist(), key=lambda info: info.filename):
                if info.filename.endswith("/"):  # is_dir fails on an empty name
                    continue
                if reason := _distrusted(info.filename):
                    yield Member(info.filename, None, reason)
                elif (info.external_attr >> 16) & 0o170000 == 0o120000:
                    yield Member(info.filename, None, "a link")
                elif info.flag_bits & 1:
                    raise CorpusError(name, f"{info.filename!r} is encrypted; unpack it first")
                else:
                    with archive.open(info) as entry:
                        checked = _Entry(entry, name, packed_bytes=info.compress_size)
                        yield Member(info.filename, io.BufferedReader(checked))
    except (zipfile.BadZipFile, NotImplementedError, EOFError, zlib.error) as error:
        raise CorpusError(name, "the zip archive is damaged or of an unknown kind") from error


def _check_entries(file: BinaryIO, name: str) -> None:
    """Refuse an archive whose list of entries would take too much memory."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(size - ZIP_END_BYTES - ZIP_COMMENT_BYTES, 0))
    tail = file.read()
    file.seek(0)
    end = tail.rfind(ZIP_END)
    if end < 0 or len(tail) < end + ZIP_END_BYTES:
        raise CorpusError(name, "the zip archive is cut short")
    (list_bytes,) = struct.unpack_from("<L", tail, end + 12)
    # A larger list has its size elsewhere, and is too large in any case.
    if list_bytes == 2**32 - 1 or list_bytes // ZIP_ENTRY_BYTES > MAX_ENTRIES:
        raise CorpusError(name, _too_many())


def _tar_members(file: BinaryIO, name: str) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=file, mode="r|") as archive:
            for number, info in enumerate(archive):
                # A tar file's reader remembers all entries.
                archive.members.clear()  # type: ignore[attr-defined]
                if number >= MAX_ENTRIES:
                    raise CorpusError(name, _too_many())
                if info.isdir():
                    continue
                if reason := _distrusted(info.name):
                    yield Member(info.name, None, reason)
                elif info.issym() or info.islnk():
                    yield Member(info.name, None, "a link")
                elif not info.isreg():
                    yield Member(info.name, None, "not a file")
                else:
                    entry = archive.extractfile(info)
                    assert entry is not None
                    yield Member(info.name, io.BufferedReader(_Entry(entry, name)))
    except (tarfile.TarError, EOFError) as error:
        raise CorpusError(name, "the tar archive is damaged or cut short") from error


def _distrusted(name: str) -> str:
    """Return why an entry is not to be trusted by its name; empty if it is."""
    path = PurePosixPath(name.replace("\\", "/"))
    outside = path.is_absolute() or ".." in path.parts or (len(name) > 1 and name[1] == ":")
    return "a name that leads outside the archive" if outside else ""


def _too_many() -> str:
    return f"the archive has more than {MAX_ENTRIES:,} entries; unpack it first"


class _Entry(io.RawIOBase):
    """The bytes of an entry. Damage is an error of the text, and their number has a bound."""

    def __init__(self, entry: IO[bytes], name: str, *, packed_bytes: int | None = None) -> None:
        self._entry, self._name, self._packed, self._count = entry, name, packed_bytes, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._entry.read(len(buffer))
        except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError) as error:
            raise CorpusError(self._name, "the archive is damaged or cut short") from error
        buffer[: len(data)] = data
        self._count += len(data)
        if self._packed is not None:
            check_expansion(self._count, self._packed, self._name)
        return len(data)
