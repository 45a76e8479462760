"""The two streams: generated text alone to stdout, everything else to stderr."""

import os
import sys

from textgen.terminal.render import one_line, visible


def say(message: str) -> None:
    """Print a line to stderr, safe for a terminal."""
    print(visible(message), file=sys.stderr, flush=True)


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
    """Let both streams take any character, whatever the locale says."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape", newline="\n")
    if hasattr(sys.stderr, "reconfigure"):
        sys.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")


def silence_stdout() -> None:
    """Give stdout up, so that leaving does not try to flush it to a reader that has gone."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
