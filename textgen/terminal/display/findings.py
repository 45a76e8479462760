"""A list of probable mistakes, each with its line and what was probably meant."""

from collections.abc import Sequence

from textgen.readable import visible, width
from textgen.terminal.display.colours import Tile, paint
from textgen.terminal.display.restored import percentage
from textgen.workflows.proofread import Finding

FOUND, MEANT = "31", "32"
# Most bits of which the power of two is told.
MOST_BITS = 60
# What stands for a character that is missing, or is to be left out.
NOTHING = "\u2205"


def format_findings(findings: Sequence[Finding], columns: int | None, *, colours: int) -> str:
    """Write two lines for each mistake: where it is and how certain, and the text around it.

    Args:
        findings: the mistakes, in the order in which they are shown.
        columns: width of the terminal in columns; None if there is no limit.
        colours: number of colours of the terminal; 0 for marks alone.
    """
    lines = []
    for one in findings:
        found, meant = _shown(one.found), _shown(one.meant)
        head = f"line {one.line}, column {one.column}: {one.kind}, {found} for {meant}"
        if one.kind == "missing":
            head = f"line {one.line}, column {one.column}: missing {meant}"
        elif one.kind == "added":
            head = f"line {one.line}, column {one.column}: added {found}"
        gain = f"{2 ** min(one.bits, MOST_BITS):,.0f} times likelier"
        lines.append(f"{percentage(one.certainty):>7}  {head}, {gain}")
        lines.append("         " + paint(_excerpt(one, columns), colours=bool(colours)))
    return "\n".join(lines)


def _excerpt(one: Finding, columns: int | None) -> list[Tile]:
    """Return the line around a mistake: what stands there, and what was meant, in brackets."""
    before, behind = visible(one.before), visible(one.behind)
    change = [Tile("["), Tile(_shown(one.found), FOUND), Tile("|"), Tile(_shown(one.meant), MEANT)]
    change.append(Tile("]"))
    if columns is not None:
        room = max(columns - 10 - sum(width(tile.text) for tile in change), 0)
        while before and width(before) > room // 2:
            before = before[1:]
        while behind and width(behind) > room - room // 2:
            behind = behind[:-1]
    return [Tile(before), *change, Tile(behind)]


def _shown(text: str) -> str:
    return visible(text).replace("\n", "\u21b5") or NOTHING
