"""The command that tells what of the text stands in the training text: /trace."""

from collections.abc import Generator as Replies

from textgen.errors import UsageError
from textgen.generation.trace import LEAST, open_tracer
from textgen.session.command import Command, SessionState
from textgen.session.messages import Message, Reply

MAKING = "making the index of the training text, once; Ctrl-C stops it"


def trace(state: SessionState, rest: str) -> Replies[Reply, None, None]:
    """Show which stretches of the last turn, or of all text, stand in the training text."""
    turns = state.conversation.tree.current.path()
    if rest.strip() not in ("", "all"):
        raise UsageError("/trace takes no argument or the word all")
    if not turns:
        yield Message("there is no text yet")
        return
    chosen = turns if rest.strip() else turns[-1:]
    text = "".join(turn.text + "\n" * (turn.finish == "end") for turn in chosen)
    opening, is_told = open_tracer(state.conversation.model.run, LEAST), False
    while True:
        try:
            share = next(opening)
        except StopIteration as stop:
            tracer = stop.value
            break
        is_short = share == 1  # a small text needs no message
        yield "" if is_told or is_short else Message(MAKING)
        is_told = True
    found = tracer.trace(text, LEAST)
    if found.problem:
        yield Message(f"the index is not kept for the next time: {found.problem}")
    yield found


TRACE_COMMANDS = (
    Command(
        "/trace",
        "[all]",
        "show what of the last turn, or of all text, is copied",
        trace,
        lambda state: ["all"],
        details=f"It finds the stretches of at least {LEAST} characters that stand in the training "
        "text, and tells the file and line of each. The first time it makes an index of the "
        "training text, which is kept with the run. textgen trace does the same for any text.",
    ),
)
