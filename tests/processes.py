"""Start a command in several processes of this machine, which find each other."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# Longest time for processes to come to an end, in seconds.
SECONDS = 300


@contextmanager
def started(
    arguments: Sequence[str], *, program: Sequence[str] = ("-m", "textgen"), **more: str
) -> Iterator[list[subprocess.Popen[str]]]:
    """Start two processes, the first of which leads; those that are left are killed at the end.

    Args:
        arguments: of the program.
        program: what Python runs.
        more: further environment variables.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    common = {"JAX_COORDINATOR_ADDRESS": f"127.0.0.1:{port}", "JAX_NUM_PROCESSES": "2"} | more
    processes = [
        subprocess.Popen(
            [sys.executable, *program, *arguments],
            env=os.environ | common | {"JAX_PROCESS_ID": str(number)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def ended(processes: Sequence[subprocess.Popen[str]]) -> list[tuple[int, str, str]]:
    """Wait for the end of all; return the exit code, the output and the errors of each."""
    found = []
    for process in processes:
        output, errors = process.communicate(timeout=SECONDS)
        found.append((process.returncode, output, errors))
    return found
