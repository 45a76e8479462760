"""Long calls outside of Python, made in another thread: for speed, or to be interrupted."""

import hashlib
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

P, R = ParamSpec("P"), TypeVar("R")


def interruptibly(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Return what a function returns, which is called in another thread.

    Python handles a signal when the call of a function outside of Python has ended. To sort a
    hundred million numbers takes ten seconds. A thread that waits handles a signal at once; if its
    handler raises an error, the other thread goes on until the process ends.
    """
    future = Future[R]()

    def call() -> None:
        try:
            future.set_result(function(*args, **kwargs))
        except BaseException as error:  # it is raised where the result is waited for
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future.result()


class BackgroundDigest:
    """A SHA-256 that is computed in another thread while the bytes that follow are made."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[None] | None = None

    def update(self, data: bytes) -> None:
        """Add the bytes that follow, which must not change."""
        self._wait()
        self._last = self._thread.submit(self._digest.update, data)

    def hexdigest(self) -> str:
        """Return the sum of all bytes, in hexadecimal."""
        self._wait()
        return self._digest.hexdigest()

    def _wait(self) -> None:
        if self._last is not None:
            self._last.result()
