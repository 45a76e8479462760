import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runtime.systems import system
from textgen.runtime import cores
from textgen.runtime.cores import (
    THREADS,
    available_cores,
    limit_threads,
    multiply_with_one_thread,
)

GIVEN = {
    "restore": ["restore", "run", "a t_xt"],
    "proofread": ["proofread", "text.txt"],
    "inspect": ["inspect", "--find", "run"],
}


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("250000 100000\n", 2),  # rounded down
        ("50000 100000\n", 1),  # and at least one
        ("1600000 100000\n", 8),  # no more than there are
        ("nonsense\n", 8),
        ("100000 0\n", 8),
    ],
)
def test_a_quota_of_version_2_counts_as_whole_cores(
    tmp_path: Path, limit: str, expected: int
) -> None:
    assert available_cores(system(tmp_path, "v2", "/", {"cpu.max": limit})) == expected


@pytest.mark.parametrize(("quota", "expected"), [("-1\n", 8), ("300000\n", 3), ("30000\n", 1)])
def test_a_quota_of_version_1_counts_as_whole_cores(
    tmp_path: Path, quota: str, expected: int
) -> None:
    limits = {
        "cpu,cpuacct/pod/cpu.cfs_quota_us": quota,
        "cpu,cpuacct/pod/cpu.cfs_period_us": "100000\n",
        "memory/pod/cpu.cfs_quota_us": "100000\n",
        "memory/pod/cpu.cfs_period_us": "100000\n",
    }
    assert available_cores(system(tmp_path, "v1", "/pod", limits)) == expected


def test_the_narrowest_of_nested_groups_counts(tmp_path: Path) -> None:
    limits = {
        "a/b/c/cpu.max": "max 100000",
        "a/b/cpu.max": "300000 100000",
        "a/cpu.max": "600000 100000",
        "other/cpu.max": "100000 100000",
    }
    assert available_cores(system(tmp_path, "v2", "/a/b/c", limits)) == 3


def test_inside_a_container_the_top_of_the_mount_is_the_group(tmp_path: Path) -> None:
    limits = {"cpu.max": "200000 100000"}
    root = system(tmp_path, "v2", "/docker/1f", limits, top="/docker/1f")
    assert available_cores(root) == 2
    (root / "proc/self/cgroup").write_text("0::/elsewhere/of/the/host\n")
    assert available_cores(root) == 2


def test_a_system_without_control_groups_has_the_cores_of_the_process(tmp_path: Path) -> None:
    assert available_cores(tmp_path) == 8
    assert available_cores() >= 1


def test_libraries_start_no_more_threads_than_a_container_has_cores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 2)
    environment = {THREADS[0]: "5"}
    limit_threads(environment)
    assert environment == {THREADS[0]: "5", THREADS[1]: "2"}
    monkeypatch.setattr(cores, "available_cores", lambda: 8)
    untouched: dict[str, str] = {}
    limit_threads(untouched)
    assert untouched == {}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="this system has no /proc")
def test_jax_starts_as_many_threads_as_it_is_told_to() -> None:
    code = (
        "import jax, os; jax.jit(lambda x: x @ x)(jax.numpy.ones((500, 500)));"
        "names = [open(f'/proc/self/task/{n}/comm').read() for n in os.listdir('/proc/self/task')];"
        "print(sum('XLAEigen' in name for name in names))"
    )
    found = {
        number: subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {THREADS[0]: number},
            capture_output=True,
            text=True,
        ).stdout
        for number in ("1", "5")
    }
    assert found == {"1": "1\n", "5": "5\n"}


def test_numpy_multiplies_with_one_thread_unless_the_user_says_otherwise() -> None:
    environment = dict[str, str]()
    multiply_with_one_thread(environment)
    assert environment == {"OPENBLAS_NUM_THREADS": "1"}
    environment["OPENBLAS_NUM_THREADS"] = "4"
    multiply_with_one_thread(environment)
    assert environment == {"OPENBLAS_NUM_THREADS": "4"}


@pytest.mark.parametrize("command", ["restore", "proofread", "inspect"])
def test_commands_that_multiply_many_rows_set_it_before_numpy_is_imported(command: str) -> None:
    code = (
        "import sys, textgen.runtime.cores as cores\n"
        "from importlib import import_module\n"
        f"command = import_module('textgen.terminal.commands.{command}')\n"
        "def told(): print('numpy' in sys.modules); sys.exit()\n"
        "command.multiply_with_one_thread = told\n"
        "from textgen.terminal.cli import run_command\n"
        f"run_command({GIVEN[command]!r})\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n", done.stderr


@pytest.mark.parametrize("name", ["PJRT_NPROC", "NPROC", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"])
def test_a_number_of_threads_in_the_environment_is_bounded(name: str) -> None:
    most = 4 * (os.cpu_count() or 1)
    for given, kept in (
        ("1", "1"),
        (str(most), str(most)),
        ("1000000000", str(most)),
        ("9" * 5000, str(most)),
        ("nonsense", "nonsense"),
    ):
        environment = {name: given}
        limit_threads(environment)
        assert environment[name] == kept
