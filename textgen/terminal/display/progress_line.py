"""How far a long work is: on a line that changes in place, or on one line after the other."""

import math
import os
import sys
import threading
import time
from typing import Literal, Self

from textgen.readable import cut, one_line
from textgen.terminal.output import Foot, columns_of, say

# Seconds between two lines of progress, and until the first one appears at the foot of a terminal.
PROGRESS_SECONDS, LIVE_SECONDS = 5.0, 1.0
# Seconds between two looks at whether the line at the foot of a terminal is still right.
REDRAW_SECONDS = 0.1

ProgressMode = Literal["auto", "live", "plain", "none"]


def progress_form(mode: ProgressMode, *, quiet: bool) -> Literal["live", "plain", "none"]:
    """Return how to show progress: in lines that change, in lines one after the other, or not.

    Args:
        mode: what the user asked for; `auto` is `live` on a terminal and `plain` elsewhere.
        quiet: whether to show nothing, whatever the mode is.
    """
    if quiet:
        return "none"
    if mode != "auto":
        return mode
    can_change = sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return "live" if can_change and not _is_in_notebook() else "plain"


def _is_in_notebook() -> bool:
    """Return whether a cell of a notebook runs this process.

    The cell looks like a terminal, but shows lines that change one below the other. Jupyter sets
    the first variable for each of its kernels, Colab's among them; a kernel that another program
    has started, such as VS Code, sets the second one.
    """
    backend = os.environ.get("MPLBACKEND", "")
    return "JPY_PARENT_PID" in os.environ or backend.startswith("module://matplotlib_inline")


class ProgressLine:
    """Says how far a long work is. Use it as a context, and give each message to `show`.

    On a terminal, one line appears after a second, changes in place, and is gone at the end,
    however the work ends. A thread draws it, so that it appears while the work is in compiled code.
    Elsewhere, a line is printed every few seconds.
    """

    def __init__(
        self, mode: ProgressMode = "auto", *, quiet: bool = False, first_at_once: bool = False
    ) -> None:
        """Start the clock.

        Args:
            mode: how to show progress; see `progress_form`.
            quiet: whether to show nothing at all.
            first_at_once: whether the first of several printed lines does not wait.
        """
        self._form = progress_form(mode, quiet=quiet)
        self._begun = time.monotonic()
        self._last = -math.inf if first_at_once else self._begun
        self._message = ""
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def show(self, message: str) -> None:
        """Say how far the work is now; nothing is shown while the message is empty."""
        self._message = message
        if not message:
            Foot.erase()
        elif self._form == "live" and self._thread is None:
            self._thread = threading.Thread(target=self._draw_until_ended, daemon=True)
            self._thread.start()
        elif self._form == "plain" and time.monotonic() - self._last > PROGRESS_SECONDS:
            self._last = time.monotonic()
            say(message)

    def close(self) -> None:
        """Remove the line from the terminal; nothing more will be shown."""
        self._form = "none"
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        Foot.erase()

    def _draw_until_ended(self) -> None:
        wait = self._begun + LIVE_SECONDS - time.monotonic()
        while not self._ended.wait(max(wait, 0)):
            wait = REDRAW_SECONDS
            Foot.draw(self._line)

    def _line(self) -> str:
        """Return the message with the seconds that the work has taken; empty without a message."""
        if not self._message:
            return ""
        time_taken = f", {int(time.monotonic() - self._begun)} s"
        # The terminal may write ^C after it.
        columns = (columns_of(sys.stderr) or 80) - len("^C") - 1
        return cut(one_line(self._message), columns - len(time_taken)) + time_taken


def starting(mode: ProgressMode, *, quiet: bool) -> ProgressLine:
    """Return the context in which to import what imports JAX, which can take some seconds."""
    line = ProgressLine(mode, quiet=quiet)
    line.show("starting JAX")
    return line
