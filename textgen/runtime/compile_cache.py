"""A folder in which JAX keeps compiled code from one command to the next.

The code in the folder is run without any check, so only the user may have access to it. It is kept
apart from the models, which may come from strangers. JAX reads its settings from the environment
when it is imported.
"""

import hashlib
import os
import platform
import zlib
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

# Environment variable that names the folder.
FOLDER = "TEXTGEN_COMPILE_CACHE"
# Largest size of the folder of one machine, in bytes. The oldest entries are removed.
MAX_BYTES = 64 * 2**20
# First bytes of an entry that is compressed by Zstandard.
ZSTD = b"\x28\xb5\x2f\xfd"


def keep_compiled(environment: MutableMapping[str, str] = os.environ) -> None:
    """Make JAX keep compiled code. Call this before JAX is imported.

    Args:
        environment: the environment variables of this process. `TEXTGEN_COMPILE_CACHE` names the
            folder; if it is empty, no code is kept. The default is a folder in the user's cache.
            JAX's own `JAX_COMPILATION_CACHE_DIR` takes precedence.
    """
    chosen = environment.get(FOLDER, _default_folder(environment))
    if not chosen or "JAX_COMPILATION_CACHE_DIR" in environment:
        return
    folder = Path(chosen) / _machine()
    with suppress(OSError):  # if the folder cannot be written, JAX compiles everything again
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _belongs_to_user(folder):
            return
        _tidy(folder)
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
    status = folder.stat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and (os.name == "nt" or not status.st_mode & 0o077)


def _tidy(folder: Path) -> None:
    """Remove incomplete entries, about which JAX would warn every time, and the oldest ones."""
    room = MAX_BYTES
    for entry in _newest_first(folder):
        status = entry.stat()
        room -= status.st_size
        # A read-only entry was found complete before, and is not read again.
        is_complete = not status.st_mode & 0o200 or _is_complete(entry.read_bytes())
        if room < 0 or not is_complete:
            entry.unlink()
        else:
            entry.chmod(0o400)


def _newest_first(folder: Path) -> Iterator[Path]:
    entries = [entry for entry in folder.iterdir() if entry.is_file()]
    return iter(sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True))


def _is_complete(content: bytes) -> bool:
    # JAX uses Zstandard if Python has it, and then checks an entry itself when it reads it.
    if content.startswith(ZSTD):
        return True
    try:
        zlib.decompress(content)
    except zlib.error:
        return False
    return True
