"""The processes of one training on this machine, or on two hosts of it."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from host_link import Link

# Longest time for processes to come to an end, in seconds.
PATIENCE = 600
# Port of the coordinator on a host that has no other programs.
PORT = 61440


class Processes:
    """The processes of one training; a context that kills those that are left at its end.

    Attributes:
        started: the processes, the first of which leads.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        folder: Path,
        *,
        count: int = 2,
        own: Sequence[str] = (),
        link: Link | None = None,
    ) -> None:
        """Start processes.

        Args:
            arguments: of `textgen train`.
            folder: where they are started.
            count: number of processes.
            own: further arguments of the last process alone.
            link: one process runs on each of its two hosts; None for all on this one.
        """
        address = f"127.0.0.1:{free_port()}" if link is None else f"{link.hosts[0].address}:{PORT}"
        self.started = []
        for number in range(count):
            command = [sys.executable, "-m", "textgen", "train", *arguments]
            command += own if number == count - 1 else ()
            if link is not None:
                command = link.hosts[number].inside(command, folder)
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ
                | {
                    "JAX_COORDINATOR_ADDRESS": address,
                    "JAX_NUM_PROCESSES": str(count),
                    "JAX_PROCESS_ID": str(number),
                    # As a process has it that was not started by one that has imported JAX.
                    "TF_CPP_MIN_LOG_LEVEL": "3",
                },
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            self.started.append(process)

    def ended(self, seconds: float = PATIENCE) -> list[tuple[int, str, str]]:
        """Wait for the end of all; return the exit code, the output and the errors of each."""
        results = []
        for process in self.started:
            output, errors = process.communicate(timeout=seconds)
            results.append((process.returncode, output, errors))
        return results

    def wait_for(self, reached: Callable[[], bool], seconds: float = PATIENCE) -> None:
        """Wait until something is reached."""
        deadline = time.monotonic() + seconds
        while not reached():
            assert all(process.poll() is None for process in self.started), self.ended()
            assert time.monotonic() < deadline
            time.sleep(0.05)

    def worker(self, number: int) -> int:
        """Return the process that trains: the child of a guard, or the process itself."""
        process = self.started[number].pid
        path = Path(f"/proc/{process}/task/{process}/children")
        children = path.read_text().split() if path.exists() else []
        return int(children[0]) if children else process

    def __enter__(self) -> "Processes":
        return self

    def __exit__(self, *_: object) -> None:
        for number, process in enumerate(self.started):
            if process.poll() is None:
                with suppress(ProcessLookupError):
                    os.kill(self.worker(number), signal.SIGKILL)
                process.kill()
            process.communicate()


def free_port() -> int:
    """Return a port that nothing listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
