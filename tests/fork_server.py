"""Processes that begin with everything imported: a fork of one that has imported it.

Half of a short command's time goes into importing JAX and Flax. The server imports them once and
forks for each command, before JAX has started, so that a command is still a process of its own with
its own folder, environment, streams and exit code.
"""

import gc
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parents[1]
# A client needs only built-in modules, so that it starts within a few hundredths of a second.
CLIENT = f"""#!{sys.executable} -IS
import json, os, socket, sys
{{before}}
connection = socket.socket(socket.AF_UNIX)
connection.connect({{address!r}})
request = {{{{"arguments": sys.argv[1:], "environment": dict(os.environ)}}}}
given = [0, 1, 2, os.open(".", os.O_RDONLY)]
socket.send_fds(connection, [json.dumps(request).encode() + b"\\0"], given)
sys.exit(int(connection.makefile().read()))
"""
# Arguments of a command are run as they are.
AS_GIVEN = "def prepare(arguments): return arguments"
# What most commands import, some of it when they are run.
ALL = (
    "flax.nnx",
    "matplotlib.backends.backend_agg",
    "matplotlib.figure",
    "optax",
    "textgen.evaluation.curves",
    "textgen.terminal.cli",
    "textgen.workflows.evaluate",
    "textgen.workflows.gradient",
    "textgen.workflows.inspect",
    "textgen.workflows.sample",
    "textgen.workflows.score",
    "textgen.workflows.train",
)


def write_client(program: Path, address: Path, before: str = "") -> None:
    """Write a program that has the server at an address run its arguments as a command.

    Args:
        program: the file that is written.
        address: of the server.
        before: source of what the program does first; it may end the program.
    """
    program.write_text(CLIENT.format(address=str(address), before=before), encoding="utf-8")
    program.chmod(0o755)


@contextmanager
def fork_server(
    address: Path, prepare: str = AS_GIVEN, modules: Sequence[str] = ALL
) -> Iterator[None]:
    """Run a server at an address.

    Args:
        address: of a socket that it makes.
        prepare: source that is run before anything is imported. It has a function `prepare` of the
            arguments of a command, which returns the arguments to run.
        modules: names of the modules that are imported once.
    """
    serving = f"from tests.fork_server import serve\nserve({str(address)!r}, prepare, {modules!r})"
    code = f"{prepare}\n{serving}"
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as server:
        assert server.stdout is not None
        assert server.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            server.terminate()


def serve(address: str, prepare: object, modules: Sequence[str]) -> None:
    """Import modules, then fork for each connection until the process is ended."""
    for name in modules:
        importlib.import_module(name)
    # Whoever looks for garbage would otherwise copy all that is shared, since it counts references.
    gc.collect()
    gc.freeze()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(8)
    print("ready", flush=True)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            if os.fork() == 0:  # a grandchild, which nobody has to wait for
                listener.close()
                _run(connection, prepare)
            os._exit(0)
        os.wait()
        connection.close()


def _run(connection: socket.socket, prepare: object) -> None:
    """Run the command of a connection and answer with its exit code, as a process of its own."""
    message, (*streams, folder), _, _ = socket.recv_fds(connection, 2**20, 4)
    while not message.endswith(b"\0"):
        message += connection.recv(2**20)
    request = json.loads(message[:-1])
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.fchdir(folder)
    os.close(folder)
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.stdin, sys.stdout, sys.stderr = (
        os.fdopen(number, mode, closefd=False) for number, mode in enumerate("rww")
    )
    threading.Thread(target=_end_with_client, args=[connection], daemon=True).start()
    sys.argv[1:] = prepare(request["arguments"])  # type: ignore[operator]
    code: object = 1
    try:
        from textgen.__main__ import main

        main()
    except SystemExit as ending:
        code = ending.code or 0
    finally:
        connection.sendall(str(code).encode())
        connection.close()
        os._exit(0)


def _end_with_client(connection: socket.socket) -> None:
    """Tell this process to end when its client is gone, as a signal would that the client got."""
    with suppress(OSError):
        connection.recv(1)
        os.kill(os.getpid(), signal.SIGTERM)
