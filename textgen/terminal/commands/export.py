"""The command `export`: write runs as one page for the browser, or a model as a folder."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from textgen.errors import RunNotFoundError, UsageError
from textgen.terminal.commands.completion import complete_run
from textgen.terminal.commands.options import AsJson, Model, Progress, Quiet
from textgen.terminal.commands.run_names import path_of, several_runs
from textgen.terminal.commands.source_options import PLAIN_TEXTS
from textgen.terminal.commands.text_input import text_chunks, text_name
from textgen.terminal.display.progress_line import ProgressLine
from textgen.terminal.output import emit_json, say

if TYPE_CHECKING:
    from textgen.workflows.export import Exported

# Ends of the name of a page.
PAGES = (".html", ".htm")
USAGE = "textgen export RUN PAGE.html, or: textgen export RUN FOLDER/"
# Most runs in a page.
MAX_RUNS = 3


def export(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[RUN]... PAGE.html|FOLDER/",
            help="Names or paths of up to three runs, the newest by default; then the page or the "
            "folder to write.",
            autocompletion=complete_run,
        ),
    ] = None,
    model: Model = None,
    weights: Annotated[
        Literal["float32", "float16", "int8"],
        typer.Option(
            help="Precision of the weights in a page. float16 halves the page, and int8 halves it "
            "again; what each costs in bits per character is measured and said."
        ),
    ] = "float16",
    checkpoints: Annotated[
        Literal["best", "all"],
        typer.Option(
            help="Checkpoints in a page: the best one, or all that were kept, to watch how the "
            "network learnt."
        ),
    ] = "best",
    text_file: Annotated[
        Path | None,
        typer.Option(
            "--text",
            metavar="FILE|-",
            parser=path_of,
            help="Text to look at in the page. By default it holds the first 4,000 characters of "
            "the validation text, which everybody who gets the page can read.",
        ),
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Put no text into the page, for privacy.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Write a page that generates text and shows the network at work, or the model as a folder.

    PAGE.html is one file with everything in it, which any browser opens offline. FOLDER/ gets the
    weights, the configuration and a model card.
    """
    target, is_folder = _target(names or ())
    runs = several_runs((names or ())[:-1], model, most=1 if is_folder else MAX_RUNS)
    if text_file is not None and no_text:
        raise UsageError("--text and --no-text contradict each other; give one of them")

    from textgen.workflows.export import (
        GIVEN_CHARACTERS,
        PageOrder,
        check_target,
        export_folder,
        export_page,
    )
    from textgen.workflows.find_units import read_beginning

    check_target(target, is_folder=is_folder, is_forced=force)
    with ProgressLine(progress, quiet=quiet) as line:
        if is_folder:
            written = export_folder(target, runs[0], is_forced=force)
        else:
            text, name = ("", "") if no_text else (None, "")
            if text_file is not None:
                chunks = text_chunks([text_file], PLAIN_TEXTS)
                text, name = read_beginning(chunks, GIVEN_CHARACTERS), text_name([text_file])
            order = PageOrder(
                runs=runs, precision=weights, checkpoints=checkpoints, text=text, text_name=name
            )
            written = export_page(target, order, is_forced=force, tell=line.show)
    if as_json:
        emit_json("export", written.to_json())
    elif not quiet:
        for told in format_exported(written, weights):
            say(told)


def _target(names: Sequence[str]) -> tuple[Path, bool]:
    """Return what is to be written, and whether it is a folder.

    Raises:
        UsageError: if the last name is neither that of a page nor that of a folder.
    """
    if not names:
        raise UsageError(f"name the page or the folder to write: {USAGE}")
    path = path_of(names[-1])
    if path.suffix.lower() in PAGES and not path.is_dir():
        return path, False
    if names[-1].endswith("/") or (path.is_dir() and not _is_run(names[-1])):
        return path, True
    raise UsageError(
        f"{names[-1]!r} is not the name of a page or a folder; end it with .html for a page, or "
        f"with / for a folder: {USAGE}"
    )


def _is_run(name: str) -> bool:
    from textgen.runs.library import find_run

    try:
        find_run(name)
    except RunNotFoundError:
        return False
    return True


def format_exported(written: "Exported", precision: str) -> Iterator[str]:
    """Say what was written, and what each precision of the weights costs."""
    size = written.size
    shown = f"{size / 1e6:.2f} MB" if size >= 10**5 else f"{size / 1e3:.1f} kB"
    yield f"wrote {written.path} ({shown})"
    for run, bits, measured in zip(written.runs, written.bits, written.measured, strict=False):
        if not bits:
            continue
        whole = bits["float32"]
        costs = ", ".join(
            f"{name} {value:.4f}" + (f" ({value - whole:+.4f})" if name != "float32" else "")
            for name, value in bits.items()
        )
        yield (
            f"{run}, bits per character on {measured:,} characters of the validation text: "
            f"{costs}; the page has {precision}"
        )
