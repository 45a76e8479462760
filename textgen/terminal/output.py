"""What a command prints: generated text alone to stdout, everything else to stderr."""

import io
import json
import os
import shutil
import stat
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, TextIO

from textgen.errors import StorageError, TextgenWarning, storage_errors
from textgen.readable import StreamWrapper, one_line, visible, wrap_lines
from textgen.runtime.sizes import MOST_COLUMNS, MOST_LINES

# Smallest width of a terminal at which text is wrapped, in columns.
LEAST_COLUMNS = 20
# What clears a line from the cursor on.
CLEAR_LINE = "\x1b[K"
# What JAX warns of, for each program, if its folder of compiled code cannot be read or written.
CACHE_WARNING = "persistent compilation cache entry"
# Parts of the names of terminals that have 256 colours or more.
MANY_COLOURS = ("256color", "direct", "kitty", "alacritty", "foot", "ghostty", "wezterm")


def columns_of(stream: TextIO) -> int | None:
    """Return the width of the terminal behind a stream in columns.

    None if the stream is no terminal, or if the terminal is too narrow for words to be kept whole:
    text is then written as it is. The variable COLUMNS comes before the terminal's own answer.
    """
    if not stream.isatty():
        return None
    try:
        columns = int(os.environ.get("COLUMNS") or 0)
        columns = columns or os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return None
    return min(columns, MOST_COLUMNS) if columns >= LEAST_COLUMNS else None


def say(message: str) -> None:
    """Print lines to stderr, safe for a terminal and wrapped to its width.

    A stderr that is gone is no reason to stop.
    """
    columns, text = columns_of(sys.stderr), visible(message)
    try:
        with Foot.out_of_the_way():
            print(wrap_lines(text, columns) if columns else text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(_open_null(), sys.stderr.fileno())


def fail(message: str) -> None:
    """Print the one line of an error to stderr."""
    say(f"textgen: {one_line(message)}")


@contextmanager
def said_warnings() -> Iterator[None]:
    """Say each warning of textgen once, on a line of stderr, as long as the context lasts."""
    said: set[str] = set()
    with warnings.catch_warnings():
        show_other = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *rest: Any) -> None:
            if CACHE_WARNING in str(message):
                folder = os.environ.get("JAX_COMPILATION_CACHE_DIR", "")
                text = f"compiled code cannot be kept in {folder!r}; it is compiled each time"
                warnings.warn(text, TextgenWarning, stacklevel=2)
            elif not issubclass(category, TextgenWarning):
                show_other(message, category, *rest)
            elif str(message) not in said:
                said.add(str(message))
                say(str(message))

        warnings.showwarning = show  # type: ignore[assignment]
        warnings.simplefilter("always", TextgenWarning)
        yield


def silence_warnings() -> None:
    """Say no further warning in the innermost `said_warnings`."""
    warnings.simplefilter("ignore", TextgenWarning)


class Foot:
    """The line at the foot of the terminal that says how far a work is.

    It is removed while something else is written to the terminal.
    """

    # What is drawn, and what protects the terminal from two writers.
    drawn: ClassVar[str] = ""
    _lock: ClassVar = threading.RLock()
    # Whether the cursor is at the beginning of a line.
    _is_free: ClassVar[bool] = True

    @classmethod
    def draw(cls, compose: Callable[[], str]) -> None:
        """Draw a line over the last one, unless it is empty or the place is taken.

        Args:
            compose: function that returns the line; nothing else is written meanwhile.
        """
        with cls._lock, suppress(OSError):
            line = compose()
            if line and cls._is_free and line != cls.drawn:
                sys.stderr.write(f"\r{line}{CLEAR_LINE}")
                sys.stderr.flush()
                cls.drawn = line

    @classmethod
    def erase(cls) -> None:
        """Remove the line."""
        with cls._lock, suppress(OSError):
            if cls.drawn:
                cls.drawn = ""
                sys.stderr.write(f"\r{CLEAR_LINE}")
                sys.stderr.flush()

    @classmethod
    @contextmanager
    def out_of_the_way(cls, *, ends_line: bool = True) -> Iterator[None]:
        """Remove the line while something else is written.

        Args:
            ends_line: whether the cursor is at the beginning of a line afterwards. If it is not, no
                line is drawn until it is.
        """
        with cls._lock:
            cls.erase()
            yield
            cls._is_free = ends_line

    @classmethod
    def erase_at_once(cls) -> None:
        """Remove the line before the process ends, whoever writes to the terminal meanwhile."""
        if cls.drawn:
            os.write(sys.stderr.fileno(), f"\r{CLEAR_LINE}".encode())


class ReaderGoneError(Exception):
    """Nobody reads stdout any longer. It is no OSError, since Typer ends with code 1 on those."""


def emit(text: str, *, is_safe: bool = False) -> None:
    """Write generated text to stdout at once: safe for a terminal, unchanged for a pipe.

    Args:
        text: text to write.
        is_safe: whether control characters were made visible already, before colours were added.

    Raises:
        ReaderGoneError: if the reader is gone.
        StorageError: if it cannot be written, to a full disk for example.
    """
    on_terminal = sys.stdout.isatty()
    aside = Foot.out_of_the_way(ends_line=text.endswith("\n"))
    try:
        with (
            storage_errors(Path("standard output")),
            aside if on_terminal and text else nullcontext(),
        ):
            sys.stdout.write(visible(text) if on_terminal and not is_safe else text)
            sys.stdout.flush()
    except StorageError as error:
        if isinstance(error.__cause__, BrokenPipeError):
            raise ReaderGoneError from error
        silence_stdout()
        raise


def emit_json(kind: str, content: Mapping[str, Any]) -> None:
    """Write one line of JSON to stdout: an object whose first key, `type`, says what it is.

    Args:
        kind: the value of `type`, such as `sample`.
        content: the other keys and their values.

    Raises:
        ReaderGoneError: if the reader is gone.
    """
    emit(json.dumps({"type": kind, **content}) + "\n")


class Writer:
    """Writes generated text to stdout: wrapped at words on a terminal, unchanged for a pipe.

    Attributes:
        wraps: whether text is wrapped on a terminal; it may change between two lines.
    """

    def __init__(self, *, wraps: bool = True) -> None:
        self.wraps = wraps
        self._wrapper = StreamWrapper(LEAST_COLUMNS)

    def write(self, text: str) -> None:
        """Write the next piece of the text. On a terminal, the last word may wait for its end.

        Raises:
            ReaderGoneError: if the reader is gone.
        """
        # The width is read each time, since a window changes its size.
        columns = columns_of(sys.stdout) if self.wraps else None
        if columns is None:
            self.flush()
            self._wrapper = StreamWrapper(LEAST_COLUMNS)
            emit(text)
        else:
            self._wrapper.columns = columns
            emit(self._wrapper.feed(visible(text)), is_safe=True)

    def flush(self) -> None:
        """Write the word that waits for its end."""
        emit(self._wrapper.flush(), is_safe=True)


def _open_null() -> int:
    """Open a file that holds nothing and takes everything, and return its descriptor."""
    try:
        return os.open(os.devnull, os.O_RDWR)
    except FileNotFoundError:  # a machine without /dev
        return os.memfd_create("null")


def prepare_streams() -> None:
    """Let the streams take any character, whatever the locale is; open the closed ones."""
    # These files stay open as long as the process lives.
    sys.stdin = sys.stdin or open(_open_null())  # noqa: SIM115
    sys.stdout = sys.stdout or open(_open_null(), "w")  # noqa: SIM115
    sys.stderr = sys.stderr or open(_open_null(), "w")  # noqa: SIM115
    for stream, errors in (
        (sys.stdin, "surrogateescape"),
        (sys.stdout, "surrogateescape"),
        (sys.stderr, "backslashreplace"),
    ):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)


def is_piped(stream: TextIO) -> bool:
    """Return whether a stream goes to another program, rather than to a terminal or a file."""
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False


def terminal_width(least: int = 0) -> int:
    """Return the width of the terminal in columns, at most 1,000; 80 if there is no terminal.

    Args:
        least: width to return for a terminal that is narrower.
    """
    return max(min(shutil.get_terminal_size().columns, MOST_COLUMNS), least)


def terminal_height() -> int | None:
    """Return the height of the terminal in lines, at most 1,000; None if stdout is none."""
    if not sys.stdout.isatty():
        return None
    return min(shutil.get_terminal_size().lines, MOST_LINES)


def takes_colours(stream: TextIO) -> bool:
    """Return whether a stream is a terminal whose user wants colours (no-color.org)."""
    return colours_of(stream) > 0


def colours_of(stream: TextIO) -> int:
    """Return how many colours a stream shows: 256, 16, or 0 if it is no terminal.

    0 also if the user wants no colours.
    """
    kind = os.environ.get("TERM", "dumb")
    if not stream.isatty() or kind == "dumb" or os.environ.get("NO_COLOR"):
        return 0
    has_many = os.environ.get("COLORTERM") in ("truecolor", "24bit")
    return 256 if has_many or any(name in kind for name in MANY_COLOURS) else 16


def is_plain() -> bool:
    """Return whether drawings must be ASCII because the terminal or the locale has no more."""
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_CTYPE", "LANG"))
    locale = next(filter(None, names), "utf-8")
    # The console of Linux has no Braille.
    is_poor = os.environ.get("TERM") in ("dumb", "linux")
    return is_poor or "utf" not in locale.lower()


def silence_stdout() -> None:
    """Redirect stdout to nowhere, so that Python does not flush it to a reader that is gone."""
    os.dup2(_open_null(), sys.stdout.fileno())


def keep_output_clean() -> None:
    """Let only Python write to standard output: Gloo greets there, from C++."""
    sys.stdout.flush()
    sys.stdout = os.fdopen(os.dup(1), "w", encoding=sys.stdout.encoding, errors="replace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
