"""Commands that read and write files: saved sessions, texts and runs."""

import os
from collections.abc import Generator as Replies
from collections.abc import Iterator

from textgen.errors import UsageError
from textgen.runs.files import replace_file
from textgen.session.arguments import count_turns, file_path
from textgen.session.command import Command, SessionState
from textgen.session.messages import Message, Reply
from textgen.session.session_file import SavedSession, read_session, write_session
from textgen.session.turn_tree import join_turns, shown_name


def model(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the run, or change to another one."""
    conversation, name = state.conversation, rest.strip()
    if name:
        yield from conversation.switch(state.load(name))
    yield Message(f"{shown_name(conversation.model.name)}, step {conversation.model.step}")


def save(state: SessionState, rest: str) -> Iterator[Reply]:
    """Save the session."""
    path = file_path("/save", rest)
    write_session(path, state.conversation.saved())
    yield Message(f"saved {count_turns(len(state.conversation.tree.turns) - 1)} to {str(path)!r}")


def load(state: SessionState, rest: str) -> Iterator[Reply]:
    """Continue a saved session."""
    saved = read_session(file_path("/load", rest))
    yield from restore(state, saved, "loaded")


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
    yield from conversation.restore(saved)
    if saved.weights != conversation.model.sha256:
        run, step = shown_name(conversation.model.name), conversation.model.step
        yield Message(
            "the session was saved with another model, "
            f"{shown_name(saved.run)} at step {saved.step}; "
            f"the session continues with {run} at step {step}"
        )
    yield Message(f"{what} {count_turns(len(saved.turns))}; now {state.position()}")


def export(state: SessionState, rest: str) -> Iterator[Reply]:
    """Write the text into a file.

    Raises:
        UsageError: if the file exists and this session has not written it.
    """
    path = file_path("/export", rest)
    text = join_turns(state.conversation.tree.current.path())
    if not text:
        yield Message("there is no text yet")
        return
    place = path.absolute()
    if os.path.lexists(path) and place not in state.exported:
        raise UsageError(f"{str(path)!r} exists; choose another name")
    ended = text if text.endswith("\n") else text + "\n"
    replace_file(path, ended.encode("utf-8", "replace"))
    state.exported.add(place)
    yield Message(f"wrote {len(text):,} characters to {str(path)!r}")


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
        details="The file holds the text up to the current turn and nothing else. Each document "
        "begins a line. A file that this session has not written is never overwritten.",
    ),
)
