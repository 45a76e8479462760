"""What a command prints: generated text alone to stdout, everything else to stderr."""

import io
import json
import math
import os
import shutil
import stat
import sys
import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, ClassVar, Literal, Self, TextIO

from textgen.errors import StorageError, TextgenWarning, storage_errors
from textgen.readable import StreamWrapper, cut, one_line, visible, wrap_lines

# Smallest width of a terminal at which text is wrapped, in columns.
LEAST_COLUMNS = 20
# Seconds between two lines of progress, and until the first one appears at the foot of a terminal.
PROGRESS_SECONDS, LIVE_SECONDS = 5.0, 1.0
# Seconds between two looks at whether the line at the foot of a terminal is still right.
REDRAW_SECONDS = 0.1
# Parts of the names of terminals that have 256 colours or more.
MANY_COLOURS = ("256color", "direct", "kitty", "alacritty", "foot", "ghostty", "wezterm")
ERASE_LINE = "\r\x1b[K"

ProgressMode = Literal["auto", "live", "plain", "none"]


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
    return columns if columns >= LEAST_COLUMNS else None


def say(message: str) -> None:
    """Print lines to stderr, safe for a terminal and wrapped to its width.

    A stderr that is gone is no reason to stop.
    """
    columns, text = columns_of(sys.stderr), visible(message)
    try:
        with ProgressLine.out_of_the_way():
            print(wrap_lines(text, columns) if columns else text, file=sys.stderr, flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


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
            if not issubclass(category, TextgenWarning):
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

    # The line that is now on the terminal, and what protects the terminal from two writers.
    _drawn: ClassVar["ProgressLine | None"] = None
    _lock: ClassVar = threading.RLock()
    # Whether the cursor is at the beginning of a line of the terminal.
    _is_free: ClassVar[bool] = True

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
        self._message = self._shown = ""
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
            self._erase()
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
        self._erase()

    def _draw_until_ended(self) -> None:
        wait = self._begun + LIVE_SECONDS - time.monotonic()
        while not self._ended.wait(max(wait, 0)):
            wait = REDRAW_SECONDS
            with self._lock, suppress(OSError):
                self._draw()

    def _draw(self) -> None:
        seconds = int(time.monotonic() - self._begun)
        time_taken, columns = f", {seconds} s", (columns_of(sys.stderr) or 80) - 1
        line = cut(one_line(self._message), columns - len(time_taken)) + time_taken
        is_new = line != self._shown or ProgressLine._drawn is not self
        is_wanted = self._message and not self._ended.is_set()
        if is_new and is_wanted and ProgressLine._is_free:
            sys.stderr.write(f"\r{line}\x1b[K")
            sys.stderr.flush()
            self._shown, ProgressLine._drawn = line, self

    @classmethod
    def _erase(cls) -> None:
        with cls._lock, suppress(OSError):
            if cls._drawn is not None:
                cls._drawn = None
                sys.stderr.write(ERASE_LINE)
                sys.stderr.flush()

    @classmethod
    @contextmanager
    def out_of_the_way(cls, *, ends_line: bool = True) -> Iterator[None]:
        """Remove the line from the terminal while something else is written to it.

        Args:
            ends_line: whether the cursor is at the beginning of a line afterwards. If it is not, no
                progress is shown until it is.
        """
        with cls._lock:
            cls._erase()
            yield
            cls._is_free = ends_line

    @classmethod
    def erase_at_once(cls) -> None:
        """Remove the line before the process ends, whoever writes to the terminal meanwhile."""
        if cls._drawn is not None:
            os.write(sys.stderr.fileno(), ERASE_LINE.encode())


def starting(mode: ProgressMode, *, quiet: bool) -> ProgressLine:
    """Return the context in which to import what imports JAX, which can take some seconds."""
    line = ProgressLine(mode, quiet=quiet)
    line.show("starting JAX")
    return line


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
    aside = ProgressLine.out_of_the_way(ends_line=text.endswith("\n"))
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


def is_piped(stream: TextIO) -> bool:
    """Return whether a stream goes to another program, rather than to a terminal or a file."""
    try:
        return stat.S_ISFIFO(os.fstat(stream.fileno()).st_mode)
    except OSError:
        return False


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
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
