from pathlib import Path

from tests.runtime.systems import system
from textgen.runtime.control_groups import group_folders


def test_the_groups_come_from_the_inside_to_the_outside(tmp_path: Path) -> None:
    top = system(tmp_path, "v2", "/a/b", {}) / "sys/fs/cgroup"
    assert [*group_folders("memory", tmp_path)] == [top / "a/b", top / "a", top]


def test_version_1_has_a_tree_for_each_controller(tmp_path: Path) -> None:
    top = system(tmp_path, "v1", "/pod", {}) / "sys/fs/cgroup"
    assert [*group_folders("memory", tmp_path)] == [top / "memory/other", top / "memory"]
    assert [*group_folders("cpu", tmp_path)] == [top / "cpu,cpuacct/pod", top / "cpu,cpuacct"]
    assert not [*group_folders("pids", tmp_path)]


def test_a_system_without_control_groups_has_none(tmp_path: Path) -> None:
    assert not [*group_folders("memory", tmp_path)]
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("what is this\n")
    assert not [*group_folders("memory", tmp_path)]
