"""Signals that end long work: noted at once, so that it can save and leave in order."""

import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]

SHOW_CURSOR = b"\x1b[?25h"


class Ending:
    """Whether a signal has asked this process to end.

    Attributes:
        signal: its number; None as long as there was none.
    """

    def __init__(self) -> None:
        self.signal: int | None = None

    def requested(self) -> bool:
        """Return whether it was asked."""
        return self.signal is not None

    def note(self, number: int) -> None:
        """Remember a signal; a second one ends the process at once."""
        if self.signal is not None:
            leave_at_once(number)
        self.signal = number


def leave_at_once(number: int, frame: object = None) -> NoReturn:
    """End the process as a signal would, with its code and nothing else."""
    if sys.stderr is not None and sys.stderr.isatty():
        os.write(sys.stderr.fileno(), SHOW_CURSOR)
    os._exit(128 + number)


@contextmanager
def noted_signals() -> Iterator[Ending]:
    """Let an `Ending` take the ending signals, for as long as the context lasts.

    A signal that is ignored already, as under nohup, stays so. Python's own handlers wait until
    compiled code returns, which can take minutes; so signals are taken from the socket that the
    interpreter writes them to as they come, by a thread. Nothing is raised: an exception in the
    middle of JAX's own code would crash the process.
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
    # Only a signal with a handler is written to the socket.
    before = {number: signal.signal(number, lambda *_: None) for number in taken}
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
