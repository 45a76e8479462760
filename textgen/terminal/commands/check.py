"""The command `check`: tell what is in a text before a network is trained on it."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from textgen.terminal.commands.completion import complete_text
from textgen.terminal.commands.options import AsJson, Progress, Quiet
from textgen.terminal.commands.run_names import path_of
from textgen.terminal.commands.source_options import (
    Encoding,
    Field,
    Format,
    LabelFields,
    LabelOrigin,
    SkipBroken,
)
from textgen.terminal.display.progress_line import ProgressLine, starting
from textgen.terminal.output import columns_of, emit, emit_json


def check(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE",
            help="Files, folders, archives, names of shipped texts; - is standard input.",
            parser=path_of,
            autocompletion=complete_text,
        ),
    ],
    format: Format = None,  # noqa: A002
    field: Field = None,
    label: LabelFields = None,
    label_from: LabelOrigin = None,
    encoding: Encoding = None,
    skip_broken: SkipBroken = False,
    progress: Progress = "auto",
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Tell what is in a text, before a network is trained on it.

    Each finding names the option of train that mends it.
    """
    from textgen.data.source_rules import SourceRules

    rules = SourceRules(
        format=format,
        field=field,
        encoding=encoding,
        normalization="none",
        skip_broken=skip_broken,
        labels=tuple(label or ()),
        label_from=label_from,
    )

    from textgen.runtime.environment import prepare_jax

    prepare_jax()
    with starting(progress, quiet=quiet):
        from textgen.terminal.display.check_tables import format_check
        from textgen.terminal.display.progress import format_work
        from textgen.terminal.signals import noted_signals
        from textgen.workflows.check import check_text

    with noted_signals() as ending, ProgressLine(progress, quiet=quiet) as line:
        line.show("reading the text")
        try:
            checked = check_text(
                sources,
                rules,
                ending.interruptible,
                lambda work: line.show(format_work(work)),
            )
        except KeyboardInterrupt:
            raise typer.Exit(ending.exit_code) from None
    if ending.requested():
        raise typer.Exit(ending.exit_code)
    if as_json:
        emit_json("check", checked.to_json())
    else:
        emit(format_check(checked, columns_of(sys.stdout)) + "\n")
