"""Join the processes of one training: find them, meet them, and guard those that follow."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from textgen.terminal.output import Foot, fail, keep_output_clean, say

if TYPE_CHECKING:
    from textgen.runtime.hosts import Hosts
    from textgen.runtime.together import Together

HostsMode = Annotated[
    Literal["auto", "none"],
    typer.Option(
        help="auto works together with all processes that a launcher such as Slurm, Kubernetes "
        "or mpirun has started; none works alone."
    ),
]
HostsTimeout = Annotated[
    int,
    typer.Option(metavar="SECONDS", help="Longest time to wait until all processes meet."),
]
CorpusPlace = Annotated[
    Literal["shared", "local"],
    typer.Option(
        "--corpus",
        help="Where several hosts read the text: in the run's folder, which they share, or each "
        "in its own copy at the same path.",
    ),
]
# Variable with the number of the guarding process, in the process that it guards.
GUARDED = "TEXTGEN_GUARDED_BY"
# Exit code when another process is lost: the same command may succeed later (EX_TEMPFAIL).
LOST = 75
# Exit code of a process that JAX ended since process 0 is gone.
ABORTED = -signal.SIGABRT
# A launcher may signal each process that it finds, so that a guarded one gets the signal itself and
# once more from its guard. Within this time they count as one.
ECHO_SECONDS = 5.0
# Lines of a guarded process that are kept to explain its end.
KEPT_LINES = 40


def find(mode: str, *, quiet: bool) -> "Hosts | None":
    """Return the processes that train together; None if this one trains alone.

    Where a launcher has left a trace, it is said what was believed, and why.
    """
    if mode == "none":
        return None
    from textgen.runtime.hosts import NO_TRACE, alone, find_hosts

    hosts = find_hosts()
    told = alone() if hosts is None else hosts.reason if hosts.process_id == 0 else NO_TRACE
    if NO_TRACE not in told and not quiet:
        say(told)
    return hosts


def is_follower(hosts: "Hosts | None") -> bool:
    """Return whether this process follows process 0 and has no guard yet."""
    return bool(hosts and hosts.process_id) and GUARDED not in os.environ


def guard(hosts: "Hosts", arguments: Sequence[str] = sys.argv[1:]) -> int:
    """Run the command in another process and return its exit code.

    When process 0 is gone, JAX ends the others at once, with many lines of its own. The guard says
    it in one.
    """
    environment = {**os.environ, GUARDED: str(os.getpid())}
    said, own = deque[str](maxlen=KEPT_LINES), list[str]()
    # In a session of its own it gets each signal once, from its guard.
    with subprocess.Popen(
        [sys.executable, "-m", "textgen", *arguments],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        errors="replace",
    ) as child:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda number, _: child.send_signal(number))
        assert child.stderr is not None
        for line in child.stderr:
            (own if line.startswith("textgen: ") else said).append(line.rstrip("\n"))
    code = child.returncode
    where = f"process {hosts.process_id}"
    if code == ABORTED:
        fail(
            f"{where}: process 0 at {hosts.coordinator} is gone; start the same command again to "
            "go on"
        )
        return LOST
    for line in own:
        fail(f"{where}: {line.removeprefix('textgen: ')}")
    if code < 0 or (code == 1 and not own):
        fail("\n".join(said) or f"{where} ended by signal {-code}")
    return 128 - code if code < 0 else code


def join(
    hosts: "Hosts | None",
    timeout: int,
    devices: int | None,
    arguments: Sequence[str] = sys.argv[1:],
) -> "Together | None":
    """Meet the other processes; None if this one trains alone.

    Raises:
        TextgenError: if they do not meet in time, or differ in what must be the same.
    """
    if hosts is None:
        return None
    from textgen.runtime.beginning import begin_together
    from textgen.runtime.coordinator import avoid_proxy
    from textgen.runtime.meeting import meet

    packages = {"textgen": "textgen-lstm", "JAX": "jax", "jaxlib": "jaxlib"}
    versions = {name: version(package) for name, package in packages.items()}
    facts: dict[str, Any] = {f"version of {name}": found for name, found in versions.items()}
    facts["options"] = [*arguments]
    if GUARDED in os.environ:
        threading.Thread(target=_leave_with_guard, daemon=True).start()
    if hosts.process_id == 0:
        keep_output_clean()
    told = avoid_proxy(os.environ, hosts)
    if told is not None and hosts.process_id == 0:
        say(told)
    address = meet(hosts, timeout, versions)
    return begin_together(hosts, timeout, devices, facts, address=address, when_lost=leave_lost)


def follow_first(together: "Together", where: Literal["shared", "local"] = "shared") -> int:
    """Do what process 0 says, and return its exit code.

    Args:
        together: the processes.
        where: where this process reads the text.
    """
    from textgen.terminal.signals import noted_signals
    from textgen.workflows.hosts import follow

    with noted_signals() as ending:
        if GUARDED in os.environ:
            ending.echo_seconds = ECHO_SECONDS
        together.asked = lambda: ending.signal or 0
        return follow(together, where)


def leave_lost(message: str) -> None:
    """End this process at once, since another one is lost."""
    from textgen.errors import LostProcessError

    if sys.stderr.isatty():
        Foot.erase_at_once()
    os.write(2, f"textgen: {LostProcessError(message)}\n".encode())
    os._exit(LOST)


def _leave_with_guard() -> None:
    parent = int(os.environ[GUARDED])
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(LOST)
