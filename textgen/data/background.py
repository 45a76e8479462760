"""Long calls outside of Python in another thread: for speed, or so that they can be stopped."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

R = TypeVar("R")


def interruptibly(function: Callable[[], R]) -> R:
    """Return what a function returns, which is called in another thread.

    Python handles a signal when a call outside of Python has ended, and to sort a hundred million
    numbers takes ten seconds. A thread that waits handles it at once. If its handler raises an
    error, the function goes on in the other thread, and what it returns is dropped.
    """
    future = Future[R]()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # it is raised where the result is waited for
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future.result()


class Follower:
    """Calls functions in another thread, one after the other, and at most one call behind."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._last: Future[Any] | None = None

    def call(self, function: Callable[..., Any], *args: Any) -> None:
        """Wait for the last call, raise its error if it failed, and begin the next call."""
        self.wait()
        self._last = self._thread.submit(function, *args)

    def wait(self) -> None:
        """Wait for the last call, and raise its error if it failed."""
        if self._last is not None:
            self._last.result()
