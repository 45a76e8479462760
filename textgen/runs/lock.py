"""The lock that stops two processes from training the same run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textgen.errors import LockedError, StorageError, storage_errors
from textgen.runs.run import LOCK

try:
    import fcntl
except ImportError:  # Windows has no flock: there, nothing stops two trainers of one run.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def training_lock(run: Path) -> Iterator[None]:
    """Hold the lock of a run. The system releases it when the process ends for any reason.

    Args:
        run: the folder of the run.

    Raises:
        LockedError: if another process holds the lock; the message names the process.
        StorageError: if the lock file cannot be opened, locked or written.
    """
    path = run / LOCK
    # A run may come from a stranger: a link in it could lead to any file of the user's.
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with storage_errors(path):
        descriptor = os.open(path, flags, 0o666)
    with os.fdopen(descriptor, "r+", encoding="ascii", errors="replace") as file:
        if fcntl is not None:
            try:
                with storage_errors(path):
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except StorageError as error:
                if not isinstance(error.__cause__, BlockingIOError):
                    raise
                raise LockedError(run, file.read(20).strip() or "unknown") from error
        with storage_errors(path):
            file.seek(0)
            file.truncate()
            file.write(str(os.getpid()))
            file.flush()
        yield
