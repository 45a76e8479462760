"""The help of all commands as one page: in roff for `man`, in Markdown, or as plain text.

Typer writes the help of a command by the methods of a formatter; each form has one of its own, so
that no page says anything that the help does not say.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from textgen import __version__
from textgen.terminal.display.help import ARGUMENT_TYPE

PageForm = Literal["roff", "markdown", "text"]
# Characters that roff would take for commands or for other characters.
ROFF = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


class _Lines:
    """Collects the lines of a page. Its methods are those that Typer calls."""

    # Width to which Typer shortens the sentence about each command: never.
    width = 10**6

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write_paragraph(self) -> None:
        """Begin a paragraph; each form parts them itself."""

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Indent what is written; no form needs it."""
        yield

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write a heading, and what is below it."""
        self.write_heading(name)
        yield

    def write_heading(self, name: str) -> None:
        """Write the heading of a list within the help of a command."""
        raise NotImplementedError


class RoffLines(_Lines):
    """Writes the page that `man` shows; see groff_man(7)."""

    def write_usage(self, prog: str, args: str = "") -> None:
        """Write how a command is called."""
        self.lines += [".PP", f"\\fB{roff(prog)}\\fR {roff(args)}".rstrip()]

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        for paragraph in text.split("\n\n"):
            self.lines += [".PP", roff(" ".join(paragraph.split()))]

    def write_heading(self, name: str) -> None:
        """Write the heading of a list."""
        self.lines += [".PP", f"\\fI{roff(name)}\\fR"]

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write a list of options, arguments or commands with their texts."""
        for term, text in rows:
            shown = roff(ARGUMENT_TYPE.sub(r"\1", term))
            self.lines += [".TP", f"\\fB{shown}\\fR", roff(" ".join(text.split()))]

    def begin(self, title: str, *, is_first: bool) -> None:
        """Begin the part of a command."""
        if is_first:
            self.lines += [f'.TH TEXTGEN 1 "" "textgen {roff(__version__)}" "User Commands"']
            self.lines += [
                ".SH NAME",
                r"textgen \- train a character-level LSTM, and write with it",
            ]
        self.lines += [f'.SH "{roff(title).upper() if is_first else roff(title)}"']


class MarkdownLines(_Lines):
    """Writes a page of Markdown."""

    def write_usage(self, prog: str, args: str = "") -> None:
        """Write how a command is called."""
        self.lines += [f"`{f'{prog} {args}'.strip()}`", ""]

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        for paragraph in text.split("\n\n"):
            self.lines += [" ".join(paragraph.split()), ""]

    def write_heading(self, name: str) -> None:
        """Write the heading of a list."""
        self.lines += [f"### {name}", ""]

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write a list of options, arguments or commands with their texts."""
        for term, text in rows:
            shown = ARGUMENT_TYPE.sub(r"\1", term)
            self.lines.append(f"- `{shown}`: {' '.join(text.split())}")
        self.lines += [""]

    def begin(self, title: str, *, is_first: bool) -> None:
        """Begin the part of a command."""
        self.lines += [f"{'#' if is_first else '##'} {title}", ""]


def roff(text: str) -> str:
    r"""Return text as roff shows it to the letter.

    >>> roff(".5 is --off \u00e9")
    '\\&.5 is \\-\\-off \\[u00E9]'
    """
    shown = "".join(
        ROFF.get(char, char if char.isascii() else f"\\[u{ord(char):04X}]") for char in text
    )
    return re.sub(r"^(?=\.)", r"\\&", shown).replace('"', r"\(dq")


def format_page(context: Any, form: PageForm) -> str:
    """Return one page of the commands with all of their arguments and options.

    Args:
        context: the context of the group of commands, as Typer has it.
        form: form of the page.
    """
    group = context.command
    contexts = [
        context,
        *(
            type(context)(command, info_name=name, parent=context)
            for name, command in group.commands.items()
        ),
    ]
    if form == "text":
        return "\n\n\n".join(one.command.get_help(one) for one in contexts) + "\n"
    page = RoffLines() if form == "roff" else MarkdownLines()
    for one in contexts:
        page.begin(one.command_path, is_first=one is context)
        one.command.format_help(one, page)
    return re.sub("\n{3,}", "\n\n", "\n".join(page.lines).rstrip("\n")) + "\n"
