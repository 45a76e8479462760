"""The interactive session on a terminal or through pipes: lines in, text and messages out."""

import signal
import sys
from collections.abc import Callable, Iterator
from collections.abc import Generator as Replies
from contextlib import closing, contextmanager, nullcontext, suppress

from textgen.errors import TextgenError
from textgen.generation.trace import Trace
from textgen.session.commands import Session
from textgen.session.conversation import Scored
from textgen.session.kept_sessions import KeptSessions
from textgen.session.messages import Message, Reply, Typed
from textgen.session.prefill import Progress
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.display.surprise import format_surprise
from textgen.terminal.display.trace import format_trace, format_traced
from textgen.terminal.output import (
    Writer,
    colours_of,
    say,
    takes_colours,
    terminal_height,
    terminal_width,
)
from textgen.terminal.repl.history import history_file
from textgen.terminal.repl.input_blocks import ReadLine, read_entries

# Smallest width in columns of a text that is shown with its surprise.
MIN_COLUMNS = 8
# Most stretches of a trace that are listed.
LISTED = 10


class Repl:
    """Reads lines, passes them to a session and shows its replies.

    On a terminal the lines are edited with prompt_toolkit. Otherwise they are read from stdin, and
    stdout gets each text with its continuation.
    """

    def __init__(
        self,
        session: Session,
        kept: KeptSessions | None,
        *,
        on_terminal: bool,
        keeps_history: bool,
        quiet: bool = False,
    ) -> None:
        """Prepare to read.

        Args:
            session: session that replies to the lines.
            kept: saves the session after each turn; None to save nothing.
            on_terminal: whether the lines are typed on a terminal.
            keeps_history: whether lines typed on a terminal are kept for later sessions.
            quiet: whether to leave out how far a long work is.
        """
        self._session, self._kept, self._on_terminal = session, kept, on_terminal
        self._keeps_history, self._quiet = keeps_history, quiet
        self._writer = Writer()

    def run(self) -> None:
        """Answer lines until /bye or the end of the input."""
        read_line: ReadLine = _piped_line
        if self._on_terminal:
            from textgen.terminal.repl.line_editor import LineEditor  # the import takes 0.1 s

            history = history_file() if self._keeps_history else None
            read_line = LineEditor(self._session, history).read_line
        # On a terminal, Ctrl-C between two lines does not end the session: it is easily pressed
        # once too often to stop a text. Through pipes it ends the process, as it ends any filter.
        with _interrupts() if self._on_terminal else nullcontext():
            for entry in read_entries(read_line):
                self.show(self._session.respond(entry.line, is_text=entry.is_text))
                self._keep()
                if not self._session.running:
                    return

    def show(self, reply: Replies[Reply, None, None]) -> None:
        """Show a reply of the session, which has not begun; Ctrl-C stops it."""
        session = self._session
        session.columns = terminal_width()
        session.rows = terminal_height() if self._on_terminal else None
        self._writer.wraps = session.wraps
        is_open = False
        line = ProgressLine(quiet=self._quiet)
        with _interrupts() as interrupted, closing(reply), line:
            for part in reply:
                line.show(part.text if isinstance(part, Progress) else "")
                if isinstance(part, Typed):
                    text = "" if self._on_terminal and part.is_seen else part.text
                else:
                    text = part if isinstance(part, str) else ""
                if isinstance(part, str) and not is_open and sys.stdout.isatty():
                    # This space goes on from the text before: it is no indentation.
                    text = text.lstrip(" ")
                if isinstance(part, str | Typed):
                    self._writer.write(text)
                    is_open = is_open or bool(text)
                elif not isinstance(part, Progress):
                    is_open = self._end_line(is_open)
                    if isinstance(part, Message):
                        say(part.text)
                    elif isinstance(part, Scored):
                        _show_surprise(part, self._session.columns)
                    else:
                        _show_trace(part, self._session.columns)
                if interrupted():
                    break
        self._end_line(is_open)

    def _end_line(self, is_open: bool) -> bool:
        if is_open:
            self._writer.write("\n")
        return False

    def _keep(self) -> None:
        """Save the session by itself. Where that fails, it is said once."""
        if self._kept is None:
            return
        try:
            self._kept.keep(self._session.conversation)
        except (TextgenError, OSError) as error:
            problem = error.strerror if isinstance(error, OSError) else str(error)
            self._kept = None
            say(f"the session is not saved by itself: {problem}; /save FILE saves it")


def _piped_line(prompt: str, *, is_text: bool) -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n").removesuffix("\r")


def _show_surprise(scored: Scored, columns: int) -> None:
    colours = colours_of(sys.stderr)
    room = max(columns, MIN_COLUMNS) if sys.stderr.isatty() else None
    shown = format_surprise(scored.text, scored.bits.tolist(), room, colours=colours)
    with suppress(OSError):
        print(shown, file=sys.stderr, flush=True)


def _show_trace(trace: Trace, columns: int) -> None:
    colours = takes_colours(sys.stderr)
    room = max(columns, MIN_COLUMNS) if sys.stderr.isatty() else None
    shown = format_traced(trace, room, colours=colours)
    listed = format_trace(trace, room, top=LISTED, colours=colours)
    with suppress(OSError):
        print(f"{shown}\n{listed}", file=sys.stderr, flush=True)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of raising KeyboardInterrupt, so that a piece is written whole."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
