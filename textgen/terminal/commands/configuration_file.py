"""Files of configuration: where they are, and the options and lines in them."""

import os
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from textgen.errors import UsageError, reason

NAME = "textgen.toml"
# Largest file that is read, in bytes.
MOST_BYTES = 2**20
# A line that gives a key a value, and one that begins a table.
KEY = re.compile(r"""\s*(["']?[\w-]+["']?(?:\s*\.\s*["']?[\w-]+["']?)*)\s*=""")
TABLE = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")


@dataclass(frozen=True)
class Table:
    """The options of a file for one command, or for all.

    Attributes:
        path: the file, as messages name it.
        is_local: whether it lies in the current folder, and the user did not name it.
        command: name of the command; empty for all that have the option.
        values: values by the names of options, with dashes between words.
        lines: the line of the table, under an empty name, and of each option; counted from 1.
    """

    path: Path
    is_local: bool
    command: str
    values: Mapping[str, Any]
    lines: Mapping[str, int] = field(default_factory=dict)

    def place(self, option: str = "") -> str:
        """Return the file and the line of an option, or of the table."""
        line = self.lines.get(option)
        return f"{self.path}, line {line}" if line else str(self.path)


def user_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the file of the user: `$XDG_CONFIG_HOME/textgen/textgen.toml`, which may be missing.

    The folder is `~/.config` by default.
    """
    home = environment.get("XDG_CONFIG_HOME", "")
    # The XDG specification says that relative paths are ignored.
    folder = home if os.path.isabs(home) else os.path.expanduser("~/.config")
    return Path(folder) / "textgen" / NAME


def read_tables(named: Path | None) -> list[Table]:
    """Read the files that hold. A later table wins over an earlier one.

    Args:
        named: the only file to read; None for that of the user and that of the current folder.

    Raises:
        UsageError: if a file cannot be read, or is no TOML; or if the named one is missing.
    """
    if named is not None:
        return [*_tables_of(named, is_local=False, is_needed=True)]
    own, here = user_file(), Path(NAME)
    tables = [*_tables_of(own, is_local=False, is_needed=False)]
    if os.path.realpath(own) != os.path.realpath(here):
        tables += _tables_of(here, is_local=True, is_needed=False)
    return tables


def _tables_of(path: Path, *, is_local: bool, is_needed: bool) -> Iterator[Table]:
    """Read a file, and yield what it holds for all commands and then for each.

    Raises:
        UsageError: if it cannot be read, or is no TOML; or if it is missing and needed.
    """
    text = _text_of(path, is_needed=is_needed)
    if text is None:
        return
    import tomllib  # here, so that commands without such a file start quickly

    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"\(at (?:line (\d+), column \d+|end of document)\)$", str(error))
        line = int(where[1]) if where and where[1] else text.count("\n") + 1
        what = str(error).partition(" (at ")[0]
        raise UsageError(f"{path}, line {line}: it is no TOML: {what}") from error
    lines = _lines_of(text)
    tables = {name: value for name, value in content.items() if isinstance(value, dict)}
    common = {name: value for name, value in content.items() if name not in tables}
    for command, values in {"": common, **tables}.items():
        yield Table(
            path,
            is_local,
            command,
            {name.replace("_", "-"): value for name, value in values.items()},
            {
                name.replace("_", "-"): line
                for (table, name), line in lines.items()
                if table == command
            },
        )


def _text_of(path: Path, *, is_needed: bool) -> str | None:
    """Return the text of a file; None if it is missing and not needed.

    Raises:
        UsageError: if it cannot be read.
    """
    try:
        # A FIFO never ends, and a device may never begin.
        with open(os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0)), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_size > MOST_BYTES:
                raise UsageError(f"{str(path)!r} is no file of at most {MOST_BYTES:,} bytes")
            return file.read(MOST_BYTES).decode("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError) as error:
        if not is_needed:
            return None
        raise UsageError(f"{str(path)!r}: {reason(error)}") from error
    except OSError as error:
        raise UsageError(f"{str(path)!r}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}, line {line}: it is not UTF-8") from error


def _lines_of(text: str) -> dict[tuple[str, str], int]:
    r"""Return the lines of the tables, each under an empty name, and of the keys in them.

    The lines of a text over several lines may be taken for keys; the first one of a name counts.

    >>> _lines_of("quiet = true\n[train]\nminutes = 5\n")
    {('', 'quiet'): 1, ('', ''): 1, ('train', ''): 2, ('train', 'minutes'): 3}
    """
    lines: dict[tuple[str, str], int] = {}
    table = ""
    for number, line in enumerate(text.splitlines(), 1):
        if found := TABLE.match(line):
            table, _, inner = re.sub(r"[\s\"']", "", found[1]).partition(".")
            lines.setdefault((table, inner), number)
        elif found := KEY.match(line):
            first, _, rest = re.sub(r"[\s\"']", "", found[1]).partition(".")
            whole = (first, rest) if rest and not table else (table, first)
            lines.setdefault(whole, number)
            lines.setdefault((whole[0], ""), number)
    return lines
