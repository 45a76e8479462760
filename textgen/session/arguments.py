"""What stands behind the name of a command, and the words for what does not fit."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from textgen.errors import SettingError, UsageError

# Known names that a message lists.
MOST_NAMES = 50


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the known one that is like it, or all."""
    close = difflib.get_close_matches(name[:40], known[:MOST_NAMES], n=1)
    more = ", \u2026" if len(known) > MOST_NAMES else ""
    listed = ", ".join(known[:MOST_NAMES]) + more
    return f"; did you mean {close[0]}?" if close else f"; there are {listed}"


def count_turns(count: int) -> str:
    """Write a number of turns."""
    return f"{count} {'turn' if count == 1 else 'turns'}"


def whole_number(command: str, text: str, allowed: range, default: int | None = None) -> int:
    """Read a whole number.

    Args:
        command: that it is for.
        text: as typed.
        allowed: the numbers it may be.
        default: what nothing stands for; None if there must be a number.

    Raises:
        SettingError: if it is no such number.
    """
    plain = text.strip()
    if not plain and default is not None:
        return default
    number = int(plain) if plain.isascii() and plain.isdecimal() and len(plain) < 9 else -1
    if number not in allowed:
        kind = f"a whole number in [{allowed[0]}, {allowed[-1]}]"
        raise SettingError(command, plain[:40], kind)
    return number


def file_path(command: str, text: str) -> Path:
    """Read the name of a file; `~` is the home of the user.

    Raises:
        UsageError: if it cannot be a name.
    """
    name = text.strip()
    try:
        path = Path(name).expanduser()
        is_name = bool(name) and b"\0" not in os.fsencode(path)
    except (ValueError, RuntimeError):  # half of a surrogate pair, or nobody's home
        is_name = False
    if not is_name:
        raise UsageError(f"{command} takes the name of a file, as in {command} notes.txt")
    return path
