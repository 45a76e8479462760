"""The command `man`: one page of every command and option."""

import sys
from typing import Annotated, Literal

import typer

from textgen.terminal.display.manual import format_page
from textgen.terminal.output import emit


def man(
    context: typer.Context,
    form: Annotated[
        Literal["auto", "text", "roff", "markdown"],
        typer.Option(
            "--form",
            help="Form of the page. auto is text in a pager on a terminal, and elsewhere roff, "
            "which `man -l -` shows.",
        ),
    ] = "auto",
) -> None:
    """Show one page of every command, argument and option."""
    if form == "auto":
        form = "text" if sys.stdout.isatty() else "roff"
    page = format_page(context.parent, form)
    if form == "text" and sys.stdout.isatty() and sys.stdin.isatty():
        import pydoc  # here, so that other commands start quickly

        pydoc.pager(page)
    else:
        emit(page)
