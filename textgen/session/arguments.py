"""The arguments of session commands, and messages about those that are not allowed."""

import difflib
import os
from collections.abc import Sequence
from pathlib import Path

from textgen.errors import SettingError, UsageError

# Largest number of known names that a message lists.
MOST_NAMES = 50


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown name: the closest known name, or all of them."""
    close = difflib.get_close_matches(name[:40], known[:MOST_NAMES], n=1)
    more = ", \u2026" if len(known) > MOST_NAMES else ""
    listed = ", ".join(known[:MOST_NAMES]) + more
    return f"; did you mean {close[0]}?" if close else f"; choose one of {listed}"


def count_turns(count: int) -> str:
    """Return a number of turns in words, such as `1 turn`."""
    return f"{count} {'turn' if count == 1 else 'turns'}"


def whole_number(command: str, text: str, allowed: range, default: int | None = None) -> int:
    """Read a whole number.

    Args:
        command: name of the command, for the message.
        text: the argument as typed.
        allowed: the numbers that are allowed.
        default: the number if the argument is empty; None if it must not be empty.

    Raises:
        UsageError: if there is no text and no default.
        SettingError: if the text is not an allowed number.
    """
    plain = text.strip()
    if not plain and default is not None:
        return default
    number = int(plain) if plain.isascii() and plain.isdecimal() and len(plain) < 9 else -1
    if not plain:
        example = f"{command} {allowed[0]}"
        raise UsageError(
            f"{command} takes a whole number in [{allowed[0]}, {allowed[-1]}], as in {example}"
        )
    if number not in allowed:
        kind = f"a whole number in [{allowed[0]}, {allowed[-1]}]"
        raise SettingError(command, plain[:40], kind)
    return number


def file_path(command: str, text: str, *, example: str = "notes.txt") -> Path:
    """Read the name of a file. A leading `~` stands for the home folder of the user.

    Args:
        command: name of the command, for the message.
        text: the argument as typed.
        example: name of a file, for the message.

    Raises:
        UsageError: if the text cannot be the name of a file.
    """
    name = text.strip()
    try:
        path = Path(name).expanduser()
        is_name = bool(name) and b"\0" not in os.fsencode(path)
    except (ValueError, RuntimeError):  # half of a surrogate pair, or an unknown user
        is_name = False
    if not is_name:
        raise UsageError(f"{command} takes the name of a file, as in {command} {example}")
    return path
