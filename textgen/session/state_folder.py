"""The folder in which textgen keeps what a user typed: the history and the sessions."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

# Folder of the sessions that are saved by themselves, in the folder of the state.
SESSIONS = "sessions"


def state_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder, which may be missing.

    Args:
        environment: of this process. The folder is `$XDG_STATE_HOME/textgen`, by default
            `~/.local/state/textgen`.
    """
    home = environment.get("XDG_STATE_HOME", "")
    # The XDG specification says that relative paths are ignored.
    state = home if os.path.isabs(home) else os.path.expanduser("~/.local/state")
    return Path(state) / "textgen"


def make_private_folder(folder: Path) -> None:
    """Create a folder that only the user can read, and those above it, unless it exists.

    Raises:
        OSError: if it cannot be created, or if the user has no home folder.
    """
    if not folder.is_absolute():
        raise FileNotFoundError(errno.ENOENT, "there is no home folder", str(folder))
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
