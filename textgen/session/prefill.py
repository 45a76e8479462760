"""How a session reads: a bit at a time, so that it can be stopped, and once more when needed."""

from collections.abc import Generator as Steps
from collections.abc import Iterator, Sequence
from dataclasses import replace
from time import perf_counter
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from textgen.generation.generator import Generator
from textgen.session.session_file import SavedTurn
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import OnUnknown, SamplingSettings

# Characters that are read before the first look at Ctrl-C; then twice as many each time, ...
FIRST_PART = 16
# ... as long as they take less than this, and half as many where they take twice as long.
PART_SECONDS = 0.02

T = TypeVar("T")
# A long work in small steps, each of which yields nothing; and then its result.
Work = Steps[str, None, T]


def join_text(generator: Generator, parent: Turn, text: str, *, is_begun: bool) -> str:
    """Return what is read of a text: it begins on a new line, where the model knows lines.

    Args:
        generator: of the model.
        parent: the turn before.
        text: as typed.
        is_begun: whether there is one, and not the wish to go on.
    """
    begins = is_begun and parent.has_open_line() and "\n" in generator.vocabulary
    return "\n" + text if begins else text


def read_typed(
    generator: Generator, parent: Turn, text: str, rule: OnUnknown, seed: int
) -> Work[str]:
    """Read a typed text after a turn, and return what the model read.

    Args:
        generator: reads; its state is then the one after the text.
        parent: the turn before.
        text: as typed.
        rule: what to do with characters that the model does not know.
        seed: of the draws that follow.

    Raises:
        UnknownCharacterError: by the rule.
    """
    text = join_text(generator, parent, text, is_begun=bool(text))
    tokens = generator.vocabulary.encode(text, rule)
    generator.state = replace(parent.after, seed=seed)
    yield from _feed(generator, tokens)
    return generator.vocabulary.decode(tokens)


def _feed(generator: Generator, tokens: NDArray[np.int32]) -> Iterator[str]:
    # Ids and not text: what stands for a character may depend on those beside it.
    for part in parts_of(len(tokens)):
        if part.start:
            yield ""  # a chance to be stopped
        generator.feed_tokens(tokens[part])


def parts_of(count: int) -> Iterator[slice]:
    """Cut a long work into parts, each of which takes about as long as a look at Ctrl-C may wait.

    Args:
        count: characters of the whole.

    Yields:
        The parts one after the other; what is done between two of them is what a part takes.
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


def reread(generator: Generator, turns: Sequence[SavedTurn]) -> Work[Tree]:
    """Read turns once more.

    Args:
        generator: has read nothing.
        turns: each after its parent.

    Returns:
        The turns with the states that they had when the model wrote them.

    Raises:
        UnknownCharacterError: by the rule of the turn.
    """
    tree = Tree(generator.state)
    for turn in turns:
        parent, rule = tree.turns[turn.parent], turn.on_unknown
        read = yield from read_typed(generator, parent, turn.typed, rule, turn.seed)
        prompted = generator.state
        tokens = generator.vocabulary.encode(turn.written, rule)
        generator.state = replace(prompted, sample=turn.sample, position=0)
        generator.generate(0, SamplingSettings())  # reads the start, where writing did
        yield from _feed(generator, tokens)
        after = replace(generator.state, position=len(tokens))
        written = generator.vocabulary.decode(tokens)
        tree.add(Turn(0, parent, turn.typed, read, turn.written, written, rule, prompted, after))
        yield ""
    return tree
