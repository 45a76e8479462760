"""The lock that keeps two trainers from one run."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from textgen.errors import LockedError
from textgen.runs.run import LOCK

try:
    import fcntl
except ImportError:  # Windows has no such lock; two trainers of one run are not kept apart there.
    fcntl = None  # type: ignore[assignment]


@contextmanager
def training_lock(run: Path) -> Iterator[None]:
    """Hold the lock of a run; the system drops it when the process ends, however it ends.

    Raises:
        LockedError: if another process holds it; it names the process.
    """
    with (run / LOCK).open("a+", encoding="ascii") as file:
        if fcntl is not None:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                file.seek(0)
                raise LockedError(run, file.read(20).strip() or "unknown") from error
        file.seek(0)
        file.truncate()
        file.write(str(os.getpid()))
        file.flush()
        yield
