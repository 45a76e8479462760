"""The help of commands, wrapped at words in terminals of any width."""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from typer.core import TyperCommand, TyperGroup

from textgen.readable import width, wrap
from textgen.terminal.output import LEAST_COLUMNS

# Largest width of a help page in columns; longer lines are hard to read.
MOST_COLUMNS = 100
# Widest first column of a list of options, and the smallest width of the text beside it.
MOST_TERM, LEAST_TEXT = 30, 38
# Smallest width at which options are indented.
INDENTED = 40
# The type that Typer writes after the name of an argument, such as `RUN <list[str]>`. It tells
# people nothing.
ARGUMENT_TYPE = re.compile(r"^(?!-)(.*) <[^|<>]*>$")


class HelpFormatter:
    """Lays out a help page. Its methods are those that Typer calls.

    Typer's own formatter breaks words at their hyphens and assumes a terminal of 50 columns.

    Attributes:
        width: width to which Typer shortens the sentence about each command: never.
    """

    width = 10**6

    def __init__(self, columns: int) -> None:
        """Begin an empty page.

        Args:
            columns: width of the page in columns.
        """
        self._columns, self._indent, self._text = columns, 0, ""

    def getvalue(self) -> str:
        """Return the page."""
        return self._text

    def write_usage(self, prog: str, args: str = "") -> None:
        """Write the line that shows how a command is called."""
        first, *rest = wrap(f"Usage: {prog} {args}", self._columns)
        # The following lines are indented, and so are wrapped once more.
        following = wrap(" ".join(rest), self._columns - 2) if rest else []
        self._write_lines([first, *(f"  {line}" for line in following)])

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        indent = " " * self._indent
        for number, paragraph in enumerate(text.split("\n\n")):
            lines = wrap(paragraph, self._columns - self._indent)
            self._write_lines([""] * bool(number) + [f"{indent}{line}" for line in lines])

    def write_paragraph(self) -> None:
        """Begin a paragraph with an empty line."""
        self._text += "\n" if self._text else ""

    def write_dl(self, rows: Sequence[tuple[str, str]]) -> None:
        """Write a list of options, arguments or commands, each with the text that explains it."""
        rows = [(ARGUMENT_TYPE.sub(r"\1", term), text) for term, text in rows]
        left = self._indent + min(max(width(term) for term, _ in rows), MOST_TERM) + 2
        is_beside = self._columns - left >= LEAST_TEXT
        indent, step = (self._indent, 4) if self._columns >= INDENTED else (0, 2)
        for term, text in rows:
            lines = wrap(text, self._columns - (left if is_beside else indent + step))
            below = " " * (left if is_beside else indent + step)
            if is_beside and indent + width(term) + 2 <= left:
                head = f"{'':{indent}}{term}".ljust(left) + lines.pop(0)
            else:
                head = self._wrapped_term(term, " " * indent)
            self._write_lines([head, *(below + line for line in lines)])

    def _wrapped_term(self, term: str, indent: str) -> str:
        """Wrap the name of an option; choices that are too wide for a line, between them."""
        room = self._columns - len(indent)
        words = (
            word if width(word) <= room else word.replace("|", "| ") for word in term.split(" ")
        )
        lines = wrap(" ".join(words), room)
        return "\n".join(indent + line.replace("| ", "|") for line in lines)

    @contextmanager
    def indentation(self) -> Iterator[None]:
        """Indent what is written as long as the context lasts."""
        self._indent += 2
        yield
        self._indent -= 2

    @contextmanager
    def section(self, name: str) -> Iterator[None]:
        """Write a heading, and indent what is written below it."""
        self.write_paragraph()
        self._write_lines([f"{name}:"])
        with self.indentation():
            yield

    def _write_lines(self, lines: Sequence[str]) -> None:
        self._text += "".join(f"{line.rstrip()}\n" for line in lines)


class _WithHelp:
    def get_help(self, ctx: Any) -> str:
        """Return the help page, as wide as the terminal allows."""
        columns = max(min(shutil.get_terminal_size().columns, MOST_COLUMNS), LEAST_COLUMNS)
        # The edge of a wide terminal stays free.
        formatter: Any = HelpFormatter(columns - 2 if columns >= MOST_COLUMNS - 20 else columns)
        self.format_help(ctx, formatter)  # type: ignore[attr-defined]
        return str(formatter.getvalue().rstrip("\n"))


class Command(_WithHelp, TyperCommand):
    """A command whose help is wrapped at words."""


class Group(_WithHelp, TyperGroup):
    """The commands, whose common help is wrapped at words."""
