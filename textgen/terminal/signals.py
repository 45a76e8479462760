"""Signals that end a training: once it runs they are noted, so that it can save first."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDING = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


class Ending:
    """Whether a signal has asked this process to end.

    Attributes:
        signal: its number; None as long as there was none.
        deferred: whether signals are only noted; at first they interrupt.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self.deferred = False

    def requested(self) -> bool:
        """Return whether it was asked."""
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """The shell's code for the signal: 128 and its number; 0 without one."""
        return 0 if self.signal is None else 128 + self.signal

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remember a signal, and interrupt if it is not deferred; a second one ends the process.

        Raises:
            KeyboardInterrupt: if signals are not deferred.
        """
        self.signal = number
        for other in ENDING:
            signal.signal(other, signal.SIG_DFL)
        if not self.deferred:
            raise KeyboardInterrupt


@contextmanager
def noted_signals() -> Iterator[Ending]:
    """Let an `Ending` take the ending signals, for as long as the context lasts."""
    ending = Ending()
    before = {number: signal.signal(number, ending.note) for number in ENDING}
    try:
        yield ending
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
