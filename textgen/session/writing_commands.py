"""Commands that write text and look at it: /more, /again, /words and others."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from textgen.data.replaced import describe_replaced, find_replaced
from textgen.errors import UsageError
from textgen.readable import cut, one_line, visible, wrap, wrap_lines
from textgen.session.arguments import whole_number
from textgen.session.command import Command, SessionState
from textgen.session.conversation import ALTERNATIVE_LENGTH, Conversation
from textgen.session.learning_commands import tell_learnt
from textgen.session.messages import LONG_TEXT, Message, Reply, Typed
from textgen.session.prefill import Progress
from textgen.session.turn_tree import Turn, join_turns, last_lines

# How many alternatives /again can write.
ALTERNATIVES = range(2, 10)
# Largest number of words that /words shows.
MAX_WORDS = 50
# Lines of the screen that /again leaves free: for the prompt and the status line.
FREE_ROWS = 2
# Lines of the text before the alternatives that /again shows, if there is room for them.
ROWS_BEFORE = 4
# Width of the number before an alternative, in columns.
NUMBER_COLUMNS = 3


def continue_text(state: SessionState, text: str, *, is_seen: bool) -> Iterator[Reply]:
    """Let the model continue a typed text.

    Args:
        state: the session.
        text: the typed text.
        is_seen: whether it is already on the screen of the user.
    """
    if len(text) > LONG_TEXT:
        yield Message(f"reading {len(text):,} characters; Ctrl-C stops it")
    with closing(state.conversation.continue_text(text)) as written:
        # Before the text is shown: this may raise an error, and what is stopped leaves no text.
        while isinstance(first := next(written, ""), Progress):
            yield first
        yield from _replacements(state, text)
        yield Typed(text, is_seen)
        yield first
        yield from written
    yield from _reason(state)
    yield from tell_learnt(state)


def _replacements(state: SessionState, text: str) -> Iterator[Reply]:
    """Tell which characters of a text the model has read as others, once for each."""
    if state.conversation.on_unknown != "nearest":
        return
    found = find_replaced(text, state.conversation.generator.vocabulary)
    new = {character: near for character, near in found.items() if character not in state.told}
    state.told.update(new)
    if new:
        yield Message(describe_replaced(new))


def _reason(state: SessionState) -> Iterator[Reply]:
    finish = state.conversation.tree.current.finish
    if finish == "stuck":
        yield Message("the text ends here: the settings permit no further character")
    elif finish == "end":
        yield Message("the document ends here; what follows begins another one")


def more(state: SessionState, rest: str) -> Iterator[Reply]:
    """Continue the text where it ends."""
    yield from continue_text(state, "", is_seen=True)


def regen(state: SessionState, rest: str) -> Iterator[Reply]:
    """Write another text in place of the last turn."""
    if state.conversation.tree.current.parent is None:
        raise UsageError("there is no turn to regenerate yet")
    yield from state.conversation.regenerate()
    yield from _reason(state)
    yield from tell_learnt(state)


def again(state: SessionState, rest: str) -> Iterator[Reply]:
    """Write alternatives to the last turn, below as much as fits of the text that they continue."""
    count = whole_number("/again", rest, ALTERNATIVES, default=3)
    conversation, columns = state.conversation, max(state.columns - NUMBER_COLUMNS, 1)
    advice, most = f"choose one with /pick 1 to /pick {count}", None
    if state.rows is not None:
        rows = max(state.rows - FREE_ROWS - len(wrap(advice, state.columns)), count)
        most = _lines_each(conversation, columns, rows, count)
        current = replace(conversation.tree.current, written="", original="")
        before = last_lines(current, state.columns, rows - count * most)
        if before:
            yield Message("\n".join(before))
    number = 0
    for turn in conversation.write_alternatives(count):
        if turn is None:
            yield ""
        else:
            number += 1
            shown = one_line(turn.written)
            if most is not None:
                shown = "\n".join(_indented(turn.written, columns, most))
            yield Message(f"{number}  {shown}")
    yield Message(advice)


def _lines_each(conversation: Conversation, columns: int, rows: int, count: int) -> int:
    """Return how many lines each alternative may take.

    A line of prose fills the screen. If the lines of the text so far end earlier, those of the
    alternatives will do so too.
    """
    longest = min(conversation.length, ALTERNATIVE_LENGTH)
    before = conversation.tree.current.ending(longest)
    broken = before.count("\n") + longest // columns + 1
    room = rows - min(ROWS_BEFORE, rows // 4)
    return max(min(room // count, broken), 1)


def _indented(text: str, columns: int, rows: int) -> list[str]:
    """Wrap the lines of a text, of which a number is shown; all but the first are indented."""
    lines = wrap_lines(visible(text).strip("\n"), columns).split("\n")
    if len(lines) > rows:
        lines[rows - 1 :] = [cut(" ".join(lines[rows - 1 :]), columns)]
    return [" " * NUMBER_COLUMNS * bool(place) + line for place, line in enumerate(lines)]


def pick(state: SessionState, rest: str) -> Iterator[Reply]:
    """Make an alternative the last turn."""
    found = state.conversation.alternatives
    if not found:
        raise UsageError("there are no alternatives; /again writes some")
    turn = found[whole_number("/pick", rest, range(1, len(found) + 1)) - 1]
    state.conversation.pick(turn)
    yield turn.written
    yield from _reason(state)


def edit(state: SessionState, rest: str) -> Iterator[Reply]:
    """Let the user edit the text that was typed last, and continue it."""
    turn: Turn | None = state.conversation.tree.current
    while turn and not turn.typed:
        turn = turn.parent
    text = state.edit(turn.typed if turn else "")
    if not text:
        raise UsageError("there is no text to continue")
    yield from continue_text(state, text, is_seen=False)


def text(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the text up to here."""
    shown = join_turns(state.conversation.tree.current.path(), is_original=True)
    yield Message(shown.removesuffix("\n") or "there is no text yet")


def words(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the likeliest next words."""
    count = whole_number("/words", rest, range(1, MAX_WORDS + 1), default=10)
    found = state.conversation.next_words(count)
    lines = [f"{100 * word.probability:5.1f} %  {word.text}" for word in found]
    yield Message("\n".join(lines) or "no word is likely here")


def score(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show the surprise of each character."""
    path = state.conversation.tree.current.path()
    if rest.strip() not in ("", "all"):
        raise UsageError("/score takes no argument or the word all")
    if not path:
        yield Message("there is no text yet")
    else:
        yield (yield from state.conversation.score(path if rest.strip() else path[-1:]))


WRITING_COMMANDS = (
    Command(
        "/more",
        "",
        "continue the text, as an empty line does",
        more,
        details="After the end of a document it begins another one.",
    ),
    Command(
        "/regen",
        "",
        "write another text in place of the last turn",
        regen,
        details="The text that was there stays a branch of its own; /tree shows it.",
    ),
    Command(
        "/again",
        "[N]",
        "write N alternatives to the last turn, 2 to 9",
        again,
        details=f"It writes 3 by default, of at most {ALTERNATIVE_LENGTH} characters each, and "
        "shows as much of them and of the text before them as fits on the screen. /pick K takes "
        "one.",
    ),
    Command("/pick", "K", "make alternative K the last turn", pick),
    Command("/edit", "", "edit and continue the last typed text ($VISUAL or $EDITOR)", edit),
    Command(
        "/text",
        "",
        "show the whole text up to here",
        text,
        details="It shows what you typed as you typed it. /export FILE writes the same text.",
    ),
    Command(
        "/words",
        "[N]",
        "show the N likeliest next words, 1 to 50",
        words,
        details="It shows 10 by default. If the text ends inside a word, these are the words that "
        "it may become.",
    ),
    Command(
        "/score",
        "[all]",
        "show how well the model predicts the last turn, or all text",
        score,
        lambda state: ["all"],
        details="Each character has a colour, or a digit where there are no colours: the more "
        "bits, the more surprising the character was to the model. The end of a document is shown "
        "as the end of a line.",
    ),
)
