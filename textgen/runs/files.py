"""Files written whole or not at all, and JSON that carries its own checksum."""

import errno
import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from textgen.errors import DamagedError, StorageError, reading_errors, storage_errors
from textgen.storage import HAS_LOCKS, is_link, lock, open_regular, sync

# What can be written into a file.
Buffer = bytes | memoryview
# Prefix of the names of temporary files and folders.
TEMPORARY = ".tmp-"
# Largest JSON file that is read, in bytes. Every file that textgen writes is smaller.
MAX_JSON_BYTES = 4 * 2**20
# Most values that a JSON file may hold. Every file that textgen writes holds fewer.
MAX_JSON_VALUES = 200_000
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)


def encode_json(content: Mapping[str, Any]) -> bytes:
    """Return content as indented JSON that carries its own SHA-256.

    The checksum is that of the canonical JSON: keys sorted, no spaces, `sha256` empty.
    """
    blank = dict(content) | {"sha256": ""}
    canonical = json.dumps(blank, sort_keys=True, separators=(",", ":"))
    sealed = blank | {"sha256": hashlib.sha256(canonical.encode()).hexdigest()}
    return (json.dumps(sealed, indent=1, sort_keys=True) + "\n").encode()


def decode_json(path: Path, data: bytes) -> dict[str, Any]:
    """Parse JSON that `encode_json` returned.

    Raises:
        DamagedError: if it is not JSON, holds too many values or does not match its checksum; the
            message names the path.
    """
    # Parsing millions of values takes seconds, so they are counted first, outside strings.
    outside = _STRINGS.sub(b"", data)
    if sum(map(outside.count, (b",", b"[", b"{"))) > MAX_JSON_VALUES:
        raise DamagedError(path, f"over {MAX_JSON_VALUES:,} values")
    try:
        content = parse_json(data)
        # Comparing the bytes, not only the values, detects every flipped bit.
        sound = isinstance(content, dict) and encode_json(content) == data
    except (ValueError, RecursionError) as error:
        raise DamagedError(path, "it is not valid JSON") from error
    if not sound:
        raise DamagedError(path, "its SHA-256 differs from the recorded one")
    return content  # type: ignore[no-any-return]


def parse_json(data: bytes) -> Any:
    """Parse JSON whose numbers are finite and whose integers fit into 64 bits.

    Raises:
        ValueError: if it is anything else.
        RecursionError: if it is nested too deep.
    """

    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not a finite number")

    def whole(digits: str) -> int:
        if len(digits) > 20 or abs(int(digits)) >= 2**63:
            raise ValueError(f"{digits[:20]} is too large")
        return int(digits)

    return json.loads(data, parse_constant=refuse, parse_int=whole)


def read_json(path: Path) -> dict[str, Any]:
    """Read a file of JSON that carries its own checksum.

    Raises:
        DamagedError: if it is missing, damaged or too large.
    """
    return decode_json(path, read_bytes(path, MAX_JSON_BYTES))


def read_bytes(path: Path, most: int) -> bytes:
    """Read a regular file, without following links and without blocking.

    Args:
        path: the file.
        most: largest size that is allowed, in bytes.

    Raises:
        DamagedError: if it is missing, is not a regular file, is too large or cannot be read.
    """
    with reading_errors(path), open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most:
            raise DamagedError(path, f"{size} bytes, at most {most} are expected")
        return file.read(size)


def check_no_link(folder: Path) -> None:
    """Check that a folder of a run is no link, which could lead to anything of the user's.

    Raises:
        DamagedError: if it is one, or the disk cannot be read.
    """
    with reading_errors(folder):
        found = is_link(folder)
    if found:
        raise DamagedError(folder, "it is a link; nothing in a run is followed through one")


def remove_whole(path: Path) -> None:
    """Remove a folder with all that is in it, or a file; of a link only the link itself.

    Raises:
        OSError: if it cannot be removed.
    """
    if path.is_dir() and not is_link(path):
        shutil.rmtree(path)
    else:
        path.unlink()


def read_sha256(path: Path, most: int) -> str:
    """Return the SHA-256 of a file that `read_bytes` can read.

    Args:
        path: the file.
        most: largest size that is allowed, in bytes.

    Raises:
        DamagedError: as `read_bytes` does.
    """
    return hashlib.sha256(read_bytes(path, most)).hexdigest()


def write_durably(path: Path, *data: Buffer) -> None:
    """Write a new file of some parts, and wait until it is on the disk.

    Raises:
        FileExistsError: if there is anything of this name. A link is not followed.
    """
    with path.open("xb") as file:
        for part in data:
            file.write(part)
        file.flush()
        sync(file.fileno())


def replace_file(path: Path, *data: Buffer, is_new: bool = False) -> None:
    """Replace a file by some parts, atomically: if that fails, the old file is unchanged.

    Args:
        path: the file.
        data: its new content.
        is_new: whether there must not be such a file yet.

    Raises:
        FileExistsError: if there is one, and there must not be.
        StorageError: if it cannot be written.
    """
    # Nobody can plant a link of a name that nobody knows.
    temporary = path.with_name(f"{TEMPORARY}{secrets.token_hex(8)}")
    with storage_errors(path):
        try:
            write_durably(temporary, *data)
            if is_new and path.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Create a folder atomically: fill it under a temporary name, sync it, then rename it.

    Args:
        target: the folder to create.

    Yields:
        The temporary folder, for the caller to fill with `write_durably`.

    Raises:
        FileExistsError: if the target exists by the time the folder is renamed.
        StorageError: if it cannot be written.
    """
    with storage_errors(target.parent):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError as error:  # that error is reserved for the target itself
            raise StorageError(target.parent, "it is a file, not a folder") from error
        except RecursionError as error:
            raise StorageError(target.parent, "it is nested too deep") from error
    with storage_errors(target):
        _remove_orphans(target.parent)
        temporary, handle = _locked_folder(target)
        try:
            yield temporary
            sync_folder(temporary)
            if target.exists():
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
            temporary.rename(target)
            # Until the parent is synced too, a power failure may undo the renaming.
            sync_folder(target.parent)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
            if handle is not None:
                os.close(handle)


@contextmanager
def passing_folder(target: Path) -> Iterator[Path]:
    """Create a folder beside a target, which is removed at the end.

    Yields:
        The folder. Whoever shares the folder of the target sees it too.

    Raises:
        StorageError: if it cannot be made.
    """
    made = [path for path in (target.parent, *target.parent.parents) if not path.exists()]
    with storage_errors(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary, handle = _locked_folder(target)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if handle is not None:
            os.close(handle)
        for path in made:
            with suppress(OSError):  # something else is in it by now
                path.rmdir()


def _locked_folder(target: Path) -> tuple[Path, int | None]:
    """Make a temporary folder that is locked until this process ends.

    The lock tells other processes that the folder is in use. A process number could not tell them,
    since two machines or containers may share the disk. Where there are no locks, the leftovers of
    killed processes remain.
    """
    while True:
        temporary = target.with_name(f"{TEMPORARY}{target.name}-{secrets.token_hex(4)}")
        temporary.mkdir()
        if not HAS_LOCKS:
            return temporary, None
        with suppress(FileNotFoundError):  # another process removed it before it was locked
            handle = os.open(temporary, os.O_RDONLY)
            try:
                lock(handle, wait=True)
                if temporary.exists():
                    return temporary, handle
            except OSError:
                os.close(handle)
                temporary.rmdir()
                raise
            os.close(handle)


def _remove_orphans(folder: Path) -> None:
    """Remove the temporary folders of processes that were killed while they filled them."""
    for path in folder.glob(f"{TEMPORARY}*") if HAS_LOCKS else ():
        with suppress(OSError):  # a running process holds its lock, or it no longer exists
            handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if lock(handle, wait=False):
                    shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk. Does nothing on Windows."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        sync(handle)
    finally:
        os.close(handle)
