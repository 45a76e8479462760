"""The two streams: generated text alone to stdout, everything else to stderr."""

import io
import os
import sys

from textgen.terminal.render import one_line, visible


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


def emit(text: str) -> None:
    """Write generated text to stdout at once: safe for a terminal, unchanged for a pipe.

    Raises:
        ReaderGoneError: if the reader has gone.
    """
    try:
        sys.stdout.write(visible(text) if sys.stdout.isatty() else text)
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


def silence_stdout() -> None:
    """Give stdout up, so that leaving does not try to flush it to a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
