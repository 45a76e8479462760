"""A folder in which JAX keeps what it has compiled, from one command to the next.

What lies in it is run as it is, so that it must be the user's alone; it is kept apart from models,
which may come from strangers. JAX reads its settings from the environment when it is imported.
"""

import hashlib
import os
import platform
import zlib
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

FOLDER = "TEXTGEN_COMPILE_CACHE"
MAX_BYTES = 64 * 2**20
ZSTD = b"\x28\xb5\x2f\xfd"


def keep_compiled(environment: MutableMapping[str, str] = os.environ) -> None:
    """Have JAX keep what it compiles, if it is not imported yet.

    Args:
        environment: of this process. `TEXTGEN_COMPILE_CACHE` names another folder than the user's
            cache, and empty turns this off; JAX's own setting goes before it.
    """
    place = environment.get(FOLDER, _default_folder(environment))
    if not place or "JAX_COMPILATION_CACHE_DIR" in environment:
        return
    folder = Path(place) / _machine()
    with suppress(OSError):  # a home that cannot be written to: everything is compiled anew
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _belongs_to_user(folder):
            return
        _tidy(folder)
        environment["JAX_COMPILATION_CACHE_DIR"] = str(folder)
        # By itself JAX would keep only what takes it more than a second.
        environment.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.02")
        # On some Intel processors XLA takes back nothing that was kept, compiles it anew, and says
        # so in long lines for each program (openxla/xla issue 44565).
        environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def _default_folder(environment: MutableMapping[str, str]) -> str:
    home = environment.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    return os.path.join(home, "textgen")


def _machine() -> str:
    """Name the compiler and the instructions of this machine: compiled code fits no others."""
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
    """Remove entries that were cut short, of which JAX would complain for ever, and old ones."""
    room = MAX_BYTES
    for entry in _newest_first(folder):
        status = entry.stat()
        room -= status.st_size
        # An entry that was found whole is marked by being made read-only.
        whole = not status.st_mode & 0o200 or _is_whole(entry.read_bytes())
        if room < 0 or not whole:
            entry.unlink()
        else:
            entry.chmod(0o400)


def _newest_first(folder: Path) -> Iterator[Path]:
    entries = [entry for entry in folder.iterdir() if entry.is_file()]
    return iter(sorted(entries, key=lambda entry: entry.stat().st_mtime, reverse=True))


def _is_whole(content: bytes) -> bool:
    if content.startswith(ZSTD):  # written where Python has zstd; JAX checks it in reading
        return True
    try:
        zlib.decompress(content)
    except zlib.error:
        return False
    return True
