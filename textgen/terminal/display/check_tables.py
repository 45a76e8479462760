"""What is in a text, for people: its size, its characters, and what may harm a model of it."""

from collections.abc import Iterator

from textgen.data.labels import listed_counts
from textgen.data.origins import Place
from textgen.data.read_report import left_out
from textgen.data.survey import Character
from textgen.readable import one_line, visible, width
from textgen.terminal.display.render import (
    format_count,
    format_duration,
    format_labelled,
    format_notes,
    format_table,
)
from textgen.workflows.check import Checked

# Characters listed of each kind: the most frequent ones, and those that may be mistakes.
FREQUENT = 60
LISTED = 12
# Longest place, in characters; the beginning of a longer one is left out.
PLACE_COLUMNS = 40
# Scripts that are named.
SCRIPTS = 4


def format_check(checked: Checked, columns: int | None) -> str:
    """Describe what is in a text.

    Args:
        checked: the text.
        columns: width of the terminal in columns; None if there is no limit.
    """
    blocks = [format_labelled([*_facts(checked)], columns)]
    odd = [one for one in checked.survey.alphabet if one.place]
    if odd:
        blocks.append(_characters(odd, columns))
    if checked.findings:
        lines = ["to look at before training:"]
        for finding in checked.findings:
            remedy = f" ({finding.remedy})" if finding.remedy else ""
            lines.append(f"- {one_line(finding.what)}{remedy}")
        blocks.append(format_notes(lines, columns))
    else:
        blocks.append("nothing speaks against training on it")
    return "\n\n".join(blocks)


def _facts(checked: Checked) -> Iterator[tuple[str, str]]:
    found, files = checked.survey, checked.files
    size = format_count(found.characters, "character")
    blank = f", {found.blank_lines:,} of them blank" if found.blank_lines else ""
    yield "size", f"{size}, {format_count(found.lines, 'line')}{blank}"
    kinds = sorted({file.kind for file in files})
    named = one_line(files[0].name) if len(files) == 1 else format_count(len(files), "file")
    yield "read", f"{named} ({', '.join(kinds)})"
    for name, reason in checked.report.passed_over[:LISTED]:
        yield "passed over", f"{one_line(name)}: {reason}"
    if (more := len(checked.report.passed_over) - LISTED) > 0:
        yield "", f"and {more:,} more"
    if checked.report.broken:
        left = left_out(checked.report.broken, one_line(checked.report.first_broken))
        yield "left out", left.removeprefix("left out: ")
    encodings = sorted({file.findings.encoding for file in files} - {""})
    yield "encoding", ", ".join(encodings) or "that of the format"
    yield "line ends", ", ".join(_line_ends(checked)) or "LF"
    for change in checked.report.changes():
        yield "changed", change
    listed = "".join(map(_shown, found.alphabet[:FREQUENT]))
    more = len(found.alphabet) - FREQUENT
    alphabet = listed + (f" and {more:,} more" if more > 0 else "")
    yield "alphabet", f"{format_count(len(found.alphabet), 'character')}: {alphabet}"
    scripts = [f"{script} {share:.0%}" for script, share in found.scripts[:SCRIPTS]]
    yield "scripts", ", ".join(scripts) or "none"
    for number, field in enumerate(checked.labels):
        yield "" if number else "labels", f"{field.name}: {listed_counts(field)}"
    lines = (f"{size:,} at {_where(place)}" for size, place in found.longest_lines)
    yield "longest lines", ", ".join(lines)
    repeated = format_count(found.repeated_lines, "line")
    yield "repeated", f"{repeated}; {found.repeated_texts:,} files or records"
    yield "held out", checked.split.reason.removeprefix("validation: ")
    yield "also in training", f"{found.leaked:.1%} of what is held out, line by line"
    times = (f"{size} about {format_duration(time)}" for size, time in checked.seconds.items())
    yield "to read it once", ", ".join(times)


def _line_ends(checked: Checked) -> Iterator[str]:
    found = [file.findings for file in checked.files]
    for name, count in (
        ("CR LF", sum(one.returns for one in found)),
        ("CR", sum(one.old_returns for one in found)),
        ("CR CR LF", sum(one.double_returns for one in found)),
    ):
        if count:
            yield f"{count:,} {name}"


def _characters(odd: list[Character], columns: int | None) -> str:
    rows = [("character", "", "count", "where", "name")]
    for one in odd[:LISTED]:
        place = _where(one.place) if one.place else ""
        code = f"U+{ord(one.character):04X}"
        rows.append((_shown(one), code, f"{one.count:,}", place, one.name.lower()))
    table = format_table(rows, columns, num_names=2)
    more = len(odd) - LISTED
    return table + (f"\nand {more:,} more" if more > 0 else "")


def _where(place: Place) -> str:
    shown = one_line(str(place))
    # The end tells more than the beginning: it has the name of the file.
    return shown if len(shown) <= PLACE_COLUMNS else f"\u2026{shown[1 - PLACE_COLUMNS :]}"


def _shown(character: Character) -> str:
    """Return a character as a terminal can show it; a mark stands on a circle."""
    if character.character == "\n":
        return "\u21b5"
    if character.character == " ":
        return "\u2423"
    if character.character == "\t":
        return "\u2192"
    if character.is_invisible:
        return f"<U+{ord(character.character):04X}>"
    shown = visible(character.character)
    return shown if width(shown) else f"\u25cc{shown}"
