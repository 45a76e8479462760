"""Ctrl-C while a training runs in a program or a notebook: it is noted, so that training saves."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """Whether Ctrl-C was pressed.

    Attributes:
        is_noted: whether it was.
    """

    def __init__(self) -> None:
        self.is_noted = False
        self._is_interruptible = False

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let Ctrl-C raise a KeyboardInterrupt at once, in work that may wait for long."""
        self._is_interruptible = True
        try:
            yield
        finally:
            self._is_interruptible = False

    def handle(self, number: int, frame: object) -> None:
        """Note the first Ctrl-C.

        Raises:
            KeyboardInterrupt: at the second one, and in interruptible work.
        """
        again, self.is_noted = self.is_noted, True
        if again or self._is_interruptible:
            raise KeyboardInterrupt


@contextmanager
def noted_interrupts() -> Iterator[Interrupts]:
    """Note Ctrl-C as long as the context lasts.

    Only the main thread can do so. A handler that is not Python's own stays: its program decides
    what Ctrl-C does, and may call `Training.stop`.
    """
    interrupts = Interrupts()
    is_main = threading.current_thread() is threading.main_thread()
    takes_over = is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if takes_over:
        signal.signal(signal.SIGINT, interrupts.handle)
    try:
        yield interrupts
    finally:
        if takes_over and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.default_int_handler)
