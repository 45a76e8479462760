"""Reading text into a model in small parts, so that a session can be interrupted meanwhile."""

from collections.abc import Callable, Iterator, Sequence
from collections.abc import Generator as Steps
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import fitting_labels
from textgen.data.vocabulary import END
from textgen.generation.endings import FinishReason
from textgen.generation.generator import Generator
from textgen.session.session_file import SavedTurn
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import OnUnknown

# Number of characters read before the first check for Ctrl-C.
FIRST_PART = 16
# Target time of a part in seconds. A faster part is followed by one of twice the length, a part
# that takes more than twice this time by one of half the length.
PART_SECONDS = 0.02

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """A line that tells how far a long work is. It is shown until something else follows."""

    text: str


# A long task in small steps, which returns its result. Each step yields how far it is, or an empty
# text.
Work = Steps[str | Progress, None, T]


def read_so_far(read: int, total: int) -> Progress:
    """Tell how much of a text was read, in characters."""
    return Progress(f"read {read:,} of {total:,} characters")


def join_text(generator: Generator, parent: Turn, text: str, *, is_begun: bool) -> str:
    """Put a newline before a typed text if the text before it ends inside a line.

    If the text before ends a document, and the model knows no end of a document, a newline stands
    for it.

    Args:
        generator: generator of the model. No newline is put before the text if the model does not
            know it.
        parent: the turn before.
        text: the text as typed.
        is_begun: whether the text begins something new; False to go on where the parent ends.
    """
    begins = (is_begun or parent.ended) and parent.has_open_line()
    return "\n" + text if begins and "\n" in generator.vocabulary else text


def read_typed(
    generator: Generator,
    parent: Turn,
    text: str,
    rule: OnUnknown,
    seed: int,
    *,
    begins: bool = True,
    before: int = 0,
    total: int | None = None,
) -> Work[str]:
    """Read a typed text after a turn, and return what the model has read.

    Args:
        generator: generator that reads. It is left in the state after the text.
        parent: the turn before.
        text: the text as typed.
        rule: what to do with characters that the model does not know.
        seed: seed of the random draws that follow.
        begins: whether to read the start of a text first, if nothing was read before.
        before: number of characters read so far of several texts, for the progress.
        total: number of characters of all of them; None if there is only this one.

    Raises:
        UnknownCharacterError: if a character is unknown and the rule is `error`.
    """
    tokens = typed_tokens(generator, parent, text, rule)
    generator.state = replace(parent.after, seed=seed)
    if begins and text:
        generator.read_start()
    for read in _feed(generator, tokens):
        yield read_so_far(before + read, len(tokens) if total is None else total)
    return generator.vocabulary.decode(tokens)


def typed_tokens(
    generator: Generator, parent: Turn, text: str, rule: OnUnknown
) -> NDArray[np.int32]:
    """Return the ids that the model reads of a text that is typed after a turn, int32 [T].

    Raises:
        UnknownCharacterError: if a character is unknown and the rule is `error`.
    """
    return generator.encode(join_text(generator, parent, text, is_begun=bool(text)), rule)


def _feed(generator: Generator, tokens: NDArray[np.int32]) -> Iterator[int]:
    """Read characters, and yield again and again how many were read, as a chance to stop."""
    read = 0
    for read in generator.feed_long(tokens):
        yield read
    tokens = tokens[read:]
    # Ids are cut, not the text: the id of a character may depend on the characters beside it.
    for part in parts_of(len(tokens)):
        if part.start:
            yield read + part.start
        generator.feed_tokens(tokens[part])


def parts_of(count: int) -> Iterator[slice]:
    """Cut a long task into parts short enough to check for Ctrl-C between them.

    Args:
        count: number of characters of the whole.

    Yields:
        The parts one after the other. The time that the caller takes between two parts is the time
        of the part.
    """
    begin, size = 0, FIRST_PART
    while begin < count:
        begun = perf_counter()
        yield slice(begin, begin + size)
        seconds, begin = perf_counter() - begun, begin + size
        if seconds < PART_SECONDS:
            size *= 2
        elif seconds > 2 * PART_SECONDS:
            size = max(size // 2, 1)


def _learn_nothing(parent: Turn, turn: SavedTurn) -> Work[int]:
    yield from ()
    return 0


def reread(
    generator: Generator,
    turns: Sequence[SavedTurn],
    learn: Callable[[Turn, SavedTurn], Work[int]] = _learn_nothing,
) -> Work[Tree]:
    """Read the turns of a saved session again.

    Args:
        generator: generator that has read nothing yet.
        turns: saved turns, each after its parent.
        learn: makes the generator read and write with the weights of a turn that follows another,
            and returns the number of segments that they have learnt.

    Returns:
        The tree of turns, with the states that they had when the model wrote them. Its current
        turn is the beginning.

    Raises:
        UnknownCharacterError: if a character is unknown and the rule of its turn is `error`.
    """
    tree, done = Tree(generator.state), 0
    total = sum(len(turn.typed) + len(turn.written) for turn in turns)
    for turn in turns:
        parent, rule = tree.turns[turn.parent], turn.on_unknown
        generator.use_labels(fitting_labels(generator.label_fields, turn.labels))
        learnt = yield from learn(parent, turn)
        read = yield from read_typed(
            generator,
            parent,
            turn.typed,
            rule,
            turn.seed,
            begins=turn.begins,
            before=done,
            total=total,
        )
        done += len(turn.typed)
        prompted = generator.state
        tokens = generator.vocabulary.encode(turn.written, rule)
        generator.state = replace(prompted, sample=turn.sample, position=0)
        generator.read_start()  # as writing did
        for count in _feed(generator, tokens):
            yield read_so_far(done + count, total)
        done += len(turn.written)
        has_ended = turn.ended and generator.vocabulary.end_id is not None
        if has_ended:
            generator.feed_tokens(generator.vocabulary.encode_start(END))
        after = replace(generator.state, position=len(tokens) + has_ended)
        written = generator.vocabulary.decode(tokens)
        again = Turn(0, parent, turn.typed, read, turn.written, written, rule, prompted, after)
        finish: FinishReason | None = "end" if has_ended else None
        # Going to each turn would walk the whole path to it each time.
        tree.append(
            replace(
                again,
                begins=turn.begins,
                ended=turn.ended,
                finish=finish,
                learns=turn.learns,
                learnt=learnt,
            )
        )
        yield read_so_far(done, total)
    return tree
