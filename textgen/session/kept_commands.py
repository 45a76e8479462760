"""The command that lists the sessions that were saved by themselves, and goes on with one."""

import time
from collections.abc import Generator as Replies
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from textgen.errors import TextgenError
from textgen.readable import cut, one_line
from textgen.session.arguments import count_turns, whole_number
from textgen.session.command import Command, SessionState
from textgen.session.file_commands import recall, restore
from textgen.session.kept_sessions import MOST_KEPT, KeptSessions
from textgen.session.messages import Message, Reply

# Narrowest line that shows the first words of a session, in columns. It may be wrapped.
LEAST_CUT = 60


def sessions(state: SessionState, rest: str) -> Iterator[Reply]:
    """List the kept sessions of the run, or go on with one of them."""
    conversation, kept = state.conversation, state.kept
    files = kept.files_of(conversation.model.run) if kept else []
    if kept is None or not files:
        yield Message(f"no session with the run {conversation.model.name!r} is kept")
        return
    if not rest.strip():
        state.listed, current = files, kept.file_of(conversation.tree)
        lines = [
            ("*" if path == current else " ") + _describe(kept, path, number)
            for number, path in enumerate(files, 1)
        ]
        yield Message("\n".join(cut(line, max(state.columns, LEAST_CUT)) for line in lines))
        yield Message("/sessions N goes on with one of them")
        return
    # A number means the session that was listed with it, though others may have been saved since.
    if state.listed and state.listed[0].parent == files[0].parent:
        files = state.listed
    number = whole_number("/sessions", rest, range(1, len(files) + 1))
    yield from _go_on(state, kept, files[number - 1])


def _describe(kept: KeptSessions, path: Path, number: int) -> str:
    when, what = "", "damaged"
    with suppress(OSError):
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(path.lstat().st_mtime))
    with suppress(TextgenError):
        turns = kept.read(path)[0].turns
        begin = "\n".join(turn.typed[:100] + turn.written[:100] for turn in turns[:2])
        what = f"{count_turns(len(turns))}: {one_line(begin)}"
    return f"{number:2}  {when}  {what}"


def _go_on(state: SessionState, kept: KeptSessions, path: Path) -> Replies[Reply, None, None]:
    if path == kept.file_of(state.conversation.tree):
        yield Message("that is this session")
        return
    saved, version = kept.read(path)
    yield from restore(state, saved, "continued")
    kept.go_on_with(state.conversation, path, version, is_last=False)
    yield from recall(state)


KEPT_COMMANDS = (
    Command(
        "/sessions",
        "[N]",
        "list the kept sessions of the run, or go on with one",
        sessions,
        details=f"The last {MOST_KEPT} sessions of each run are kept. The first one of the list "
        "was saved last; a star marks this session. /sessions 2 goes on with the second one, and "
        "/undo at its beginning brings the text back that was there before.",
        aliases=("/continue",),
    ),
)
