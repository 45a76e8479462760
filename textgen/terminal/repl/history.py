"""The file of the lines typed in earlier sessions."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path


def history_file(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Return the history file, which only the user can read; create it if it is missing.

    Args:
        environment: of this process. The file is `$XDG_STATE_HOME/textgen/history`, by default
            `~/.local/state/textgen/history`.

    Returns:
        Its path; None if it cannot be used.
    """
    home = environment.get("XDG_STATE_HOME", "")
    # The XDG specification says that relative paths are ignored.
    state = Path(home if os.path.isabs(home) else os.path.expanduser("~/.local/state"))
    path = state / "textgen" / "history"
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with open(os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o600), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                return None
            if os.name != "nt" and status.st_mode & 0o077:
                os.fchmod(file.fileno(), 0o600)
    except (OSError, ValueError):
        return None
    return path
