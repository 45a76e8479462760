import os
import resource
from pathlib import Path

import pytest

from tests.runtime.systems import system
from textgen.errors import NotEnoughMemoryError
from textgen.runtime.room import Room, check_room, find_room, format_size

GIB = 2**30
PAGE = os.sysconf("SC_PAGE_SIZE")


def machine(root: Path, *, total: int = 16, free: int = 8, own: int = 0) -> Path:
    """Write what a system shows of its memory; sizes are in GiB, but that of this process."""
    (root / "proc/self").mkdir(parents=True, exist_ok=True)
    lines = f"MemTotal: {total * 2**20} kB\nMemFree: 1 kB\nMemAvailable: {free * 2**20} kB\n"
    (root / "proc/meminfo").write_text(lines)
    (root / "proc/self/statm").write_text(f"{2 * own // PAGE} {own // PAGE} 1 1 0 1 0\n")
    return root


def room(root: Path) -> Room:
    found = find_room(root)
    assert found is not None
    return found


def test_a_machine_has_what_other_programs_leave(tmp_path: Path) -> None:
    found = room(machine(tmp_path, own=GIB))
    assert (found.limit, found.free, found.own) == (16 * GIB, 8 * GIB, GIB)
    others = ", of which other programs hold 7.0 GiB"
    assert str(found) == "the 16.0 GiB of memory of this machine" + others


@pytest.mark.parametrize(
    ("version", "limits"),
    [
        ("v2", {"memory.max": "max", "memory.current": "5000"}),
        ("v2", {"memory.max": "nonsense"}),
        ("v1", {"memory/other/memory.limit_in_bytes": "9223372036854771712"}),
        ("v2", {}),
    ],
)
def test_a_group_without_a_limit_leaves_all_of_the_machine(
    tmp_path: Path, version: str, limits: dict[str, str]
) -> None:
    assert room(machine(system(tmp_path, version, "/", limits))).free == 8 * GIB


@pytest.mark.parametrize("name", ["memory.max", "memory.high"])
def test_a_limit_of_version_2_counts_less_what_the_group_holds(tmp_path: Path, name: str) -> None:
    limits = {
        "pod/memory.max": str(4 * GIB),
        f"pod/{name}": str(3 * GIB),
        "pod/memory.current": str(2 * GIB),
        # Files that were read can be forgotten.
        "pod/memory.stat": f"anon 5\ninactive_file {GIB // 2}\nactive_file {GIB // 4}\n",
    }
    found = room(machine(system(tmp_path, "v2", "/pod", limits), own=GIB))
    assert (found.limit, found.free) == (3 * GIB, GIB + 3 * GIB // 4)
    assert str(found) == "the 3.0 GiB that this container may use"


def test_a_limit_of_version_1_counts_less_what_the_group_holds(tmp_path: Path) -> None:
    limits = {
        "memory/other/memory.limit_in_bytes": str(3 * GIB),
        "memory/other/memory.usage_in_bytes": str(2 * GIB),
        "memory/other/memory.stat": f"inactive_file 7\ntotal_inactive_file {GIB}\n",
        "cpu,cpuacct/pod/memory.limit_in_bytes": "5",
    }
    found = room(machine(system(tmp_path, "v1", "/pod", limits), own=GIB))
    assert (found.limit, found.free) == (3 * GIB, 2 * GIB)


def test_the_nested_group_that_leaves_least_counts(tmp_path: Path) -> None:
    limits = {
        "a/b/memory.max": "max",
        "a/memory.max": str(5 * GIB),
        "a/memory.current": str(3 * GIB),
        "memory.max": str(3 * GIB),
        "memory.current": str(GIB // 2),
        "other/memory.max": "1",
    }
    found = room(machine(system(tmp_path, "v2", "/a/b", limits)))
    assert (found.limit, found.free) == (5 * GIB, 2 * GIB)
    assert str(found).endswith("this container may use, of which other programs hold 3.0 GiB")


def test_a_group_that_does_not_show_what_it_holds_holds_this_process(tmp_path: Path) -> None:
    limits = {"memory.max": str(3 * GIB)}
    found = room(machine(system(tmp_path, "v2", "/", limits), own=GIB))
    assert found.free == 2 * GIB
    # A folder in the place of a file cannot be read.
    (tmp_path / "sys/fs/cgroup/memory.max").unlink()
    (tmp_path / "sys/fs/cgroup/memory.max").mkdir()
    assert room(tmp_path).free == 8 * GIB


def test_what_takes_more_than_is_left_is_refused_with_the_limit(tmp_path: Path) -> None:
    limits = {"memory.max": str(3 * GIB), "memory.current": str(GIB)}
    root = machine(system(tmp_path, "v2", "/", limits), own=GIB)
    check_room(2 * GIB, "the run 'fox'", root)
    with pytest.raises(NotEnoughMemoryError) as caught:
        check_room(2 * GIB + 1, "the run 'fox'", root)
    assert str(caught.value).startswith(
        "not enough memory: the run 'fox' takes about 3.0 GiB, more than the 3.0 GiB that this "
        "container may use; end "
    )


def test_this_machine_tells_how_much_it_has() -> None:
    found = room(Path("/"))
    assert 0 < found.free <= found.limit
    assert format_size(3 * 2**29) == "1.5 GiB"


def test_a_limit_of_the_address_space_counts_less_what_is_mapped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (3 * GIB, -1))
    found = room(machine(tmp_path, own=GIB))  # which maps two GiB
    assert (found.limit, found.free, found.own) == (3 * GIB, GIB, 2 * GIB)
    assert str(found) == "the 3.0 GiB of address space that `ulimit -v` leaves this process"
