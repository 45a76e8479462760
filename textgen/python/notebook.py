"""How a training shows itself: in the cell of a notebook, on a terminal, or not at all."""

import sys
import time
from contextlib import AbstractContextManager
from typing import Any, Protocol, Self, get_args

from textgen.errors import SettingError
from textgen.terminal.display.progress import TrainingDisplay
from textgen.terminal.display.progress_line import ProgressMode
from textgen.workflows.events import Ended, Event

# Shortest time between two drawings in a cell, in seconds.
SECONDS_BETWEEN = 0.5


class Display(AbstractContextManager["Display", None], Protocol):
    """Shows the events of a training."""

    def show(self, event: Event) -> None:
        """Show one event."""
        ...


class NoDisplay:
    """Shows nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def show(self, event: Event) -> None:
        """Show nothing."""


class CellDisplay:
    """Draws a training in the cell of a notebook, again and again in the same place."""

    def __init__(self, training: Any, display: Any) -> None:
        """Prepare to draw.

        Args:
            training: an object with `_repr_html_`.
            display: the function of IPython that shows an object and returns a handle.
        """
        self._training, self._display = training, display
        self._drawn = 0.0

    def __enter__(self) -> Self:
        self._handle = self._display(self._training, display_id=True)
        return self

    def __exit__(self, *error: object) -> None:
        self._handle.update(self._training)

    def show(self, event: Event) -> None:
        """Draw the training as it is now, at most twice a second."""
        if isinstance(event, Ended) or time.monotonic() - self._drawn >= SECONDS_BETWEEN:
            self._handle.update(self._training)
            self._drawn = time.monotonic()


def check_progress(progress: object) -> None:
    """Check how to show progress.

    Raises:
        SettingError: if it is none of the ways that there are.
    """
    if progress not in get_args(ProgressMode):
        raise SettingError("progress", progress, ", ".join(get_args(ProgressMode)))


def display_of(training: Any, progress: ProgressMode) -> Display | TrainingDisplay:
    """Return what shows a training.

    Args:
        training: the training.
        progress: `auto` draws in a notebook, and shows nothing elsewhere; `live` and `plain` show
            on standard error what the command shows there; `none` shows nothing.
    """
    if progress in ("live", "plain"):
        return TrainingDisplay(progress, quiet=False)
    display = _display_of_kernel() if progress == "auto" else None
    return NoDisplay() if display is None else CellDisplay(training, display)


def _display_of_kernel() -> Any:
    """Return the function that shows an object in a notebook; None outside of one.

    IPython is never imported here: where a notebook runs, it was imported before.
    """
    module = sys.modules.get("IPython")
    shell = None if module is None else module.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    return display
