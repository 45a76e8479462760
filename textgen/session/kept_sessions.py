"""Sessions that are saved by themselves: each in a private file, the last ones of every run."""

import errno
import hashlib
import os
import secrets
import stat
import time
from contextlib import suppress
from pathlib import Path
from weakref import WeakKeyDictionary

from textgen.runs.run import Run
from textgen.session.conversation import Conversation
from textgen.session.session_file import SavedSession, encode_session, read_session
from textgen.session.state_folder import make_private_folder
from textgen.session.turn_tree import Tree
from textgen.storage import is_link

# Number of sessions of a run that are kept.
MOST_KEPT = 10
# Most characters of a run's name in the name of its folder of sessions.
LONGEST_NAME = 40

# What tells one version of a file from another: its inode, time and size.
Version = tuple[int, int, int]


class KeptSessions:
    """Saves a session again and again, and finds the sessions that were saved before.

    A text has a file of its own: after /clear, or after a change of the run, the session is saved
    in another file, and the file of the text before stays as it was.
    """

    def __init__(self, folder: Path) -> None:
        """Prepare to save; nothing is written yet.

        Args:
            folder: folder of all kept sessions.
        """
        self._folder = folder
        self._files: WeakKeyDictionary[Tree, tuple[Path, Version | None]] = WeakKeyDictionary()
        self._last: SavedSession | None = None

    def keep(self, conversation: Conversation) -> None:
        """Save a session if it has turns and has changed since it was saved last.

        Raises:
            UsageError: if the session is too large to be saved.
            OSError: if the file cannot be written.
        """
        saved, tree = conversation.saved(), conversation.tree
        if not saved.turns or saved == self._last:
            return
        data = encode_session(saved)
        folder = self.folder_of(conversation.model.run)
        make_private_folder(self._folder.parent)
        for each in (self._folder, folder):
            make_private_folder(each)
            if is_link(each):
                raise NotADirectoryError(errno.ENOTDIR, "it is a link", str(each))
        path, version = self._files.get(tree, (None, None))
        # Another session may have gone on with this one. It has the file now.
        if path is None or version is None or _version(path) != version:
            path = folder / f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}.json"
        _replace_privately(path, data)
        self._files[tree], self._last = (path, _version(path)), saved
        for old in _newest_first(folder)[MOST_KEPT:]:
            old.unlink(missing_ok=True)

    @property
    def has_kept(self) -> bool:
        """Whether a text of this session, which may have been cleared since, is saved."""
        return bool(self._files)

    def files_of(self, run: Run) -> list[Path]:
        """Return the files of the sessions of a run, the newest first."""
        return _newest_first(self.folder_of(run))

    def follow(self, before: Run, after: Run) -> None:
        """Let the sessions of a run belong to it under its new name or path.

        Nothing is done if it has none, or if there are sessions of the new name.

        Args:
            before: the run as it was called.
            after: the run as it is called now.

        Raises:
            OSError: if their folder cannot be renamed.
        """
        old, new = self.folder_of(before), self.folder_of(after)
        if old.is_dir() and not old.is_symlink() and not os.path.lexists(new):
            old.rename(new)

    def read(self, path: Path) -> tuple[SavedSession, Version | None]:
        """Return the session in a file, and the version of the file.

        Raises:
            DamagedError: if the file is damaged.
        """
        version = _version(path)
        return read_session(path), version

    def go_on_with(
        self,
        conversation: Conversation,
        path: Path,
        version: Version | None,
        *,
        is_last: bool = True,
    ) -> None:
        """Save a session from now on in the file that it was read from.

        Args:
            conversation: the session.
            path: the file.
            version: the version of the file that was read.
            is_last: whether it is the session that was saved last. Any other one is saved once
                more, so that it is the last one then.
        """
        self._files[conversation.tree] = (path, version)
        self._last = conversation.saved() if is_last else None

    def file_of(self, tree: Tree) -> Path | None:
        """Return the file of a text; None if it has none."""
        return self._files.get(tree, (None, None))[0]

    def folder_of(self, run: Run) -> Path:
        """Return the folder of the sessions of a run, which may be missing."""
        place = os.fsencode(run.path.resolve())
        digest = hashlib.sha256(place).hexdigest()[:8]
        return self._folder / f"{run.name[:LONGEST_NAME]}-{digest}"


def _version(path: Path) -> Version | None:
    """Return the version of a file; None if it is missing."""
    with suppress(OSError):
        status = path.lstat()
        return status.st_ino, status.st_mtime_ns, status.st_size
    return None


def _newest_first(folder: Path) -> list[Path]:
    found: list[tuple[int, Path]] = []
    with suppress(OSError):
        if is_link(folder):  # it leads to files that are not ours to list or to remove
            return []
        for path in folder.iterdir():
            status = path.lstat()
            if path.suffix == ".json" and stat.S_ISREG(status.st_mode):
                found.append((status.st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _replace_privately(path: Path, data: bytes) -> None:
    """Replace a file atomically by one that only the user can read; no link is followed.

    It does not wait for the disk, so that it takes no time that one would notice. After a power
    failure the last session may be missing.
    """
    temporary = path.with_suffix(f".{secrets.token_hex(4)}")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
    try:
        handle = os.open(temporary, flags | getattr(os, "O_BINARY", 0), 0o600)
        with open(handle, "wb") as file:
            file.write(data)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
