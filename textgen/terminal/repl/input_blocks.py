"""Group typed lines into entries: a command, a line of text, or a text of several lines."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from textgen.terminal.output import say

PROMPT = "> "
TEXT_PROMPT = ". "
# The marks before and after a text of several lines.
QUOTES = '"""'


class LineCancelledError(Exception):
    """The user has pressed Ctrl-C while typing a line or a text of several lines."""


class ReadLine(Protocol):
    """A function that reads a line. It raises EOFError at the end of the input."""

    def __call__(self, prompt: str, *, is_text: bool) -> str:
        """Read a line.

        Args:
            prompt: text shown before the line.
            is_text: whether the line is part of a text, and so cannot be a command.
        """
        ...


class Entry(NamedTuple):
    """A line or a text that was typed.

    Attributes:
        line: the line or the text.
        is_text: whether it is a text, and so cannot be a command.
    """

    line: str
    is_text: bool


def read_entries(read_line: ReadLine) -> Iterator[Entry]:
    """Yield each typed line, and each text of several lines as a whole.

    A text of several lines stands between `QUOTES`, or is pasted at once.
    """
    waiting = deque[str]()

    def next_line(prompt: str, *, is_text: bool) -> str:
        if not waiting:
            waiting.extend(read_line(prompt, is_text=is_text).split("\n"))
        return waiting.popleft()

    while True:
        try:
            line = next_line(PROMPT, is_text=False)
            if line.startswith(QUOTES):
                first = line.removeprefix(QUOTES)
                is_whole = first.endswith(QUOTES)
                text = first.removesuffix(QUOTES) if is_whole else _quoted_text(first, next_line)
                yield Entry(text, True)
                continue
            pasted = [line, *waiting]
            waiting.clear()
            if pasted[1:] == [""]:  # a line was pasted with its newline
                pasted.pop()
            yield Entry("\n".join(pasted), len(pasted) > 1)
        except LineCancelledError:
            say("press Ctrl-D to leave")
        except EOFError:
            return


def _quoted_text(first: str, next_line: ReadLine) -> str:
    lines = [first] if first else []
    try:
        while (line := next_line(TEXT_PROMPT, is_text=True)) != QUOTES:
            lines.append(line)
    except EOFError:
        say(f"the text ends here without {QUOTES}")
    return "\n".join(lines)
