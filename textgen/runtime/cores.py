"""The CPU cores that this process may use."""

import os
from collections.abc import Iterator, MutableMapping
from contextlib import suppress
from pathlib import Path

from textgen.runtime.control_groups import group_folders

# Environment variables with the number of threads of XLA and of NumPy's matrix products.
THREADS = ("PJRT_NPROC", "OPENBLAS_NUM_THREADS")
# Others that they read. XLA fails without a word if it cannot start so many threads.
OTHER_THREADS = ("NPROC", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
# Most threads that a variable may ask for, for each core of the machine.
MOST_THREADS = 4


def available_cores(root: Path = Path("/")) -> int:
    """Return the number of CPU cores that this process may use, at least 1.

    A container often may use only a share of the time of all cores. The share counts as so many
    whole cores: more threads than that would be paused again and again.

    Args:
        root: folder in which /proc and /sys are found.
    """
    return max(1, min([_cores_of_process(), *map(int, _quotas(root))]))


def limit_threads(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let XLA and NumPy start no more threads than there are cores.

    Call this before either is imported. They know the cores that a process is bound to, but not the
    share of their time that a container has.

    Args:
        environment: the environment variables of this process. Those that are set already are kept,
            unless they ask for many times the cores of this machine.
    """
    cores = available_cores()
    most = MOST_THREADS * (os.cpu_count() or 1)
    for name in (*THREADS, *OTHER_THREADS):
        digits = environment.get(name, "").strip().lstrip("+0")
        if digits.isdecimal() and (len(digits) > len(str(most)) or int(digits) > most):
            environment[name] = str(most)
    if cores < _cores_of_process():
        for name in THREADS:
            environment.setdefault(name, str(cores))


def multiply_with_one_thread(environment: MutableMapping[str, str] = os.environ) -> None:
    """Let NumPy compute matrix products with one thread.

    Call this before NumPy is imported. For products of some 64 rows a second thread saves a third
    of the time on an idle machine. On a busy one the threads wait for each other, and a command
    takes ten times as long.

    Args:
        environment: the environment variables of this process. Those that are set already are kept.
    """
    environment.setdefault("OPENBLAS_NUM_THREADS", "1")


def _cores_of_process() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(root: Path) -> Iterator[float]:
    """Yield the limit of each control group that this process is in, in cores.

    Version 2 of control groups writes it as `150000 100000`: so many microseconds of processor time
    in a period of so many microseconds. Version 1 writes the two numbers into two files.
    """
    for path in group_folders("cpu", root):
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota, period = (path / "cpu.max").read_text().split()
            yield int(quota) / int(period)  # `max`, which is no number, is no limit
        with suppress(OSError, ValueError, ZeroDivisionError):
            quota = (path / "cpu.cfs_quota_us").read_text()
            if int(quota) > 0:
                yield int(quota) / int((path / "cpu.cfs_period_us").read_text())
