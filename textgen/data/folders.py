"""The files of a folder, and whether a file has changed."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from textgen.data.read_report import ReadReport
from textgen.errors import CorpusError, reason

# Names of copies that editors leave beside a file.
BACKUPS = ("~", ".bak", ".orig", ".swp", ".tmp")


def files_of(folder: Path, report: ReadReport) -> list[str]:
    """Return the paths of the files of a folder, in order.

    Hidden files, hidden folders and runs of textgen are left out without a word; links to folders
    and backups are noted in the report.

    Raises:
        CorpusError: if a folder cannot be read.
    """
    found: list[str] = []

    def refuse(error: OSError) -> None:
        raise CorpusError(error.filename or folder, reason_of(error)) from error

    for parent, folders, names in _walk(folder, refuse):
        for name in folders:
            path = _joined(parent, name)
            if os.path.islink(path):
                report.passed_over.append((path, "a link to a folder"))
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".")
            and not os.path.isfile(os.path.join(parent, name, "run.json"))
        ]
        for name in names:
            path = _joined(parent, name)
            if name.startswith(".") or not os.path.isfile(path):
                continue
            if name.endswith(BACKUPS):
                report.passed_over.append((path, "a backup"))
            else:
                found.append(path)
    return sorted(found, key=lambda path: path.replace(os.sep, "/"))


def _joined(parent: str, name: str) -> str:
    """Return a path as `Path` writes it, but faster."""
    return os.path.join(parent, name).removeprefix(os.path.join(".", ""))


def _walk(
    folder: Path, refuse: Callable[[OSError], None]
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Walk as `os.walk` does, which goes down one level of calls for each level of folders.

    Raises:
        CorpusError: if the folders are nested too deep.
    """
    try:
        yield from os.walk(folder, onerror=refuse)
    except RecursionError as error:
        raise CorpusError(folder, "its folders are nested too deep; name one inside") from error


def size_of(paths: Sequence[Path]) -> int | None:
    """Return the size of all files of sources in bytes; None if one of them has no known size."""
    total = 0
    with suppress(OSError, ValueError, CorpusError):
        for path in paths:
            files = files_of(path, ReadReport()) if path.is_dir() else [str(path)]
            if not all(map(os.path.isfile, files)):
                return None  # standard input, or a pipe
            total += sum(map(os.path.getsize, files))
        return total
    return None


def stamp_of(path: str | Path) -> tuple[int, int]:
    """Return the size in bytes and the modification time in nanoseconds of a file.

    Raises:
        CorpusError: if the file is gone.
    """
    try:
        status = os.stat(path)
    except OSError as error:
        raise CorpusError(path, reason_of(error)) from error
    return status.st_size, status.st_mtime_ns


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, and what to do about it."""
    return reason(error) if isinstance(error, OSError) else str(error)
