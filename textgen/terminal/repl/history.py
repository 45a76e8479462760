"""The file of the lines typed in earlier sessions."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from textgen.session.state_folder import make_private_folder, state_folder


def history_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the history file, which only the user can read; create it if it is missing.

    Args:
        environment: of this process, which names the folder; see `state_folder`.

    Returns:
        Its path; None if it cannot be used.
    """
    path = state_folder(environment) / "history"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        make_private_folder(path.parent)
        with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o600), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if os.name != "nt" and status.st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
    except (OSError, ValueError):
        return None
    return path
