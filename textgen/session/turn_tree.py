"""The turns of a session as a tree. Undo goes up to the parent and keeps the turns below."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from textgen.generation.endings import FinishReason
from textgen.generation.writing import GenerationState
from textgen.readable import cut, one_line, visible, wrap_lines
from textgen.session.recent_ids import RecentIds
from textgen.settings import OnUnknown

# Longest name that is shown in full, in characters.
LONGEST_NAME = 80


@dataclass(frozen=True, eq=False)
class Turn:
    """A text that the user typed, and its continuation.

    Attributes:
        number: number of the turn, in the order of writing; 0 is the beginning, before any text.
        parent: the turn before; None for the beginning.
        typed: the text as the user typed it.
        read: the typed text as the model read it: perhaps with a newline before it, and with
            U+FFFD for each unknown character.
        original: the continuation, as the model that wrote it wrote it.
        written: the continuation as the current model reads it.
        on_unknown: what was done with characters that the model does not know.
        prompted: the state after reading and before writing.
        after: the state after the turn.
        nats: surprise of the whole continuation; None if it was read from a file.
        seconds: time that writing took.
        finish: why the continuation ends; `end` if the current model has read the end of a document
            after it; None if it was stopped or read from a file.
        ended: whether the model that wrote the continuation ended a document there. The current
            model may know no end of a document.
        begins: whether the start of a text was read before the typed text, if nothing else was.
        learns: whether the network learns from it.
        learnt: number of segments that the network had learnt when it read and wrote it.
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
    ended: bool = False
    begins: bool = True
    learns: bool = False
    learnt: int = 0

    @property
    def text(self) -> str:
        """The text that the turn adds."""
        return self.read + self.written

    @property
    def original_text(self) -> str:
        """The text that the turn adds, as it was typed and as the model that wrote it wrote it.

        If a newline was read before the typed text, it belongs to the text.
        """
        is_after_line = self.parent is not None and self.parent.has_open_line()
        begins = bool(self.typed or (self.parent and self.parent.ended))
        is_put = is_after_line and begins and self.read.startswith("\n")
        return "\n" * is_put + self.typed + self.original

    def path(self) -> list["Turn"]:
        """Return the turns that lead here: this turn included, the beginning excluded."""
        turn, path = self, []
        while turn.parent is not None:
            path.append(turn)
            turn = turn.parent
        return path[::-1]

    def ending(self, count: int, *, is_original: bool = False) -> str:
        """Return the last characters of the text up to here; see `join_turns`."""
        turn: Turn | None = self
        last, length = list[Turn](), 0
        while turn is not None and length < count:
            last.append(turn)
            length += len(turn.original_text if is_original else turn.text)
            turn = turn.parent
        return join_turns(last[::-1], is_original=is_original)[-count:]

    def has_open_line(self) -> bool:
        """Return whether the text ends inside a line, and not at the end of a document."""
        return self.finish != "end" and self.last_character not in ("", "\n")

    @cached_property
    def last_character(self) -> str:
        """The last character of the text up to here, as `ending` finds it; empty if there is none.

        The turns without text that lead here remember it too, so that a chain of them is walked
        once.
        """
        turn, empty = self, list[Turn]()
        while turn.parent is not None and not turn.text and "last_character" not in vars(turn):
            empty.append(turn)
            turn = turn.parent
        found: str = vars(turn).get("last_character", turn.text[-1:])
        for each in reversed(empty):
            if found and each.parent is not None and each.parent.finish == "end":
                found = "\n"
            vars(each)["last_character"] = found
        return found


def join_turns(turns: Sequence[Turn], *, is_original: bool = False) -> str:
    """Return the text of turns that follow each other. What follows a document begins a line.

    Args:
        turns: the turns.
        is_original: whether the text is the one that was typed and written, rather than the one
            that the current model has read.
    """
    parts = [""]
    for turn in turns:
        is_next = turn.parent is not None and turn.parent.finish == "end"
        if is_next and parts[-1] and not parts[-1].endswith("\n"):
            parts.append("\n")
        text = turn.original_text if is_original else turn.text
        if text:
            parts.append(text)
    return "".join(parts)


def last_lines(turn: Turn, columns: int, rows: int) -> list[str]:
    """Return the last lines of the text up to a turn, as it was typed and written, to be shown.

    Args:
        turn: the turn.
        columns: width of a line in columns.
        rows: largest number of lines.
    """
    ending = turn.ending(max(rows, 0) * columns, is_original=True) if rows > 0 else ""
    return wrap_lines(visible(ending), columns).split("\n")[-rows:] if ending else []


class Tree:
    """All turns of a session, the current turn, and the names of turns.

    Attributes:
        turns: the turns by number.
        current: the current turn.
        names: the number of the turn for each name.
        visited: for the number of a turn, the number of the next turn that was visited last.
        earlier: the text whose place this one has taken; None if there was none.
        later: a text that has taken the place of this one and was left for this one again.
    """

    def __init__(self, beginning: GenerationState) -> None:
        """Begin without any text."""
        root = Turn(0, None, "", "", "", "", "error", beginning, beginning)
        self.turns, self.current = [root], root
        self._recent = RecentIds()
        self.names: dict[str, int] = {}
        self.visited: dict[int, int] = {}
        self.earlier: Tree | None = None
        self.later: Tree | None = None

    def add(self, turn: Turn) -> Turn:
        """Add a turn with the next number, and go to it."""
        numbered = self.append(turn)
        self.go(numbered)
        return numbered

    def append(self, turn: Turn) -> Turn:
        """Add a turn with the next number, without going to it."""
        assert turn.parent is not None
        prompted = self._recent.shared(turn.prompted, turn.parent.after)
        after = self._recent.shared(turn.after, prompted)
        numbered = replace(turn, number=len(self.turns), prompted=prompted, after=after)
        self.turns.append(numbered)
        return numbered

    def go(self, turn: Turn) -> None:
        """Go to a turn. From every turn on its path, `next` then leads back towards it."""
        self.current = turn
        while turn.parent is not None:
            self.visited[turn.parent.number] = turn.number
            turn = turn.parent

    def next(self) -> Turn | None:
        """Return the turn after the current one that was visited last; None if there is none."""
        number = self.visited.get(self.current.number)
        return None if number is None else self.turns[number]

    def find(self, name: str) -> Turn | None:
        """Return the turn with a name or a number; None if there is none."""
        number = self.names.get(name)
        if number is None and name.isascii() and name.isdecimal() and len(name) < 10:
            number = int(name)
        return self.turns[number] if number is not None and number < len(self.turns) else None


def draw_tree(tree: Tree, columns: int) -> Iterator[str]:
    """Draw a tree with one line for each turn, the turns after it below, and branches indented.

    Args:
        tree: the tree.
        columns: width of a line in columns. Indents take at most half of it; the outermost indents
            are left out if there are more.

    Yields:
        The lines. A `*` marks the current turn.
    """
    children: dict[int, list[Turn]] = {}
    for turn in tree.turns[1:]:
        assert turn.parent is not None
        children.setdefault(turn.parent.number, []).append(turn)
    names: dict[int, list[str]] = {}
    for name, number in tree.names.items():
        names.setdefault(number, []).append(name)
    most = max(columns // 4 * 2, 4)
    # Each entry is a turn, the indent of its line, and the indent of the lines of later turns.
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
        for rank, child in reversed([*enumerate(following, 1)]):
            if len(following) == 1:
                waiting.append((child, below, below))
                continue
            step, pillar = ("\u251c ", "\u2502 ") if rank < len(following) else ("\u2514 ", "  ")
            waiting.append((child, _indent(below + step, most), _indent(below + pillar, most)))


def _indent(lead: str, most: int) -> str:
    """Return an indent of at most a given width: if it is too long, its outermost step is cut."""
    return lead if len(lead) <= most else "\u2026 " + lead[4:]


def shown_name(name: str) -> str:
    """Return a name safe to show, since a session may come from a stranger's file."""
    return one_line(name)[:LONGEST_NAME]
