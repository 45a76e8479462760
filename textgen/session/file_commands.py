"""Commands that read and write files: saved sessions, texts and runs."""

import hashlib
import os
from collections.abc import Generator as Replies
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from textgen.errors import DamagedError, RunError, UsageError
from textgen.runs.files import read_sha256, replace_file
from textgen.session.arguments import count_turns, file_path
from textgen.session.command import Command, SessionState
from textgen.session.conversation import saved_parts
from textgen.session.loaded_model import LoadedModel, steps_of
from textgen.session.messages import LONG_TEXT, Message, Reply
from textgen.session.session_file import SavedSession, read_session, write_session
from textgen.session.turn_tree import join_turns, last_lines, shown_name

# Largest file that is compared with what /export has written, in bytes.
MAX_EXPORTED = 2**28


def model(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the run, or change to another one."""
    conversation, name = state.conversation, rest.strip()
    if name:
        yield from conversation.switch(state.load(name))
    yield Message(f"{shown_name(conversation.model.name)}, {steps_of(conversation.model)}")


def save(state: SessionState, rest: str) -> Iterator[Reply]:
    """Save the session."""
    path = file_path("/save", rest, example="notes.json")
    write_session(path, state.conversation.saved())
    yield Message(f"saved {count_turns(len(state.conversation.tree.turns) - 1)} to {str(path)!r}")


def load(state: SessionState, rest: str) -> Iterator[Reply]:
    """Continue a saved session."""
    saved = read_session(file_path("/load", rest, example="notes.json"))
    yield from restore(state, saved, "loaded")
    yield from recall(state)


def restore(state: SessionState, saved: SavedSession, what: str) -> Replies[Reply, None, None]:
    """Continue a saved session, and say so.

    Args:
        state: the session that continues it.
        saved: the saved session.
        what: what was done with it, for the message.

    Raises:
        UsageError: if the model cannot write with its settings, or does not know a character.
    """
    conversation = state.conversation
    if any(turn.learnt for turn in saved.turns):
        yield Message("learning again what was learnt; Ctrl-C stops it")
    elif (size := sum(len(turn.typed + turn.written) for turn in saved.turns)) > LONG_TEXT:
        yield Message(f"reading {size:,} characters again; Ctrl-C stops it")
    yield from conversation.restore(saved, (yield from _mixed_again(state, saved)))
    model = conversation.model
    before = [saved.weights, *(part.weights for part in saved.mixed)]
    if before != [model.main.sha256, *(other.sha256 for other, _ in model.others)]:
        yield Message(
            "the session was saved with another model, "
            f"{shown_name(saved.title)} at step {saved.step}; "
            f"the session continues with {shown_name(model.name)} at {steps_of(model)}"
        )
    elif saved.learnt_weights != conversation.taught.weights:
        yield Message(
            "what was learnt differs in the last digits from what was saved, since this machine "
            "or its version of JAX is another one"
        )
    turn = conversation.tree.current
    # On a terminal the end of the text follows.
    is_short = state.rows is not None and turn.parent is not None
    position = f"at turn {turn.number}" if is_short else state.position()
    yield Message(f"{what} {count_turns(len(saved.turns))}; now {position}")


def _mixed_again(state: SessionState, saved: SavedSession) -> Replies[Reply, None, LoadedModel]:
    """Return the model of the session with what was mixed with it when another was saved."""
    model = state.conversation.model
    if saved.mixed == saved_parts(model):
        return model
    try:
        return state.mix(model.main, [f"{part.run}:{part.share!r}" for part in saved.mixed])
    except RunError as error:
        yield Message(f"{error}; the session goes on without what was mixed in")
        return model.main


def recall(state: SessionState) -> Replies[Reply, None, None]:
    """Show the end of the text on half of a terminal."""
    if state.rows is not None:
        lines = last_lines(state.conversation.tree.current, state.columns, state.rows // 2)
        if lines:
            yield Message("\n".join(lines))


def export(state: SessionState, rest: str) -> Iterator[Reply]:
    """Write the text into a file.

    Raises:
        UsageError: if the file exists and does not hold what this session has written there.
    """
    path, conversation = file_path("/export", rest), state.conversation
    text = join_turns(conversation.tree.current.path(), is_original=True)
    if not text:
        yield Message("there is no text yet")
        return
    # A saved session may be passed on: it tells nobody the names of folders.
    place = hashlib.sha256(os.fsencode(path.absolute())).hexdigest()
    if os.path.lexists(path):
        _check_unchanged(path, conversation.exported.get(place))
    data = (text if text.endswith("\n") else text + "\n").encode("utf-8", "replace")
    replace_file(path, data)
    conversation.exported[place] = hashlib.sha256(data).hexdigest()
    yield Message(f"wrote {len(text):,} characters to {str(path)!r}")


def _check_unchanged(path: Path, written: str | None) -> None:
    """Check that a file holds exactly what this session has written there.

    Args:
        path: the file.
        written: SHA-256 of what was written; None if nothing was.

    Raises:
        UsageError: if it holds anything else.
    """
    if written is None:
        raise UsageError(f"{str(path)!r} exists; choose another name")
    found = None
    with suppress(DamagedError):
        found = read_sha256(path, MAX_EXPORTED)
    if found != written:
        raise UsageError(
            f"{str(path)!r} has changed since this session wrote it; choose another name, or "
            "remove that file first"
        )


FILE_COMMANDS = (
    Command(
        "/model",
        "[RUN]",
        "show the run, or change to another one",
        model,
        lambda state: state.run_names(),
        details="Another run first reads the whole text.",
    ),
    Command(
        "/save",
        "FILE",
        "save the session",
        save,
        before_file="",
        details="The file holds all turns, names and settings. /load FILE continues the session. "
        "A file that is not a session is never overwritten.",
    ),
    Command("/load", "FILE", "continue a saved session", load, before_file=""),
    Command(
        "/export",
        "FILE",
        "write the text into a file",
        export,
        before_file="",
        details="The file holds the text up to the current turn and nothing else: what you typed "
        "as you typed it, also the characters that the model does not know. Each document begins "
        "a line. A file is replaced only if it still holds what this session wrote there, also "
        "after --continue and /load.",
    ),
)
