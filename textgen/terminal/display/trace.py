"""A text with the stretches that stand in a training text, and where they stand."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from textgen.data.shipped import shipped_corpus
from textgen.errors import CorpusError
from textgen.readable import cut, one_line, width
from textgen.terminal.display.colours import Tile, paint
from textgen.terminal.display.render import format_count, format_notes, format_table
from textgen.terminal.display.surprise import text_rows

if TYPE_CHECKING:
    from textgen.generation.trace import Stretch, Trace

# Colours of stretches in turn, letters on a background, among the 16 colours of a terminal.
COLOURS = ("30;46", "30;43", "30;45", "30;42", "97;44", "97;41")
# Widest text of a stretch in the list, in columns.
EXCERPT = 60
LEGEND = "below each character that is copied: the last digit of the number of its stretch"


def format_traced(trace: "Trace", columns: int | None, *, colours: bool) -> str:
    """Write a text with its stretches: in colours, or with their numbers below the characters.

    Args:
        trace: the text and its stretches.
        columns: width of the terminal in columns, at least 8; None if there is no limit.
        colours: whether to write colours.
    """
    lines = _coloured if colours else _marked
    rows = text_rows(trace.text, trace.owners.tolist(), columns)
    shown = [line for row in rows for line in lines(row)]
    if trace.stretches and not colours:
        shown.append(format_notes([LEGEND], columns))
    return "\n".join(shown)


def format_trace(
    trace: "Trace", columns: int | None, *, top: int, colours: bool = False, option: str = ""
) -> str:
    """Write the list of the stretches, and what they are together.

    Args:
        trace: the text and its stretches.
        columns: width of the terminal in columns; None if there is no limit.
        top: largest number of stretches to list; the longest are.
        colours: whether a stretch has its colour in the list.
        option: option that lists more stretches; empty if there is none.
    """
    longest = sorted(range(len(trace.stretches)), key=lambda n: -len(trace.stretches[n]))[:top]
    rows = [("", "characters", "where", "text")]
    for number in sorted(longest):
        one = trace.stretches[number]
        text = one_line(trace.text[one.begin : one.end])
        where = format_place(one)
        rows.append((str(number + 1), _size(one), where, cut(text, EXCERPT)))
    lines = [format_table(rows, columns)] if longest else []
    if len(trace.stretches) > len(longest):
        more = len(trace.stretches) - len(longest)
        advice = f"; {option} {len(trace.stretches)}" if option else ""
        lines.append(format_notes([f"and {more:,} more{advice}"], columns))
    if colours and longest:
        lines = [_with_colours(lines[0], sorted(longest)), *lines[1:]]
    return "\n".join([*lines, format_notes([summary(trace)], columns)])


def summary(trace: "Trace") -> str:
    """Say how much of a text stands in the training text."""
    total = format_count(len(trace.text), "character")
    what = f"in stretches of at least {trace.least}"
    if not trace.stretches:
        return f"none of {total} stands in the training text {what}"
    share = 100 * trace.share
    shown = ">99.5 %" if 99.5 < share < 100 else f"{share:.0f} %"
    shown = shown if share >= 1 else "less than 1 %"
    longest = "" if all(one.is_longest for one in trace.stretches) else "at least "
    stand = "stand" if len(trace.text) > 1 else "stands"
    return (
        f"{shown} of {total} {stand} in the training text {what}; "
        f"longest {longest}{trace.longest:,}"
    )


def format_place(stretch: "Stretch") -> str:
    """Write where a stretch stands: `fables.txt:12-14`, or the number of a record."""
    first, last = stretch.first, stretch.last
    name = one_line(_short(first.file))
    shown = str(first._replace(file=name))
    if last.file != first.file:
        shown += f" to {one_line(_short(last.file))}:{last.number}"
    elif last.number != first.number:
        shown += f"-{last.number}"
    places = "" if stretch.is_longest else "at least "
    if stretch.places > 1 or places:
        shown += f", {places}{format_count(stretch.places, 'place')}"
    return shown


def _short(file: str) -> str:
    """Return the name of a shipped text without its folder, and any other name as it is."""
    path = Path(file)
    with suppress(CorpusError):
        return path.name if shipped_corpus(path.stem) == path else file
    return file


def _size(stretch: "Stretch") -> str:
    return f"{len(stretch):,}" + ("" if stretch.is_longest else "+")


def _with_colours(table: str, numbers: list[int]) -> str:
    """Give the number at the beginning of each row of a table or a list its colour."""
    lines, left = table.split("\n"), [*numbers]
    for index, line in enumerate(lines):
        number = f"{left[0] + 1}" if left else ""
        if left and line.lstrip().split(" ")[0] == number:
            at = line.index(number)
            colour = colour_of(left.pop(0))
            lines[index] = line[:at] + paint([Tile(number, colour)]) + line[at + len(number) :]
    return "\n".join(lines)


def colour_of(number: int) -> str:
    """Return the code of the colour of a stretch; empty for -1, which is none."""
    return "" if number < 0 else COLOURS[number % len(COLOURS)]


def _coloured(row: list[tuple[str, int]]) -> Iterator[str]:
    yield paint(Tile(sign, colour_of(owner)) for sign, owner in row)


def _marked(row: list[tuple[str, int]]) -> Iterator[str]:
    yield "".join(sign for sign, _ in row)
    marks = "".join(
        ("" if owner < 0 else str((owner + 1) % 10)).ljust(size)
        for sign, owner in row
        if (size := width(sign))
    )
    if marks.strip():
        yield marks.rstrip()
