"""The control groups that this process is in: the limits of a container, a job or a service."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def group_folders(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Yield the folder of each control group that this process is in, the innermost first.

    The groups are nested, and each of them has limits. Version 2 of control groups has one tree for
    all controllers. Version 1 has a tree for each of them. Nothing is yielded where the system has
    no control groups, or does not show them.

    Args:
        controller: what is limited, such as `cpu` or `memory`.
        root: folder in which /proc and /sys are found.
    """
    for mount, group in _groups(controller, root):
        for folder in (group, *group.parents):
            yield mount / folder.relative_to("/")


def _groups(controller: str, root: Path) -> Iterator[tuple[Path, Path]]:
    """Yield where control groups are mounted, and the group of this process below that folder."""
    with suppress(OSError, ValueError):
        # For example `4:cpu,cpuacct:/some/group`; version 2 has no names: `0::/some/group`.
        lines = (root / "proc/self/cgroup").read_text().splitlines()
        groups = {
            name: group
            for _, names, group in (line.split(":", 2) for line in lines)
            for name in names.split(",")
        }
        for line in (root / "proc/self/mountinfo").read_text().splitlines():
            words, _, described = line.partition(" - ")
            kind, _, options = described.split(" ", 2)
            name = {"cgroup2": "", "cgroup": controller}.get(kind)
            if name is None or name not in groups or (name and name not in options.split(",")):
                continue
            top, mounted = words.split()[3:5]
            group = Path(groups[name])
            # Inside a container, the top of what is mounted can be the group itself.
            below = group.relative_to(top) if group.is_relative_to(top) else Path()
            yield root / mounted.lstrip("/"), Path("/") / below
