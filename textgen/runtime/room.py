"""The memory that this process may use, by the machine, by its container, or by `ulimit -v`."""

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from textgen.errors import NotEnoughMemoryError
from textgen.runtime.control_groups import group_folders

try:
    import resource
except ImportError:  # Windows has no such limits.
    resource = None  # type: ignore[assignment]

HAS_LIMITS: bool = resource is not None

# Limits from this size on are none: version 1 of control groups writes 2**63 less a page.
NO_LIMIT = 2**62
# Other programs are named where they hold more than this share of a limit.
NAMED_SHARE = 0.1
# What may be limited, and the files of a control group that say how much, in bytes: the limits, and
# what all its processes hold. The second limit of version 2 slows a process down until it hardly
# runs.
LIMITS = ("memory.max", "memory.high", "memory.limit_in_bytes")
USAGES = ("memory.current", "memory.usage_in_bytes")


@dataclass(frozen=True, kw_only=True)
class Room:
    """The memory that this process may use, by one limit. All sizes are in bytes.

    Attributes:
        limit: the limit, for all programs that share it.
        free: what is left of it.
        own: what this process holds of it.
        owner: whose limit it is, as words after the size, such as `that this container may use`.
    """

    limit: int
    free: int
    own: int
    owner: str

    def __str__(self) -> str:
        """Describe the limit, such as `the 1.5 GiB that this container may use`."""
        described = f"the {format_size(self.limit)} {self.owner}"
        others = self.limit - self.free - self.own
        if others > NAMED_SHARE * self.limit:
            described += f", of which other programs hold {format_size(others)}"
        return described


def format_size(size: float) -> str:
    """Return a number of bytes for people, such as `1.5 GiB`."""
    return f"{size / 2**30:,.1f} GiB"


def find_room(root: Path = Path("/")) -> Room | None:
    """Return the memory that this process may use, by the limit that leaves it least.

    Args:
        root: folder in which /proc and /sys are found.

    Returns:
        None if the system does not tell.
    """
    return min([*_machine(root), *_groups(root), *_address_space(root)], key=_free, default=None)


def check_room(needed: int, what: str, root: Path = Path("/")) -> None:
    """Check that there is memory for something that is about to be read or made.

    Args:
        needed: the memory that it takes, in bytes.
        what: what takes it, for the message.
        root: as in `find_room`.

    Raises:
        NotEnoughMemoryError: if less is left.
    """
    room = find_room(root)
    if room is not None and needed > room.free:
        raise NotEnoughMemoryError(what, format_size(needed + room.own), str(room))


def _free(room: Room) -> int:
    return room.free


def _machine(root: Path) -> Iterator[Room]:
    owner = "of memory of this machine"
    with suppress(OSError, KeyError, ValueError):
        sizes = dict(re.findall(r"^(\w+):\s+(\d+) kB", _text(root / "proc/meminfo"), re.MULTILINE))
        total, free = (1024 * int(sizes[name]) for name in ("MemTotal", "MemAvailable"))
        yield Room(limit=total, free=free, own=_held(root)[1], owner=owner)
        return
    with suppress(AttributeError, OSError, ValueError):  # this is no Linux
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        yield Room(limit=total, free=total, own=0, owner=owner)


def _groups(root: Path) -> Iterator[Room]:
    """Yield the room in each control group that this process is in."""
    for folder in group_folders("memory", root):
        limit = min(_numbers(folder, LIMITS), default=NO_LIMIT)
        if limit >= NO_LIMIT:
            continue
        own = _held(root)[1]
        used = max(_numbers(folder, USAGES), default=own)
        free = limit - max(used - _reclaimable(folder), 0)
        yield Room(limit=limit, free=max(free, 0), own=own, owner="that this container may use")


def _address_space(root: Path) -> Iterator[Room]:
    if not HAS_LIMITS:
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return
    held = _held(root)[0]
    owner = "of address space that `ulimit -v` leaves this process"
    yield Room(limit=limit, free=max(limit - held, 0), own=held, owner=owner)


def _numbers(folder: Path, names: tuple[str, ...]) -> Iterator[int]:
    for name in names:
        with suppress(OSError, ValueError):  # `max`, which is no number, is no limit
            yield int(_text(folder / name))


def _reclaimable(folder: Path) -> int:
    """Return how much of the memory of a group holds files, which the system can read again."""
    with suppress(OSError):
        lines = re.findall(r"^(\w+) (\d+)$", _text(folder / "memory.stat"), re.MULTILINE)
        found = {name: int(size) for name, size in lines}
        # In version 1, only the totals count the groups inside.
        kinds = ("inactive_file", "active_file")
        return sum(found.get(f"total_{kind}", found.get(kind, 0)) for kind in kinds)
    return 0


def _held(root: Path) -> tuple[int, int]:
    """Return the address space and the memory that this process holds; 0 if that is not known."""
    with suppress(OSError, ValueError, AttributeError):
        space, memory, *_ = map(int, _text(root / "proc/self/statm").split())
        page = os.sysconf("SC_PAGE_SIZE")
        return page * space, page * memory
    return 0, 0


def _text(path: Path) -> str:
    return path.read_text(encoding="ascii", errors="replace")
