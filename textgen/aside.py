"""Long work in a thread beside the one that waits for it, which can stop at once meanwhile.

Python hears a signal only between two calls of compiled code, and one call that sorts or compresses
a large text takes many seconds. Such calls let other threads run.
"""

import threading
from collections.abc import Generator
from queue import Empty, SimpleQueue
from typing import Any, Literal, TypeVar

# Seconds between two looks at work that has nothing new.
LOOK_SECONDS = 0.1

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

    threading.Thread(target=run, daemon=True).start()
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
