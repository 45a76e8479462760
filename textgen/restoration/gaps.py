"""Marks in a text that say where characters are missing, and how many."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from textgen.errors import UsageError

# Mark of one missing character, unless the user gives another.
GAP = "_"
# Longest gap that `[...]` stands for, and longest gap of all, in characters.
LONGEST_UNKNOWN, LONGEST_GAP = 10, 200
# A gap of unknown length, `[...]`; of a given length, `[3]`; of a length in an interval, `[2-5]`.
BRACKETS = re.compile(r"\[(?:(\.\.\.)|(\d{1,6})(?:-(\d{1,6}))?)\]")


@dataclass(frozen=True)
class Gap:
    """A place where characters are missing.

    Attributes:
        shortest: fewest characters that may be missing, at least 1.
        longest: most characters that may be missing, at most 200.
    """

    shortest: int
    longest: int


def parse_gaps(text: str, mark: str = GAP) -> list[str | Gap]:
    """Cut a text into what is known and what is missing.

    Args:
        text: any text.
        mark: the mark of one missing character. Marks that touch are one gap.

    Returns:
        Known texts and gaps in turn, none of them empty.

        >>> parse_gaps("th_ q[2-4]k")
        ['th', Gap(shortest=1, longest=1), ' q', Gap(shortest=2, longest=4), 'k']

    Raises:
        UsageError: if there is no gap, or a gap is too long or has no possible length.
    """
    if len(mark) != 1 or mark in "[]\n":
        raise UsageError(f"gap must be a single character other than a bracket, got {mark!r}")
    pieces = list[str | Gap]()
    position = 0
    for match in re.finditer(f"{re.escape(mark)}+|{BRACKETS.pattern}", text):
        if match.start() > position:
            pieces.append(text[position : match.start()])
        pieces.append(_gap(match, mark))
        position = match.end()
    if position < len(text):
        pieces.append(text[position:])
    if not any(isinstance(piece, Gap) for piece in pieces):
        raise UsageError(
            f"the text has no gap; mark each missing character by {mark}, and a gap of unknown "
            "length by [...] or [2-5]"
        )
    return pieces


def _gap(match: re.Match[str], mark: str) -> Gap:
    found = match[0]
    if found.startswith(mark):
        shortest = longest = len(found)
    elif match[1]:
        shortest, longest = 1, LONGEST_UNKNOWN
    else:
        shortest = int(match[2])
        longest = int(match[3] or match[2])
    if not 1 <= shortest <= longest:
        raise UsageError(f"the gap {found} has no possible length; write for example [2-5]")
    if longest > LONGEST_GAP:
        raise UsageError(
            f"a gap of {longest:,} characters is too long; at most {LONGEST_GAP} can be restored"
        )
    return Gap(shortest, longest)


def with_marks(pieces: Sequence[str | Gap], mark: str) -> str:
    """Return the known texts with a single mark for each gap."""
    return "".join(piece if isinstance(piece, str) else mark for piece in pieces)
