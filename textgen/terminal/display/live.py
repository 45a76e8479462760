"""Lines at the bottom of a terminal that change in place while a command works."""

import signal
import threading
from contextlib import suppress

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.live import Live

from textgen.terminal.display.progress_line import ProgressMode, progress_form


class LiveView:
    """Shows changing lines where progress is shown live, and nothing otherwise.

    The cursor is hidden as long as lines are shown. When the process is stopped with Ctrl-Z, the
    lines are removed and the cursor is back; when it goes on, they are drawn again.
    """

    def __init__(self, progress: ProgressMode = "auto", *, quiet: bool) -> None:
        """Prepare the view without showing anything.

        Args:
            progress: how to show progress; see `progress_form`.
            quiet: whether to show nothing, whatever the mode is.
        """
        self._is_wanted = progress_form(progress, quiet=quiet) == "live"
        # Lines that a user asks for are written to a pipe as well.
        is_forced = True if progress == "live" else None
        self._console = Console(
            stderr=True, highlight=False, markup=False, emoji=False, force_terminal=is_forced
        )
        self._live: Live | None = None
        self._content: RenderableType = ""

    @property
    def is_on(self) -> bool:
        """Whether the lines are on the screen."""
        return self._live is not None

    @property
    def columns(self) -> int:
        """Width of the lines in columns.

        The terminal writes ^C after the last line. A line as wide as the terminal would be broken
        by it, and would not be found again.
        """
        return max(self._console.width - len("^C"), 1)

    def start(self) -> None:
        """Begin to show lines."""
        if self._is_wanted and not self._console.is_dumb_terminal:
            live = Live(self._content, console=self._console, refresh_per_second=4, transient=True)
            with suppress(OSError):  # the terminal is gone
                live.start(refresh=bool(self._content))
                self._live = live
            _handle_stop(self._stop_process)

    def update(self, content: RenderableType) -> None:
        """Replace the lines."""
        self._content = content = Constrain(content, self.columns)
        if self._live is not None:
            with suppress(OSError):
                self._live.update(content)

    def stop(self) -> None:
        """Remove the lines from the screen."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()
            self._live = None
            _handle_stop(signal.SIG_DFL)

    def _stop_process(self, *_: object) -> None:
        self.stop()
        # The system stops the process here, unless nobody could make it go on.
        signal.raise_signal(signal.SIGTSTP)
        self.start()


def _handle_stop(handler: "signal._HANDLER") -> None:
    """Set what Ctrl-Z does, unless it does nothing, as in a process that no shell controls."""
    if not hasattr(signal, "SIGTSTP") or threading.current_thread() is not threading.main_thread():
        return
    if signal.getsignal(signal.SIGTSTP) is not signal.SIG_IGN:
        signal.signal(signal.SIGTSTP, handler)
