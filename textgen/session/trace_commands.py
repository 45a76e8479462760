"""The command that tells what of the text stands in the training text: /trace."""

from collections.abc import Generator as Replies

from textgen.aside import aside
from textgen.generation.trace import open_tracer
from textgen.session.arguments import whole_number
from textgen.session.command import Command, SessionState
from textgen.session.messages import Message, Reply
from textgen.session.prefill import Progress
from textgen.session.turn_tree import shown_name
from textgen.settings import TRACE_LEAST, TRACE_LEAST_OF_ALL, TRACE_MOST_OF_ALL

ALL = "all"
ALLOWED = range(TRACE_LEAST_OF_ALL, TRACE_MOST_OF_ALL + 1)
MAKING = "making the index of the training text, once; Ctrl-C stops it"
PROGRESS = "making the index"


def trace(state: SessionState, rest: str) -> Replies[Reply, None, None]:
    """Show which stretches of the last turn, or of all text, stand in the training text.

    Raises:
        SettingError: if the argument is none of the word `all` and a number of characters.
    """
    first, _, after = rest.strip().partition(" ")
    is_all = first == ALL
    least = whole_number("/trace", after if is_all else rest, ALLOWED, TRACE_LEAST)
    turns = state.conversation.tree.current.path()
    if not turns:
        yield Message("there is no text yet")
        return
    chosen = turns if is_all else turns[-1:]
    # A text ends before the turn after it begins.
    texts = (turn.text + "\n" * (turn.finish == "end") for turn in chosen[:-1])
    text = "".join(texts) + chosen[-1].text
    model = state.conversation.model
    if model.others:
        yield Message(f"this looks into the training text of {shown_name(model.main.name)} alone")
    opening, is_told = aside(open_tracer(model.run, least)), False
    while True:
        try:
            share = next(opening)
        except StopIteration as stop:
            tracer = stop.value
            break
        is_long = share is not None and share < 1  # a small text needs no message
        if is_long and not is_told:
            yield Message(MAKING)
        is_told = is_told or is_long
        yield Progress(f"{PROGRESS}: {share:.0%}") if is_long else ""
    found = tracer.trace(text, least)
    if found.problem:
        yield Message(f"the index is not kept for the next time: {found.problem}")
    yield found


TRACE_COMMANDS = (
    Command(
        "/trace",
        "[all] [N]",
        "show what of the last turn, or of all text, is copied",
        trace,
        lambda state: [ALL],
        details=f"It finds the stretches of at least N characters, {TRACE_LEAST} by default, that "
        "stand in the training text, and tells the file and line of each. The first time it makes "
        "an index of the training text, which is kept with the run. textgen trace does the same "
        "for any text.",
    ),
)
