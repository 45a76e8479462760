"""Signals that end long work: they are noted at once, so that the work can save and stop."""

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from textgen.terminal.output import Foot

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]

SHOW_CURSOR = b"\x1b[?25h"


def exit_code_after(number: int) -> int:
    """Return the exit code of a process that a signal has ended, as shells give it."""
    return 128 + number


class Ending:
    """Whether a signal has asked this process to end.

    Attributes:
        signal: number of the signal; None if there was none yet.
        when_requested: function that is called, in a thread, when the first signal arrives.
        echo_seconds: time after the first signal in which another one is taken for its echo.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.when_requested: Callable[[], None] = lambda: None
        self.echo_seconds = 0.0
        self._noted = 0.0
        self._is_interruptible = False
        # The signal that interrupted work; the thread that notes signals may be slower.
        self._interrupted: int | None = None

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Let a signal interrupt work that may wait for long, outside of compiled code.

        Raises:
            KeyboardInterrupt: in the main thread, at the first signal.
        """
        self._is_interruptible = True
        try:
            yield
        finally:
            self._is_interruptible = False

    def interrupt(self, number: int, frame: object) -> None:
        """Handle a signal in the main thread, as soon as compiled code returns."""
        if self._is_interruptible:
            self._is_interruptible = False
            self._interrupted = number
            raise KeyboardInterrupt

    @property
    def exit_code(self) -> int:
        """The exit code of the command: 0 without a signal."""
        number = self.signal or self._interrupted
        return 0 if number is None else exit_code_after(number)

    def requested(self) -> bool:
        """Return whether a signal has asked the process to end."""
        return self.signal is not None

    def note(self, number: int) -> None:
        """Remember a signal. A second one ends the process at once."""
        if self.signal is not None:
            if time.monotonic() - self._noted >= self.echo_seconds:
                leave_at_once(number)
            return
        self.signal, self._noted = number, time.monotonic()
        self.when_requested()


def leave_at_once(number: int, frame: object = None) -> NoReturn:
    """End the process at once with the exit code of a signal."""
    if sys.stderr is not None and sys.stderr.isatty():
        Foot.erase_at_once()
        os.write(sys.stderr.fileno(), SHOW_CURSOR)
    os._exit(exit_code_after(number))


@contextmanager
def noted_signals() -> Iterator[Ending]:
    """Note SIGINT, SIGTERM and SIGHUP in an `Ending` as long as the context lasts.

    A signal that is ignored already, as under nohup, stays ignored. Python's own handlers wait
    until compiled code returns, which can take minutes. So a thread reads the signals from the
    socket to which the interpreter writes them as they arrive. No exception is raised, except in
    work that is said to be interruptible: inside JAX's own code it would crash the process.
    """
    ending = Ending()
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = socket.socketpair()
    writer.setblocking(False)

    def watch() -> None:
        while received := reader.recv(1):
            if received[0] in taken:
                ending.note(received[0])

    thread = threading.Thread(target=watch, daemon=True)
    wakeup = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
    # The interpreter writes only signals with a handler to the socket.
    before = {number: signal.signal(number, ending.interrupt) for number in taken}
    thread.start()
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(wakeup)
        writer.close()
        thread.join()
        reader.close()
