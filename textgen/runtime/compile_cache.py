"""A folder in which JAX keeps compiled code from one command to the next.

The code in the folder is run without any check, so only the user may have access to it. It is kept
apart from the models, which may come from strangers. JAX reads its settings from the environment
when it is imported.

Old entries are removed. So that never anything else is, the folder itself must be no link, nobody
else may be able to put another one in its place, and only files with the names of entries are
touched, through a descriptor of the folder that was looked at.
"""

import hashlib
import os
import platform
import re
import stat
import zlib
from collections.abc import MutableMapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

# Environment variable that names the folder.
FOLDER = "TEXTGEN_COMPILE_CACHE"
# Largest size of the folder of one machine, in bytes.
MAX_BYTES = 64 * 2**20
# Names that JAX gives to its entries: of a program, its sum, and what the file holds.
ENTRY = re.compile(r"[^/]+-[0-9a-f]{64}-(cache|atime)")
# First bytes of an entry that is compressed by Zstandard.
ZSTD = b"\x28\xb5\x2f\xfd"


def keep_compiled(
    environment: MutableMapping[str, str] = os.environ, *, max_bytes: int = MAX_BYTES
) -> None:
    """Make JAX keep compiled code. Call this before JAX is imported.

    Args:
        environment: the environment variables of this process. `TEXTGEN_COMPILE_CACHE` names the
            folder; if it is empty, no code is kept. The default is a folder in the user's cache.
            JAX's own `JAX_COMPILATION_CACHE_DIR` takes precedence.
        max_bytes: largest size of the folder of this machine; the oldest entries are removed.
    """
    chosen = environment.get(FOLDER, _default_folder(environment))
    if not chosen or "JAX_COMPILATION_CACHE_DIR" in environment:
        return
    folder = Path(chosen) / _machine()
    # If the folder cannot be written, or is nested too deep, JAX compiles everything again.
    with suppress(OSError, RecursionError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _belongs_to_user(folder):
            return
        if os.open in os.supports_dir_fd:  # Windows does without, and without removing entries
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                _tidy(handle, max_bytes)
            finally:
                os.close(handle)
        environment["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        # By default JAX keeps only code that takes more than a second to compile.
        environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")
        # On some Intel processors XLA rejects all code that was kept, compiles it again, and prints
        # long warnings about each program (openxla/xla issue 44565).
        environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _default_folder(environment: MutableMapping[str, str]) -> str:
    home = environment.get("XDG_CACHE_HOME", "")
    # The XDG specification says that relative paths are ignored.
    folder = home if os.path.isabs(home) else os.path.expanduser("~/.cache")
    # A process of a user without a name and without HOME has no home folder.
    return os.path.join(folder, "textgen") if os.path.isabs(folder) else ""


def _machine() -> str:
    """Return a name for this compiler and processor; compiled code runs on no others."""
    described = platform.machine() + platform.processor()
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        described += next((line for line in lines if line.startswith(("flags", "Features"))), "")
    digest = hashlib.sha256(described.encode()).hexdigest()[:12]
    return f"jaxlib-{version('jaxlib')}-{digest}"


def _belongs_to_user(folder: Path) -> bool:
    """Return whether a folder is no link, is the user's alone, and cannot be replaced by others."""
    status = folder.lstat()
    if os.name == "nt":
        return stat.S_ISDIR(status.st_mode)
    is_private = status.st_uid == os.getuid() and not status.st_mode & 0o077
    above = folder.parent.resolve()
    return (
        stat.S_ISDIR(status.st_mode) and is_private and all(map(_is_safe, (above, *above.parents)))
    )


def _is_safe(folder: Path) -> bool:
    """Return whether strangers cannot rename or replace what the user has in a folder."""
    status = folder.stat()
    is_open = status.st_mode & stat.S_IWOTH and not status.st_mode & stat.S_ISVTX
    return status.st_uid in (0, os.getuid()) and not is_open


def _tidy(folder: int, room: int) -> None:
    """Remove incomplete entries, about which JAX would warn every time, and the oldest ones.

    Args:
        folder: descriptor of the folder. No path is followed anew, so that nobody can put another
            folder in its place meanwhile.
        room: largest size that the entries may have together, in bytes.
    """
    for name, status in _newest_first(folder):
        room -= status.st_size
        # A read-only entry was found complete before, and is not read again.
        is_complete = not status.st_mode & 0o200 or name.endswith("-atime")
        if room < 0 or not (is_complete or _is_complete(_read(folder, name, status.st_size))):
            os.unlink(name, dir_fd=folder)
        elif not is_complete:
            os.chmod(name, 0o400, dir_fd=folder)


def _newest_first(folder: int) -> list[tuple[str, os.stat_result]]:
    """Return the name and the status of each entry: regular files with the names of entries."""
    names = filter(ENTRY.fullmatch, os.listdir(folder))
    found = [(name, os.stat(name, dir_fd=folder, follow_symlinks=False)) for name in names]
    regular = [(name, status) for name, status in found if stat.S_ISREG(status.st_mode)]
    return sorted(regular, key=lambda entry: entry[1].st_mtime, reverse=True)


def _read(folder: int, name: str, size: int) -> bytes:
    handle = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    with open(handle, "rb") as file:
        return file.read(size)


def _is_complete(content: bytes) -> bool:
    # JAX uses Zstandard if Python has it, and then checks an entry itself when it reads it.
    if content.startswith(ZSTD):
        return True
    try:
        zlib.decompress(content)
    except zlib.error:
        return False
    return True
