"""Commands that move through the turns of a session: /undo, /goto and others."""

from collections.abc import Iterator

from textgen.errors import UsageError
from textgen.session.arguments import count_turns, did_you_mean
from textgen.session.command import Command, SessionState
from textgen.session.messages import Message, Reply
from textgen.session.turn_tree import Turn, draw_tree, shown_name


def _recall(state: SessionState, turn: Turn) -> Iterator[Reply]:
    """Learn again what the weights of a turn had learnt, if they are not kept in memory."""
    conversation = state.conversation
    missing = conversation.taught.missing(turn)
    if missing:
        yield Message(f"learning {missing:,} characters again; Ctrl-C stops it")
    yield from conversation.taught.recall(turn)


def undo(state: SessionState, rest: str) -> Iterator[Reply]:
    """Go back before the last turn, or to the text that /clear or /load has taken away."""
    conversation = state.conversation
    parent = conversation.tree.current.parent
    if parent is not None:
        yield from _recall(state, parent)
        conversation.go(parent)
        yield Message(f"undid the last turn; {count_turns(len(parent.path()))} left")
    elif conversation.go_to_earlier_text():
        yield Message(f"the earlier text is back; now {state.position()}")
    else:
        raise UsageError("there is no turn to undo")


def redo(state: SessionState, rest: str) -> Iterator[Reply]:
    """Go forward to what was undone."""
    conversation = state.conversation
    following = conversation.tree.next()
    if following is not None:
        yield from _recall(state, following)
        conversation.go(following)
        yield Message(state.position())
    elif conversation.go_to_later_text():
        yield Message(f"the later text is back; now {state.position()}")
    else:
        raise UsageError("there is no turn to redo")


def branch(state: SessionState, rest: str) -> Iterator[Reply]:
    """Give the last turn a name."""
    name, tree = rest.strip(), state.conversation.tree
    if not name or len(name.split()) > 1 or name.isdecimal() or len(name) > 40:
        yield Message(
            "/branch takes a name without spaces that is not a number, as in /branch rain"
        )
        return
    before = tree.names.get(name)
    tree.names[name] = tree.current.number
    moved = before not in (None, tree.current.number)
    other = f"; before, turn {before} had this name" if moved else ""
    yield Message(f"named turn {tree.current.number} {name!r}{other}")


def goto(state: SessionState, rest: str) -> Iterator[Reply]:
    """Go to the turn of a name or number."""
    name, tree = rest.strip(), state.conversation.tree
    turn = tree.find(name)
    if turn is None:
        known = [*map(shown_name, tree.names)]
        hint = did_you_mean(name, known) if known else ""
        hint += " (/tree shows all turns)"
        yield Message(
            f"there is no turn {name[:40]!r}{hint}"
            if name
            else "/goto takes the name or the number of a turn, as in /goto 2"
        )
        return
    yield from _recall(state, turn)
    state.conversation.go(turn)
    yield Message(state.position())


def show_tree(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show all turns."""
    yield Message("\n".join(draw_tree(state.conversation.tree, state.columns)))


def clear(state: SessionState, rest: str) -> Iterator[Reply]:
    """Begin anew without any text."""
    if state.conversation.clear():
        yield Message("cleared the text; /undo brings it back")
    else:
        yield Message("there is no text yet")


def turn_names(state: SessionState) -> list[str]:
    """Return the names of turns that can be typed."""
    # A name that cannot be shown as it is cannot be typed either.
    return [name for name in state.conversation.tree.names if name == shown_name(name)]


TREE_COMMANDS = (
    Command(
        "/undo",
        "",
        "go back to the point before the last turn",
        undo,
        details="After /clear and /load it brings back the text that was there before.",
    ),
    Command("/redo", "", "go forward to the turn that was undone", redo),
    Command(
        "/branch",
        "NAME",
        "give the last turn a name",
        branch,
        details="/goto NAME returns to it, and what is written there begins a new branch.",
    ),
    Command("/goto", "NAME", "go to the turn of this name or number", goto, turn_names),
    Command(
        "/tree",
        "",
        "show all turns and their names",
        show_tree,
        details="A star marks the current turn.",
    ),
    Command("/clear", "", "begin anew without any text; /undo brings it back", clear),
)
