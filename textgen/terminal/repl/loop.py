"""The interactive session on a terminal or through pipes: lines in, text and messages out."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress

from textgen.generation.model import Model
from textgen.runs.library import list_runs
from textgen.session.commands import Session, no_editor
from textgen.session.conversation import Conversation, Scored
from textgen.session.messages import Message, Typed
from textgen.settings import OnUnknown, SamplingSettings
from textgen.terminal.display.surprise import format_surprise
from textgen.terminal.output import emit, say, takes_colours, terminal_width
from textgen.terminal.repl.external_editor import edit_text
from textgen.terminal.repl.history import history_file
from textgen.terminal.repl.input_blocks import Entry, ReadLine, read_entries
from textgen.workflows.load import load_model

# Smallest width in columns of a text that is shown with its surprise.
MIN_COLUMNS = 8


def start_repl(
    model: Model,
    settings: SamplingSettings,
    *,
    seed: int,
    length: int,
    on_unknown: OnUnknown,
    keeps_history: bool,
) -> None:
    """Run a session with a model until /bye or the end of the input.

    Args:
        model: model that writes.
        settings: sampling settings.
        seed: seed of the random draws.
        length: most characters that a turn writes.
        on_unknown: what to do with typed characters that the model does not know.
        keeps_history: whether lines typed on a terminal are kept for later sessions.
    """
    conversation = Conversation(model, settings, seed=seed, length=length, on_unknown=on_unknown)
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    session = Session(
        conversation,
        load=load_model,
        run_names=lambda: [run.name for run in list_runs()],
        edit=edit_text if on_terminal else no_editor,
    )
    run_repl(session, on_terminal=on_terminal, keeps_history=keeps_history)


def run_repl(session: Session, *, on_terminal: bool, keeps_history: bool) -> None:
    """Read lines, pass them to a session and show its replies, until /bye or the end of the input.

    On a terminal the lines are edited with prompt_toolkit. Otherwise they are read from stdin, and
    stdout gets each text with its continuation.

    Args:
        session: session that replies to the lines.
        on_terminal: whether the lines are typed on a terminal.
        keeps_history: whether lines typed on a terminal are kept for later sessions.
    """
    read_line: ReadLine = _piped_line
    if on_terminal:
        from textgen.terminal.repl.line_editor import LineEditor  # the import takes 0.1 s

        read_line = LineEditor(session, history_file() if keeps_history else None).read_line
    # On a terminal, Ctrl-C between two lines does not end the session: pressed once too often to
    # stop a text, it would lose everything that is not saved. Through pipes it ends the process, as
    # it ends any filter.
    with _interrupts() if on_terminal else nullcontext():
        for entry in read_entries(read_line):
            session.columns = terminal_width()
            _show_reply(session, entry, on_terminal=on_terminal)
            if not session.running:
                return


def _piped_line(prompt: str, *, is_text: bool) -> str:
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.removesuffix("\n").removesuffix("\r")


def _show_reply(session: Session, entry: Entry, *, on_terminal: bool) -> None:
    is_open = False
    reply = session.respond(entry.line, is_text=entry.is_text)
    with _interrupts() as interrupted, closing(reply):
        for part in reply:
            if isinstance(part, Typed):
                text = "" if on_terminal and part.is_seen else part.text
            else:
                text = part if isinstance(part, str) else ""
            if isinstance(part, str | Typed):
                emit(text)
                is_open = is_open or bool(text)
            else:
                if is_open:
                    emit("\n")
                    is_open = False
                if isinstance(part, Message):
                    say(part.text)
                else:
                    _show_surprise(part, session.columns)
            if interrupted():
                break
    if is_open:
        emit("\n")


def _show_surprise(scored: Scored, columns: int) -> None:
    colours = takes_colours(sys.stderr)
    columns = max(columns, MIN_COLUMNS)
    shown = format_surprise(scored.text, scored.bits.tolist(), columns, colours=colours)
    with suppress(OSError):
        print(shown, file=sys.stderr, flush=True)


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of raising KeyboardInterrupt, so that a piece is written whole."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
