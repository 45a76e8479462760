"""The interactive session on a terminal or through pipes: lines in, text and messages out."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext, suppress

from textgen.data.corpus import load_text
from textgen.errors import UsageError
from textgen.generation.model import Model
from textgen.runs.library import list_runs
from textgen.session.commands import Session, no_editor
from textgen.session.conversation import Conversation, Scored
from textgen.session.messages import Message, Typed
from textgen.session.session_file import history_file, text_to_edit
from textgen.settings import OnUnknown, SamplingSettings
from textgen.terminal.display.surprise import format_surprise
from textgen.terminal.output import emit, say, takes_colours
from textgen.terminal.repl.input_blocks import Entry, ReadLine, read_entries
from textgen.workflows.load import load_model


def start_repl(
    model: Model,
    settings: SamplingSettings,
    *,
    seed: int,
    length: int,
    on_unknown: OnUnknown,
    keeps_history: bool,
) -> None:
    """Hold a session with a model, until /bye or the end of the input.

    Args:
        model: writes.
        settings: how characters are drawn.
        seed: of the draws.
        length: characters that each turn writes, at most.
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
    """Read lines and show what they do, until /bye or the end of the input.

    On a terminal the lines are edited with prompt_toolkit; otherwise they are read from stdin, and
    stdout gets each text with its continuation.

    Args:
        session: what the lines do.
        on_terminal: whether somebody types.
        keeps_history: whether lines typed on a terminal are kept for later sessions.
    """
    read_line: ReadLine = _piped_line
    if on_terminal:
        from textgen.terminal.repl.line_editor import LineEditor  # it takes a tenth of a second

        read_line = LineEditor(session, history_file() if keeps_history else None).read_line
    # Between two lines too Ctrl-C is no reason to leave: one more than it took to stop a text would
    # lose all that was not saved. Through pipes it ends the process, as it does any filter.
    with _interrupts() if on_terminal else nullcontext():
        for entry in read_entries(read_line):
            session.columns = shutil.get_terminal_size().columns
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
    shown = format_surprise(scored.text, scored.bits.tolist(), max(columns, 8), colours=colours)
    with suppress(OSError):
        print(shown, file=sys.stderr, flush=True)


def edit_text(text: str) -> str:
    """Have the user edit a text in $VISUAL or $EDITOR, and return what became of it.

    Raises:
        UsageError: if the editor cannot be run, or fails.
        CorpusError: if what it wrote is no text.
    """
    default = "notepad" if os.name == "nt" else "vi"
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or default
    advice = "set VISUAL or EDITOR to the command of another"
    with text_to_edit(text) as path:
        try:
            done = subprocess.run([*shlex.split(command), str(path)])
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise UsageError(f"cannot run the editor {command!r}: {reason}; {advice}") from error
        if done.returncode:
            raise UsageError(f"the editor {command!r} ended with code {done.returncode}; {advice}")
        return load_text(path).removesuffix("\n")


@contextmanager
def _interrupts() -> Iterator[Callable[[], bool]]:
    """Note Ctrl-C instead of acting on it, so that a piece is never half written."""
    noted: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: noted.append(number))
    try:
        yield lambda: bool(noted)
    finally:
        signal.signal(signal.SIGINT, before)
