"""From lines to what was meant by them: a command or line, or a text of several lines."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple, Protocol

from textgen.terminal.output import say

PROMPT = "> "
TEXT_PROMPT = ". "
# What stands before and after a text of several lines.
QUOTES = '"""'


class LineCancelledError(Exception):
    """Ctrl-C was typed in the middle of a line, or of a text of several."""


class ReadLine(Protocol):
    """What reads a line; it raises EOFError at the end."""

    def __call__(self, prompt: str, *, is_text: bool) -> str:
        """Read a line.

        Args:
            prompt: shown before it.
            is_text: whether it cannot be a command.
        """
        ...


class Entry(NamedTuple):
    """What was typed.

    Attributes:
        line: a line, or a text.
        is_text: whether it cannot be a command.
    """

    line: str
    is_text: bool


def read_entries(read_line: ReadLine) -> Iterator[Entry]:
    """Yield what is typed, texts between quotes or pasted in several lines as a whole."""
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
            if pasted[1:] == [""]:  # a line that was pasted with its end
                pasted.pop()
            yield Entry("\n".join(pasted), len(pasted) > 1)
        except LineCancelledError:
            say("Ctrl-D leaves")
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
