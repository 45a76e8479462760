"""The turns of a session as a tree: undoing goes up, and nothing that was written is lost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from textgen.generation.endings import FinishReason
from textgen.generation.generator import GenerationState
from textgen.readable import cut, one_line
from textgen.settings import OnUnknown

# Of a name, as far as it is shown.
LONGEST_NAME = 80


@dataclass(frozen=True, eq=False)
class Turn:
    """A text that was typed and its continuation.

    Attributes:
        number: of the turn, from 1 in the order of writing; 0 is the beginning, before any text.
        parent: the turn that it follows; None for the beginning.
        typed: what was typed, as it was typed.
        read: the ids of it, with those of a newline put before it, as a text; U+FFFD for id 0.
        original: what was written, whatever model wrote it.
        written: the ids of it that this model reads, as a text.
        on_unknown: what was done with characters that the model does not know.
        prompted: the state after reading, before writing.
        after: the state after the turn.
        nats: the surprise of what was written, together; None if it was read from a file.
        seconds: that writing took.
        finish: why the text ends; None if it was stopped, or read from a file.
    """

    number: int
    parent: "Turn | None"
    typed: str
    read: str
    original: str
    written: str
    on_unknown: OnUnknown
    prompted: GenerationState
    after: GenerationState
    nats: float | None = None
    seconds: float = 0.0
    finish: FinishReason | None = None

    @property
    def text(self) -> str:
        """What the turn adds to the text."""
        return self.read + self.written

    def path(self) -> list["Turn"]:
        """Return the turns that lead here, this one included, the beginning not."""
        turn, path = self, []
        while turn.parent is not None:
            path.append(turn)
            turn = turn.parent
        return path[::-1]

    def ending(self, count: int) -> str:
        """Return the last characters of the text up to here."""
        turn: Turn | None = self
        text = ""
        while turn is not None and len(text) < count:
            text = turn.text[-count:] + text
            turn = turn.parent
        return text[-count:]

    def has_open_line(self) -> bool:
        """Return whether the text ends inside a line."""
        return self.ending(1) not in ("", "\n")


class Tree:
    """All turns, where the session stands among them, and the names of points."""

    def __init__(self, beginning: GenerationState) -> None:
        """Begin without any text."""
        root = Turn(0, None, "", "", "", "", "error", beginning, beginning)
        self.turns, self.current = [root], root
        self.names: dict[str, int] = {}
        # For each turn the number of the next one that was visited last.
        self.visited: dict[int, int] = {}

    def add(self, turn: Turn) -> Turn:
        """Add a turn, give it the next number, and go there."""
        numbered = replace(turn, number=len(self.turns))
        self.turns.append(numbered)
        self.go(numbered)
        return numbered

    def go(self, turn: Turn) -> None:
        """Go to a turn; `next` leads back there from every turn before it."""
        self.current = turn
        while turn.parent is not None:
            self.visited[turn.parent.number] = turn.number
            turn = turn.parent

    def next(self) -> Turn | None:
        """Return the turn after the current one that was visited last; None at an end."""
        number = self.visited.get(self.current.number)
        return None if number is None else self.turns[number]

    def find(self, name: str) -> Turn | None:
        """Return the turn of a name or a number; None if there is none."""
        number = self.names.get(name)
        if number is None and name.isascii() and name.isdecimal() and len(name) < 10:
            number = int(name)
        return self.turns[number] if number is not None and number < len(self.turns) else None


def draw_tree(tree: Tree, columns: int) -> Iterator[str]:
    """Draw a tree, a line for each turn, those after it below; branches are indented.

    Args:
        tree: to draw.
        columns: width of a line at most. Indents take half of it at most, the outer ones left out.

    Yields:
        The lines, `*` before the current turn.
    """
    children: dict[int, list[Turn]] = {}
    for turn in tree.turns[1:]:
        assert turn.parent is not None
        children.setdefault(turn.parent.number, []).append(turn)
    names: dict[int, list[str]] = {}
    for name, number in tree.names.items():
        names.setdefault(number, []).append(name)
    most = max(columns // 4 * 2, 4)
    # A turn, what stands before its number, and what before those of the turns after it.
    waiting = [(tree.turns[0], "", "")]
    while waiting:
        turn, lead, below = waiting.pop()
        mark = "*" if turn is tree.current else " "
        labels = "".join(f" [{shown_name(name)}]" for name in names.get(turn.number, []))
        if turn.parent is None:
            what = "(beginning)"
        else:
            what = f"{one_line(turn.typed[:200])} | {one_line(turn.written[:200])}".strip()
        yield cut(f"{mark} {lead}{turn.number}{labels} {what}", columns)
        following = children.get(turn.number, [])
        for place, child in reversed([*enumerate(following, 1)]):
            if len(following) == 1:
                waiting.append((child, below, below))
                continue
            step, pillar = ("\u251c ", "\u2502 ") if place < len(following) else ("\u2514 ", "  ")
            waiting.append((child, _indent(below + step, most), _indent(below + pillar, most)))


def _indent(lead: str, most: int) -> str:
    """Return an indent; one that is a step longer than it may be loses its outermost one."""
    return lead if len(lead) <= most else "\u2026 " + lead[4:]


def shown_name(name: str) -> str:
    """Return a name as it is shown: a session may come from anywhere, and names be anything."""
    return one_line(name)[:LONGEST_NAME]
