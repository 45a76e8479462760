"""Long work in a thread beside the one that waits for it: to be stopped at once, or for speed.

Python hears a signal only between two calls of compiled code, and one call that sorts or compresses
a large text takes many seconds. Such calls let other threads run.
"""

import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Literal, TypeVar

# Seconds between two looks at work that has nothing new.
LOOK_SECONDS = 0.1
# Name of the threads whose work may take long, so that a process that ends does not wait for it.
NAME = "textgen-aside"

Step = TypeVar("Step")
Result = TypeVar("Result")


def aside(work: Generator[Step, None, Result]) -> Generator[Step | None, None, Result]:
    """Run out a generator in a thread.

    Args:
        work: the work. It goes on while nobody waits for it. If this is closed, the work stops
            after the step that it is taking, and the process may end before that.

    Yields:
        What the work yields, and None again and again while it yields nothing.

    Returns:
        What the work returns.

    Raises:
        BaseException: what the work raises.
    """
    found: SimpleQueue[tuple[Literal["step", "result", "error"], Any]] = SimpleQueue()
    is_stopped = threading.Event()

    def run() -> None:
        try:
            while not is_stopped.is_set():
                found.put(("step", next(work)))
            work.close()
        except StopIteration as stop:
            found.put(("result", stop.value))
        except BaseException as error:  # it is raised where the work is waited for
            found.put(("error", error))

    threading.Thread(target=run, name=NAME, daemon=True).start()
    try:
        while True:
            try:
                kind, value = found.get(timeout=LOOK_SECONDS)
            except Empty:
                yield None
                continue
            if kind == "error":
                raise value
            if kind == "result":
                result: Result = value
                return result
            yield value
    finally:
        is_stopped.set()


def once(function: Callable[[], Result]) -> Generator[None, None, Result]:
    """Call a function in a thread, and return what it returns.

    Yields:
        None again and again while the function works; see `aside`.
    """

    def work() -> Generator[None, None, Result]:
        yield from ()
        return function()

    return (yield from aside(work()))


def is_working() -> bool:
    """Return whether work goes on in a thread of this module, or of `runtime.background`."""
    return any(thread.name == NAME for thread in threading.enumerate())


def interruptibly(function: Callable[[], Result]) -> Result:
    """Return what a function returns, which is called in another thread.

    Python handles a signal when a call outside of Python has ended, and to sort a hundred million
    numbers takes ten seconds. A thread that waits handles it at once. If its handler raises an
    error, the function goes on in the other thread, and what it returns is dropped.
    """
    future = Future[Result]()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:  # it is raised where the result is waited for
            future.set_exception(error)

    threading.Thread(target=call, name=NAME, daemon=True).start()
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
