"""How a session reads: a bit at a time, so that it can be stopped, and once more when needed."""

from collections.abc import Generator as Steps
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from textgen.generation.generator import Generator
from textgen.runs.session_file import SavedTurn
from textgen.settings import OnUnknown, SamplingSettings
from textgen.terminal.turns import Tree, Turn

# Characters that are read between two looks at Ctrl-C.
READ_AT_ONCE = 100

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
    yield from _feed(generator, text, rule)
    return generator.vocabulary.decode(tokens)


def _feed(generator: Generator, text: str, rule: OnUnknown) -> Iterator[str]:
    for at in range(0, len(text), READ_AT_ONCE):
        if at:
            yield ""  # a chance to be stopped
        generator.feed(text[at : at + READ_AT_ONCE], rule)


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
        yield from _feed(generator, turn.written, rule)
        after = replace(generator.state, position=len(tokens))
        written = generator.vocabulary.decode(tokens)
        tree.add(Turn(0, parent, turn.typed, read, written, rule, prompted, after))
        yield ""
    return tree
