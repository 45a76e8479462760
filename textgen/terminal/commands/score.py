"""The command `score`: say how well a text fits one run or several."""

import heapq
import math
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.data.source_rules import SourceRules
from textgen.errors import ThresholdError, UsageError
from textgen.readable import cut, one_line
from textgen.settings import TEXT_UNKNOWN, check_number
from textgen.terminal.commands.options import (
    AsJson,
    Labels,
    Model,
    Output,
    Progress,
    Quiet,
    RunBeforeTexts,
    Scored,
    Texts,
)
from textgen.terminal.commands.picture import check_output, save_output
from textgen.terminal.commands.run_names import runs_and_sources
from textgen.terminal.commands.source_options import PLAIN_TEXTS, reads_texts
from textgen.terminal.commands.text_input import refuse_empty, text_chunks, with_progress
from textgen.terminal.display.render import LEAST_TEXT, format_notes
from textgen.terminal.display.score_tables import format_report, tell_unknown
from textgen.terminal.display.surprise import format_legend, format_text
from textgen.terminal.output import colours_of, columns_of, emit, emit_json, terminal_width

if TYPE_CHECKING:
    from textgen.data.file_lines import FileLines
    from textgen.evaluation.scored_text import Line, Part

# Number of lines that --sort shows by default.
TOP = 20
# Longest text that is shown without --show, in characters.
SHOWN = 2000
# Smallest width in columns of a text that is shown.
MIN_COLUMNS = 8


@reads_texts
def score(
    run: RunBeforeTexts = None,
    texts: Texts = None,
    model: Model = None,
    lines: Annotated[
        bool, typer.Option("--lines", help="Score each line, with the lines before it as context.")
    ] = False,
    separate: Annotated[
        bool, typer.Option("--separate", help="Score each line by itself, without context.")
    ] = False,
    sort: Annotated[
        bool,
        typer.Option(
            "--sort",
            help="Show the most surprising lines first; with several runs, the lines on which they "
            "differ most.",
        ),
    ] = False,
    top: Annotated[
        int | None, typer.Option(help="Number of lines that --sort shows; 20 by default.")
    ] = None,
    dynamic: Annotated[
        bool, typer.Option("--dynamic", help="Let the runs go on learning as they read.")
    ] = False,
    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--no-show",
            help="Show the text with the surprise of each character. By default a short text is "
            "shown on a terminal.",
        ),
    ] = None,
    fail_above: Annotated[
        float | None,
        typer.Option(
            metavar="BITS",
            help="End with exit code 1 if the text has more bits per character than this.",
        ),
    ] = None,
    output: Output = None,
    on_unknown: Scored = TEXT_UNKNOWN,
    label: Labels = None,
    rules: SourceRules = PLAIN_TEXTS,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Measure how well a text fits a run.

    The score is in bits per character; lower is better. With several runs, say which one fits best.
    A name such as a+b, or a:0.7+b:0.3, is that of a mixture: the mean of their probabilities.
    """
    check_number("top", TOP if top is None else top, 1, 10**6, whole=True)
    if top is not None and not sort:
        raise UsageError("--top needs --sort")
    lines = lines or separate or sort
    if show and (lines or as_json):
        raise UsageError("--show is for a whole text; give it without --lines and --json")
    if fail_above is not None:
        check_number("fail_above", fail_above, 0)
    check_output(output)
    if output is not None and (lines or show):
        raise UsageError("--output draws a whole text; give it without --lines and --show")
    if show and len(model or []) > 1:
        raise UsageError("--show is for one run; --output FILE.png draws the text for several")
    if fail_above is not None and len(model or []) > 1:
        raise UsageError("--fail-above is for one run; give --model once")
    if dynamic and separate:
        raise UsageError("--dynamic learns from line to line; give it without --separate")

    from textgen.data.file_lines import FileLines
    from textgen.workflows.load import load_mixed
    from textgen.workflows.score import Scoring

    runs, sources = runs_and_sources(run, texts, model)
    models = [load_mixed(name, "textgen score", label) for name in runs]
    places = FileLines()
    chunks = text_chunks(sources, rules, models, lines=places, quiet=quiet)
    scoring = Scoring(models, on_unknown=on_unknown, dynamic=dynamic)
    if lines:
        found = scoring.read_each_line(chunks) if separate else scoring.read_lines(chunks)
        found = with_progress(found, scoring, sources, progress if sort else "none", quiet=quiet)
        found = refuse_empty(found, sources)
        shown = heapq.nlargest(top or TOP, _written(found), key=_rank) if sort else found
        _show_lines(scoring.names, shown, places, sources, as_json=as_json)
    else:
        parts = with_progress(scoring.read(chunks), scoring, sources, progress, quiet=quiet)
        parts = refuse_empty(parts, sources)
        if output is not None:
            parts = _drawn(parts, scoring.names, output, quiet=quiet)
        is_wanted = show or (show is None and sys.stdout.isatty() and len(scoring.models) == 1)
        if is_wanted and not as_json:
            _show_text(parts, show)
        for _ in parts:
            pass
    report = scoring.report()
    if as_json:
        emit_json("score", report)
    else:
        emit(format_report(report, columns_of(sys.stdout)) + "\n")
    if not quiet:
        tell_unknown(report)
    measured = report["runs"][0]["bits_per_character"]
    if fail_above is not None and measured > fail_above:
        raise ThresholdError(measured, fail_above)


def _written(lines: "Iterable[Line]") -> "Iterator[Line]":
    """Leave out blank lines."""
    return (line for line in lines if line.text.strip())


def _rank(line: "Line") -> float:
    return line.lead if len(line.nats) > 1 else float(line.bits_per_character[0])


def _drawn(
    parts: "Iterator[Part]", names: Sequence[str], output: Path, *, quiet: bool
) -> "Iterator[Part]":
    """Pass on the parts of a text, and draw its surprise when all parts are read."""
    from textgen.pictures.scores import ScorePicture

    picture = ScorePicture()
    for part in parts:
        picture.add(part)
        yield part
    figure = picture.draw(names)
    if figure is not None:
        save_output(output, figure, quiet=quiet)


def _show_text(parts: "Iterator[Part]", show: bool | None) -> None:
    """Show a text with its surprise while it is read.

    Args:
        parts: parts of the text.
        show: True to show any text, None to show a short one.
    """
    colours = colours_of(sys.stdout)
    columns = terminal_width(MIN_COLUMNS) if sys.stdout.isatty() else None
    text, bits = "", list[float]()

    def flush(end: int) -> None:
        nonlocal text, bits
        shown = format_text(text[:end], bits[:end], columns, colours=colours)
        emit(shown + "\n", is_safe=True)
        text, bits = text[end:], bits[end:]

    for part in parts:
        text += part.text
        bits += (part.nats[0] / math.log(2)).tolist()
        if len(text) > SHOWN:
            if show is None:
                break
            flush(text.rfind("\n") + 1 or text.rfind(" ") + 1 or len(text))
    else:
        if text:
            flush(len(text))
        emit(format_legend(columns, colours=colours) + "\n", is_safe=True)


def _show_lines(
    names: Sequence[str],
    lines: "Iterable[Line]",
    places: "FileLines",
    sources: Sequence[Path],
    *,
    as_json: bool,
) -> None:
    """Print lines as they come: number, bits per character of each run, the best run, text.

    The name of the file stands before the text, unless a single file was named.
    """
    heads = [str(number) for number in range(1, len(names) + 1)] if names[1:] else ["bits/char"]
    room = max(6, *map(len, heads))
    columns = columns_of(sys.stdout)
    left = 9 + (room + 2) * len(heads) + 6 * bool(names[1:])
    is_table = columns is None or columns - left >= LEAST_TEXT
    for index, line in enumerate(lines):
        file, number = places.find(line.number)
        is_alone = len(sources) < 2 and not (sources and file.startswith(f"{sources[0]}/"))
        text = one_line(line.text if is_alone else f"{file}: {line.text}")
        if not index and not as_json:
            for head, name in zip(heads, names, strict=True) if names[1:] else ():
                note = f"{head}: bits per character of {one_line(name)}"
                emit(format_notes([note], columns) + "\n")
            likeliest = "  best" if names[1:] else ""
            if is_table:
                emit(f"   line  {'  '.join(f'{head:>{room}}' for head in heads)}{likeliest}\n")
        bits = line.bits_per_character.tolist()
        best = names[bits.index(min(bits))]
        if as_json:
            found = {"file": file, "line": number, "text": line.text, "characters": line.characters}
            also = {"likeliest": best, "lead": line.lead} if len(names) > 1 else {}
            emit_json("line", found | {"bits_per_character": bits} | also)
            continue
        if not is_table:
            told = [f"{head}: {one:.3f}" for head, one in zip(heads, bits, strict=True)]
            told += [f"best: {heads[bits.index(min(bits))]}"] if names[1:] else []
            rows = [f"line {number}", *(f"  {one}" for one in told)]
            emit(format_notes([*rows, f"  {text}"], columns) + "\n")
            continue
        numbers = "  ".join(f"{one:{room}.3f}" for one in bits)
        likeliest = f"  {heads[bits.index(min(bits))]:>4}" if names[1:] else ""
        row = f"{number:7}  {numbers}{likeliest}  {text}"
        emit((row if columns is None else cut(row, columns)).rstrip() + "\n")
