"""What a system shows of its control groups, written into a folder."""

from pathlib import Path

MOUNTS = {
    "v2": "30 24 0:26 {top} /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
    "v1": (
        "31 24 0:27 / /sys/fs/cgroup ro,nosuid - tmpfs tmpfs ro,mode=755\n"
        "33 31 0:29 {top} /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "34 31 0:30 {top} /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    ),
}


def system(root: Path, version: str, group: str, limits: dict[str, str], top: str = "/") -> Path:
    """Write what a system shows of control groups: limits by the path of their file."""
    (root / "proc/self").mkdir(parents=True)
    names = {"v2": "0::{}\n", "v1": "5:memory:/other\n4:cpu,cpuacct:{}\n"}[version]
    (root / "proc/self/cgroup").write_text(names.format(group))
    (root / "proc/self/mountinfo").write_text(MOUNTS[version].format(top=top))
    for name, value in limits.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value)
    return root
