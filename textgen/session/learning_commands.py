"""Commands of a session that learns: how the learning stands, on and off."""

import math
from collections.abc import Iterator

from textgen.errors import RunExistsError
from textgen.session.command import Command, SessionState
from textgen.session.controls import OFF, ON
from textgen.session.conversation import Conversation
from textgen.session.messages import Message, Reply

# Most segments of the last turn that are measured before and after they were learnt.
MEASURED = 50
# Name of the hint that the weights of the first turns are not kept any more.
FIRST_DROPPED = "dropped weights"


def learn(state: SessionState, rest: str) -> Iterator[Reply]:
    """Show how the learning stands, or turn it on or off."""
    conversation, word = state.conversation, rest.strip().lower()
    if word == ON:
        conversation.taught.start(conversation.model, waits=state.rows is None)
        yield Message(
            "learning is on: what you type, and what you keep of what is written, teaches the "
            "network; /learn off stops it"
        )
    elif word == OFF:
        conversation.taught.learns = False
        yield Message("learning is off; what was learnt stays, and /undo goes back before it")
    elif word:
        yield Message("/learn takes no argument, or the word on or off")
    else:
        yield from _standing(conversation)


def _standing(conversation: Conversation) -> Iterator[Reply]:
    learning, learnt = conversation.taught.learning, conversation.taught.in_use
    if learning is None:
        yield Message("learning is off; /learn on turns it on")
        return
    yield Message(f"learning is {ON if conversation.taught.learns else OFF}")
    if not learning.is_ready:
        yield Message("JAX is being started; until then nothing is learnt")
    if learnt is not None:
        yield Message(
            f"{learnt.characters:,} characters are learnt. Before it learnt them, the network "
            f"predicted them at {learnt.bits_per_character:.2f} bits per character; without "
            f"learning it would have at {learnt.trained_bits_per_character:.2f}"
        )
    waiting = _waiting(conversation)
    if waiting:
        yield Message(f"{waiting:,} characters wait to be learnt")
    if learning.is_ready and not learning.problem:
        weights = learning.weights
        dropped = "; older ones are learnt again when they are needed" if weights.dropped else ""
        yield Message(
            f"{len(weights)} sets of weights are kept for /undo and /goto, "
            f"{weights.nbytes / 1e6:.0f} MB{dropped}"
        )


def keep(state: SessionState, rest: str) -> Iterator[Reply]:
    """Make a run of what was learnt, after what was typed and kept is learnt whole.

    Raises:
        UsageError: if nothing was learnt.
    """
    name, conversation = rest.strip(), state.conversation
    if not name:
        yield Message("/keep takes the name of the new run, as in /keep mine")
        return
    waiting = _waiting(conversation)
    if waiting:
        yield Message(f"learning {waiting:,} characters; Ctrl-C stops it")
    learnt = yield from conversation.taught.learn_whole(conversation.tree.current)
    if learnt is None:
        yield Message("nothing is learnt yet; /learn on teaches the network what you type")
        return
    try:
        run = state.keep(learnt, name)
    except RunExistsError as error:
        yield Message(f"the run {name!r} exists; choose another name, such as {error.free_name}")
        return
    yield Message(
        f"kept {learnt.characters:,} learnt characters as the run {run.name!r}; "
        f"textgen repl {run.reference} writes with it"
    )


def _waiting(conversation: Conversation) -> int:
    """Return the number of characters up to the current turn that could be learnt and are not."""
    turn, learning = conversation.tree.current, conversation.taught.learning
    if learning is None or not (conversation.taught.learns and turn.learns and learning.is_ready):
        return 0
    if learning.problem:
        return 0
    tokens, learner = conversation.taught.lesson(turn), learning.learner
    found = learning.weights.find(tokens).segments
    return (learner.segments_in(tokens) - found) * learner.segment


def tell_learnt(state: SessionState) -> Iterator[Reply]:
    """Tell what the current turn has learnt of the text before it, and how well it knows it."""
    turn, taught = state.conversation.tree.current, state.conversation.taught
    learning, after = taught.learning, taught.in_use
    yield from (Message(note) for note in taught.take_notes())
    if learning is None or turn.parent is None or after is None or not turn.learns:
        return
    tokens, size = taught.lesson(turn), learning.learner.segment
    before = learning.weights.find(tokens, turn.parent.learnt)
    if after.segments == before.segments:
        return
    first = max(before.segments, after.segments - MEASURED) * size
    measured = tokens[: after.segments * size + 1]
    bits = [
        learning.learner.measure(each.weights, before.states, measured, first) / math.log(2)
        for each in (before, after)
    ]
    # The turn was written without these, even if they have been learnt meanwhile.
    waiting = (learning.learner.segments_in(tokens) - after.segments) * size
    more = f"; {waiting:,} wait" if waiting else ""
    yield Message(
        f"learnt {after.characters - before.characters:,} characters: {bits[0]:.2f} bits per "
        f"character before, {bits[1]:.2f} after{more}"
    )
    if learning.weights.dropped and FIRST_DROPPED not in state.told:
        state.told.add(FIRST_DROPPED)
        yield Message(
            "the weights of the first turns are no longer kept, for lack of room; going back to "
            "them takes as long as learning them did"
        )
    if after.returns > before.returns:
        yield Message(
            "what was learnt predicted worse than the trained network; the weights went back to "
            "the trained ones"
        )


LEARNING_COMMANDS = (
    Command(
        "/learn",
        "[on|off]",
        "learn from what you type and keep, or show how it stands",
        learn,
        lambda state: [ON, OFF],
        details="The network learns from a typed text at once, and from a written text when the "
        "next turn shows that you kept it, not after /undo or /regen. It learns in the background "
        "between turns; a turn that begins early uses what was learnt so far. /undo, /goto and "
        "/load bring the weights back as they were at that turn. Text from before /learn on is "
        "not learnt, and /clear begins with the trained network. /keep NAME makes a run of what "
        "was learnt.",
    ),
    Command(
        "/keep",
        "NAME",
        "make a run of what the network has learnt",
        keep,
        details="The run has the text of the run that it began from, and textgen info shows what "
        "it began from. What was written in the last turn is not learnt yet.",
    ),
)
