"""What not every file system has, syncing of folders and locks; and files that are no links.

A run may come from a stranger. A link in it could lead to any file of the user's, and a pipe never
ends, so that what is in a run is opened here, and only if it is a regular file.

A network drive, a cloud drive or a FUSE file system may lack either. Training does not need them to
go well, so that a lack of them is a warning and not an error. A disk that fails is still an error.
"""

import errno
import os
import stat
import warnings
from io import BufferedReader
from pathlib import Path

from textgen.errors import (
    DamagedError,
    StorageError,
    TextgenWarning,
    UnreadableError,
    storage_errors,
)

try:
    import fcntl
except ImportError:  # Windows has no flock.
    fcntl = None  # type: ignore[assignment]

HAS_LOCKS: bool = fcntl is not None

# What a file system answers to a request that it does not know. NFS answers EBADF to an exclusive
# lock of a folder, which can only be opened for reading.
_UNKNOWN_REQUEST = {
    errno.EBADF,
    errno.EINVAL,
    errno.ENOLCK,
    errno.ENOSYS,
    errno.ENOTSUP,
    errno.ENOTTY,
    errno.EOPNOTSUPP,
}

# What is wrong with a link, a pipe or a folder in the place of a file.
NOT_REGULAR = "not a regular file"
# Open no link, never wait for the other end of a pipe, and change no byte on Windows.
_SAFELY = sum(getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))


def is_link(path: Path) -> bool:
    """Return whether a path is a link, or on Windows a junction."""
    return path.is_symlink() or getattr(os.path, "isjunction", lambda _: False)(path)


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file to read it, without following a link and without waiting.

    Raises:
        DamagedError: if it is missing, is not a regular file or cannot be read.
    """
    try:
        handle = _open_regular(path, os.O_RDONLY)
    except FileNotFoundError as error:
        raise DamagedError(path, "the file is missing") from error
    except OSError as error:
        raise UnreadableError(path, error) from error
    if handle is None:
        raise DamagedError(path, NOT_REGULAR)
    return open(handle, "rb")


def open_to_append(path: Path) -> int:
    """Open a regular file to append to it, and create it if it is missing; no link is followed.

    Returns:
        Its descriptor.

    Raises:
        StorageError: if it is not a regular file, or cannot be opened.
    """
    with storage_errors(path):
        handle = _open_regular(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    if handle is None:
        raise StorageError(path, NOT_REGULAR)
    return handle


def _open_regular(path: Path, flags: int) -> int | None:
    """Return a descriptor; None if the path is no regular file.

    Raises:
        OSError: if there is no such file, or it cannot be opened.
    """
    try:
        handle = os.open(path, flags | _SAFELY, 0o666)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO):
            return None
        raise
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    return None


def sync(handle: int) -> None:
    """Wait until a file or folder is on the disk, or warn that its file system cannot tell.

    Args:
        handle: descriptor of the open file or folder.

    Raises:
        OSError: if the disk fails.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        _warn(error, "cannot sync", "a power failure may cost the newest checkpoint")


def lock(handle: int, *, wait: bool) -> bool:
    """Lock a file or folder until it is closed, or warn that its file system has no locks.

    Args:
        handle: descriptor of the open file or folder.
        wait: whether to wait until no other process holds the lock.

    Returns:
        Whether it is locked. Always false where `HAS_LOCKS` is false, as on Windows.

    Raises:
        BlockingIOError: if another process holds the lock and `wait` is false.
        OSError: if the disk fails.
    """
    if not HAS_LOCKS:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as error:
        _warn(error, "has no locks", "nothing stops a second process from training the same run")
        return False
    return True


def _warn(error: OSError, lack: str, consequence: str) -> None:
    """Warn of an answer that means that the file system lacks something; raise any other."""
    if error.errno not in _UNKNOWN_REQUEST:
        raise error
    message = f"the file system {lack} ({error.strerror}), so {consequence}"
    warnings.warn(message, TextgenWarning, stacklevel=3)
