"""What a command prints: generated text alone to stdout, everything else to stderr."""

import io
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import Any, TextIO

from textgen.readable import one_line, visible

# Seconds between two lines of progress.
PROGRESS_SECONDS = 5.0


def say(message: str) -> None:
    """Print lines to stderr, safe for a terminal. A stderr that is gone is no reason to stop."""
    try:
        print(visible(message), file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def fail(message: str) -> None:
    """Print the one line of an error to stderr."""
    say(f"textgen: {one_line(message)}")


class ProgressLine:
    """Says how far a long work is, on a new line of stderr every few seconds."""

    def __init__(self, *, quiet: bool, first_at_once: bool = False) -> None:
        """Start the clock.

        Args:
            quiet: whether to say nothing at all.
            first_at_once: whether the first line does not wait.
        """
        self._quiet = quiet
        self._last = -math.inf if first_at_once else time.monotonic()

    def show(self, message: str) -> None:
        """Print a line, unless the last one was printed only a moment ago."""
        if time.monotonic() - self._last > PROGRESS_SECONDS and not self._quiet:
            self._last = time.monotonic()
            say(message)


class ReaderGoneError(Exception):
    """Nobody reads stdout any longer. It is no OSError, since Typer ends with code 1 on those."""


def emit(text: str, *, is_safe: bool = False) -> None:
    """Write generated text to stdout at once: safe for a terminal, unchanged for a pipe.

    Args:
        text: text to write.
        is_safe: whether control characters were made visible already, before colours were added.

    Raises:
        ReaderGoneError: if the reader is gone.
    """
    try:
        sys.stdout.write(visible(text) if sys.stdout.isatty() and not is_safe else text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def emit_json(kind: str, content: Mapping[str, Any]) -> None:
    """Write one line of JSON to stdout: an object whose first key, `type`, says what it is.

    Args:
        kind: the value of `type`, such as `sample`.
        content: the other keys and their values.

    Raises:
        ReaderGoneError: if the reader is gone.
    """
    emit(json.dumps({"type": kind, **content}) + "\n")


def prepare_streams() -> None:
    """Let the streams take any character, whatever the locale is; open the closed ones."""
    # These files stay open as long as the process lives.
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "surrogateescape"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def terminal_width(least: int = 0) -> int:
    """Return the width of the terminal in columns; 80 if there is no terminal.

    Args:
        least: width to return for a terminal that is narrower.
    """
    return max(shutil.get_terminal_size().columns, least)


def terminal_height() -> int | None:
    """Return the height of the terminal in lines; None if stdout is not a terminal."""
    return shutil.get_terminal_size().lines if sys.stdout.isatty() else None


def takes_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal whose user wants colours (no-color.org)."""
    on_terminal = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return on_terminal and not os.environ.get("NO_COLOR")


def is_plain() -> bool:
    """Return whether drawings must be ASCII because the terminal or the locale has no more."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "utf-8")
    # The console of Linux has no Braille.
    is_poor = os.environ.get("TERM") in ("dumb", "linux")
    return is_poor or "utf" not in locale.lower()


def silence_stdout() -> None:
    """Redirect stdout to nowhere, so that Python does not flush it to a reader that is gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
