"""Lines at the bottom of a terminal that change in place while a command works."""

from contextlib import suppress

from rich.console import Console, RenderableType
from rich.live import Live


class LiveView:
    """Shows changing lines if stderr is a terminal, and nothing otherwise."""

    def __init__(self, *, quiet: bool) -> None:
        """Prepare the view without showing anything.

        Args:
            quiet: whether the view stays off on a terminal too.
        """
        self._console = Console(stderr=True, highlight=False, markup=False, emoji=False)
        self._quiet = quiet
        self._live: Live | None = None

    @property
    def is_on(self) -> bool:
        """Whether the lines are on the screen."""
        return self._live is not None

    def start(self) -> None:
        """Begin to show lines."""
        if self._console.is_terminal and not self._console.is_dumb_terminal and not self._quiet:
            live = Live(console=self._console, refresh_per_second=4, transient=True)
            with suppress(OSError):  # the terminal is gone
                live.start()
                self._live = live

    def update(self, content: RenderableType) -> None:
        """Replace the lines."""
        if self._live is not None:
            with suppress(OSError):
                self._live.update(content)

    def stop(self) -> None:
        """Remove the lines from the screen."""
        if self._live is not None:
            with suppress(OSError):
                self._live.stop()
            self._live = None
