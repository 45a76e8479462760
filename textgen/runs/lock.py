"""The lock that stops two processes from training the same run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textgen.errors import LockedError, StorageError, storage_errors
from textgen.runs.run import LOCK
from textgen.storage import lock


@contextmanager
def training_lock(run: Path) -> Iterator[None]:
    """Hold the lock of a run. The system releases it when the process ends for any reason.

    Where there are no locks, nothing stops two processes from training the same run.

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
        try:
            with storage_errors(path):
                lock(file.fileno(), wait=False)
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
