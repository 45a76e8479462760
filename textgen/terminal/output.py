"""The two streams: generated text alone to stdout, everything else to stderr."""

import io
import os
import sys
from typing import TextIO

from textgen.readable import one_line, visible


def say(message: str) -> None:
    """Print lines to stderr, safe for a terminal; that none can have them is no reason to stop."""
    try:
        print(visible(message), file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def fail(message: str) -> None:
    """Print the one line of an error to stderr."""
    say(f"textgen: {one_line(message)}")


class ReaderGoneError(Exception):
    """Nobody reads stdout any longer; not an OSError, on which Typer would end with code 1."""


def emit(text: str, *, is_safe: bool = False) -> None:
    """Write generated text to stdout at once: safe for a terminal, unchanged for a pipe.

    Args:
        text: to be written.
        is_safe: whether what could drive a terminal was made visible before colours were added.

    Raises:
        ReaderGoneError: if the reader has gone.
    """
    try:
        sys.stdout.write(visible(text) if sys.stdout.isatty() and not is_safe else text)
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def prepare_streams() -> None:
    """Let the streams take any character, whatever the locale says; open those that are closed."""
    # These stay open as long as the process lives.
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


def takes_colours(stream: TextIO) -> bool:
    """Return whether a stream leads to a terminal whose user wants colours (no-color.org)."""
    on_terminal = stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"
    return on_terminal and not os.environ.get("NO_COLOR")


def is_plain() -> bool:
    """Return whether drawings should be ASCII: where a terminal or its locale has no more."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "utf-8")
    # The console of Linux has no Braille.
    is_poor = os.environ.get("TERM") in ("dumb", "linux")
    return is_poor or "utf" not in locale.lower()


def silence_stdout() -> None:
    """Give stdout up, so that leaving does not try to flush it to a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
