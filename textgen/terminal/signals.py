"""Signals that end long work: noted, so that it can save and leave in order."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

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

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal; a second one ends the process at once.

        Nothing is raised: an exception in the middle of JAX's own code would crash the process.
        """
        self.signal = number
        for other in ENDING:
            signal.signal(other, signal.SIG_DFL)
        if sys.stderr.isatty():
            os.write(sys.stderr.fileno(), SHOW_CURSOR)  # a second signal would leave it hidden


@contextmanager
def noted_signals() -> Iterator[Ending]:
    """Let an `Ending` take the ending signals, for as long as the context lasts.

    A signal that is ignored already, as under nohup, stays so.
    """
    ending = Ending()
    taken = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, ending.note) for number in taken}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
