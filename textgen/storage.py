"""What not every file system has: syncing of folders, and locks.

A network drive, a cloud drive or a FUSE file system may lack either. Training does not need them to
go well, so that a lack of them is a warning and not an error. A disk that fails is still an error.
"""

import errno
import os
import warnings

from textgen.errors import TextgenWarning

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
