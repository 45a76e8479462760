"""The command `restore`: fill the gaps of a text."""

import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from textgen.errors import UsageError, read_as
from textgen.runtime.cores import multiply_with_one_thread
from textgen.settings import MAX_SEED, SamplingSettings, check_number
from textgen.terminal.commands.completion import complete_run
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet, Seed
from textgen.terminal.commands.run_names import one_run
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import colours_of, columns_of, emit, emit_json, say

if TYPE_CHECKING:
    from textgen.workflows.restore import Restored, RestoreOrder

# Most alternatives of a gap.
MOST = 1000


def restore(
    run: Annotated[
        str | None,
        typer.Argument(
            metavar="RUN",
            help="Name or path of a run trained with --direction both; left out with --model.",
            autocompletion=complete_run,
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Argument(
            metavar="TEXT",
            help="The text with its gaps; standard input by default, and for -.",
        ),
    ] = None,
    model: Model = None,
    file: Annotated[Path | None, typer.Option(help="File with the text.", metavar="FILE")] = None,
    gap: Annotated[
        str,
        typer.Option(
            metavar="CHAR",
            help="Character that marks a missing one. [...] is a gap of unknown length, [2-5] one "
            "of two to five characters.",
        ),
    ] = "_",
    num: Annotated[int, typer.Option(help="Number of alternatives for each gap.")] = 1,
    temperature: Annotated[
        float,
        typer.Option(
            help="Above 0, draw the alternatives at random; 0 gives the likeliest ones.",
            metavar="T",
        ),
    ] = 0.0,
    seed: Seed = None,
    forbid: Annotated[
        str, typer.Option(help="Characters that are never filled in.", metavar="CHARS")
    ] = "",
    only: Annotated[
        str, typer.Option(help="The only characters that may be filled in.", metavar="CHARS")
    ] = "",
    words: Annotated[
        Path | None,
        typer.Option(help="File with the only words that a gap may stand in.", metavar="FILE"),
    ] = None,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Fill the gaps of a text, by a network that reads in both directions.

    Each _ is a missing character, as in: textgen restore RUN 'The q__ck brown [...] jumped'. Gaps
    that stand close together are filled jointly.
    """
    check_number("num", num, 1, MOST, whole=True)
    check_number("temperature", temperature, 0)
    if seed is not None:
        check_number("seed", seed, 0, MAX_SEED, whole=True)
    if model and run is not None and text is None:
        run, text = None, run
    if text not in (None, "-") and file is not None:
        raise UsageError("a text and --file cannot both be given")
    named = one_run(run, model)
    multiply_with_one_thread()
    damaged = _text(text, file)

    from textgen.data.words import read_words
    from textgen.workflows.load import load_model
    from textgen.workflows.restore import Restored, RestoreOrder, restore

    order = RestoreOrder(
        mark=gap,
        num=num,
        temperature=temperature,
        seed=secrets.randbelow(2**31) if seed is None else seed,
        settings=SamplingSettings(
            forbid=forbid, only=only, words=read_words(words) if words else ()
        ),
    )
    loaded = load_model(named)
    parts, done = list[Restored | str](), 0
    with ProgressLine(progress, quiet=quiet) as line:
        line.show("filling gaps")
        for part in restore(loaded, damaged, order):
            parts.append(part)
            done += len(part if isinstance(part, str) else part.before + part.text())
            line.show(f"read {done:,} of about {len(damaged):,} characters")
    _show(parts, order, as_json=as_json, quiet=quiet)


def _text(text: str | None, file: Path | None) -> str:
    if file is None:
        if text not in (None, "-"):
            return text
        if sys.stdin.isatty():
            say("reading from the terminal; end the text with Ctrl-D")
        return sys.stdin.read().removeprefix("\ufeff").replace("\r\n", "\n")

    from textgen.data.sources import load_text

    with read_as("text"):
        return load_text(file)


def _show(
    parts: "Sequence[Restored | str]", order: "RestoreOrder", *, as_json: bool, quiet: bool
) -> None:
    from textgen.terminal.display.restored import format_alternatives, format_restored
    from textgen.workflows.restore import report

    if as_json:
        emit_json("restoration", report(parts, order))
        return
    if sys.stdout.isatty():
        colours, columns = colours_of(sys.stdout), columns_of(sys.stdout)
        emit(format_restored(parts, columns, colours=colours) + "\n", is_safe=True)
    else:
        whole = "".join(one if isinstance(one, str) else one.before + one.text() for one in parts)
        emit(whole if whole.endswith("\n") else whole + "\n")
    if not quiet:
        say(format_alternatives(parts, columns_of(sys.stderr)))
