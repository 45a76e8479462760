"""Keys that a client must know."""

import hashlib
import hmac
from pathlib import Path

from textgen.errors import UsageError, reason

# Fewest characters of a key. A shorter one could be guessed.
SHORTEST = 16


class Keys:
    """Keys of which a client must give one. Only their digests are kept."""

    def __init__(self, keys: list[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def accepts(self, given: str) -> bool:
        """Return whether a key is one of them, in a time that tells nothing about the keys."""
        digest, found = _digest(given), False
        for one in self._digests:
            found |= hmac.compare_digest(digest, one)
        return found


def read_keys(path: Path) -> Keys:
    """Read a file with one key a line. Empty lines and lines that begin with # are left out.

    Raises:
        UsageError: if the file cannot be read, has no key, or a key is too short to be safe.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise UsageError(f"cannot read the keys in {str(path)!r}: {reason(error)}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the keys in {str(path)!r} are not UTF-8 text") from error
    keys = [line.strip() for line in lines]
    keys = [key for key in keys if key and not key.startswith("#")]
    if not keys:
        raise UsageError(f"{str(path)!r} has no key; write at least one, a line each")
    for number, key in enumerate(keys, 1):
        if len(key) < SHORTEST or not key.isascii() or not key.isprintable() or " " in key:
            raise UsageError(
                f"key {number} in {str(path)!r} must have at least {SHORTEST} ASCII characters "
                "without spaces; make one with: openssl rand -hex 32"
            )
    return Keys(keys)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
