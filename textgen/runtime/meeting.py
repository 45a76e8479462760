"""A meeting of all processes before JAX starts in them.

If process 0 does not answer, another process does not come, or two have the same number, JAX aborts
the process with a long message that nobody can catch. So the processes meet first, at the port that
JAX's coordinator takes over afterwards. What keeps them from meeting is one error, the same in all
that have come. The module does not import JAX.
"""

import errno
import json
import selectors
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import Any

from textgen.errors import LostProcessError, TextgenError, UsageError
from textgen.runtime.coordinator import split_address
from textgen.runtime.hosts import Hosts
from textgen.runtime.together import BEAT_SECONDS, LOST_SECONDS

# Seconds between attempts to reach process 0.
PAUSE = 0.5
# What process 0 says first, and how long it may take. A program that has its port says it not.
GREETING, GREETING_SECONDS = b"textgen\n", 10
# What it says to those that wait for others. The answer after it is JSON, in which it is a space.
SIGN = b" "
# How long another program may have the port, such as a training that ends.
FOREIGN_SECONDS = 20
FREE_PORT = "set JAX_COORDINATOR_PORT to a free port, the same in all processes"
# Largest message of a process, in bytes. Whatever else connects to the port is not listened to.
MAX_BYTES = 4096
# What a process says of itself.
Said = Mapping[str, Any]


def meet(hosts: Hosts, timeout: float, versions: Mapping[str, str]) -> str | None:
    """Wait until all processes have come; all of them call this before JAX starts.

    On Cloud TPU JAX knows the others by itself, and there is no meeting.

    A host has several addresses, and its own name often leads to one that no other host can reach,
    such as 127.0.1.1 on Debian. A connection between processes shows one that they can.

    Args:
        hosts: the processes that train together, as this one sees them.
        timeout: how long to wait, in seconds.
        versions: versions of textgen and of what it stands on, by name; they must be the same in
            all.

    Returns:
        Address at which the other processes can reach this one; None if there was no meeting.

    Raises:
        UsageError: if the port is in use, or the processes do not fit each other.
        TextgenError: if a process does not come in time; the message says which.
        LostProcessError: if process 0 no longer gives signs of life.
    """
    if hosts.coordinator is None:
        return None
    own = {
        "versions": {**versions},
        "process": hosts.process_id,
        "processes": hosts.num_processes,
        "host": socket.gethostname(),
    }
    end = time.monotonic() + timeout
    if hosts.process_id == 0:
        return _receive(hosts, own, end, timeout)
    return _report(hosts, own, end, timeout)


def _receive(hosts: Hosts, own: Said, end: float, timeout: float) -> str:
    """Let the other processes come to this one, and tell them all how it ended."""
    answer = {"problem": f"process 0 on {own['host']} was stopped", "is_usage": False}
    with _listen(hosts) as server, selectors.DefaultSelector() as selector:
        selector.register(server, selectors.EVENT_READ)
        try:
            address = _gather(hosts, own, server, selector, end, timeout)
            answer = {"problem": "", "address": address}
            return address
        except TextgenError as error:
            answer = {"problem": str(error), "is_usage": isinstance(error, UsageError)}
            raise
        finally:
            for key in [*selector.get_map().values()]:
                if isinstance(key.fileobj, socket.socket) and key.fileobj is not server:
                    _answer(key.fileobj, json.dumps(answer))


def _gather(
    hosts: Hosts,
    own: Said,
    server: socket.socket,
    selector: selectors.BaseSelector,
    end: float,
    timeout: float,
) -> str:
    """Wait until all processes have come and said who they are; return the address of this one."""
    come: dict[int, tuple[socket.socket, Said]] = {}
    expected = range(1, hosts.num_processes or 1)
    while len(come) < len(expected):
        pause = min(BEAT_SECONDS, max(0.0, end - time.monotonic()))
        for connection, _ in come.values():
            with suppress(OSError):  # it has gone, or hears nothing
                connection.send(SIGN)
        for key, _ in selector.select(pause):
            assert isinstance(key.fileobj, socket.socket)
            if key.fileobj is server:
                connection, _ = server.accept()
                with suppress(OSError):  # it has gone, which the next reading tells
                    connection.sendall(GREETING)
                connection.setblocking(False)
                selector.register(connection, selectors.EVENT_READ)
                continue
            said = _heard(key.fileobj)
            if said is not None:
                process = _checked(said, own, {number: one for number, (_, one) in come.items()})
                come[process] = key.fileobj, said
                continue
            # It has gone, such as a process that a launcher starts once more, or is none of ours.
            come = {number: one for number, one in come.items() if one[0] is not key.fileobj}
            selector.unregister(key.fileobj)
            key.fileobj.close()
        if len(come) < len(expected) and time.monotonic() > end:
            missing = [str(process) for process in expected if process not in come]
            what = "process" if len(missing) == 1 else "processes"
            raise TextgenError(
                f"{what} {', '.join(missing)} of {hosts.num_processes} did not come within "
                f"{timeout:g} s; look at their output, or give a longer --hosts-timeout"
            )
    addresses = [_own_address(connection) for connection, _ in come.values()]
    # A process on the same host may have come another way than those of other hosts.
    return min(addresses, key=_is_loopback)


def _heard(connection: socket.socket) -> Said | None:
    """Return what a process says; None if it has gone, or is none of ours."""
    try:
        said = json.loads(connection.recv(MAX_BYTES))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(said, dict) and said.keys() == {"versions", "process", "processes", "host"}
    kinds = {"versions": dict, "process": int}
    is_ours = is_ours and all(isinstance(said[name], kind) for name, kind in kinds.items())
    return said if is_ours else None


def _checked(said: Said, own: Said, others: Mapping[int, Said]) -> int:
    """Return the number of a process.

    Raises:
        UsageError: if it does not fit process 0, or another one has its number.
    """
    process = int(said["process"])
    found, wanted = _to_compare(said), _to_compare(own)
    for noun, value in wanted.items():
        if found.get(noun) != value:
            raise UsageError(
                f"{noun} is {found.get(noun)} on {said['host']} (process {process}), but {value} "
                f"on {own['host']} (process 0); it must be the same"
            )
    other = own if process == 0 else others.get(process)
    if other is not None:
        raise UsageError(
            f"two processes have the number {process}, on {other['host']} and on {said['host']}; "
            "each must have its own"
        )
    return process


def _to_compare(said: Said) -> dict[str, Any]:
    """Return what must be the same in all processes, by a name for it."""
    versions = {f"the version of {name}": version for name, version in said["versions"].items()}
    return versions | {"their number": said["processes"]}


def _report(hosts: Hosts, own: Said, end: float, timeout: float) -> str:
    """Come to process 0, and wait for its answer; return the address of this process."""
    lost = f"process 0 at {hosts.coordinator} ended before all processes had come"
    with _reach(hosts, end, timeout) as connection:
        # Process 0 can have started later, and its time ends later.
        connection.settimeout(LOST_SECONDS)
        address = _own_address(connection)
        try:
            connection.sendall(json.dumps(own).encode())
            answer = json.loads(connection.makefile(encoding="utf-8").read())
        except TimeoutError as error:
            raise LostProcessError(
                f"process 0 at {hosts.coordinator} has given no sign of life for "
                f"{LOST_SECONDS:.0f} seconds"
            ) from error
        except (OSError, ValueError) as error:
            raise TextgenError(lost) from error
    if answer["problem"]:
        raise (UsageError if answer["is_usage"] else TextgenError)(answer["problem"])
    # Where process 0 is reached by a loopback, it is on this host.
    return str(answer["address"]) if _is_loopback(address) else address


def _own_address(connection: socket.socket) -> str:
    """Return the address of this end of a connection."""
    return str(connection.getsockname()[0]).removeprefix("::ffff:")


def _is_loopback(address: str) -> bool:
    return ip_address(address).is_loopback


def _answer(connection: socket.socket, text: str) -> None:
    with connection:
        try:
            connection.settimeout(PAUSE)
            connection.sendall(text.encode())
        except OSError:
            return  # it has gone, which the watch over all processes will notice


def _listen(hosts: Hosts) -> socket.socket:
    """Return a socket that listens where JAX's coordinator will."""
    host, port = split_address(hosts.bind_address or hosts.coordinator or "")
    address = host if hosts.bind_address else ""
    both = not address and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if both or ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, dualstack_ipv6=both)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"the port {port} of the coordinator is in use on this host; {FREE_PORT}"
            ) from error
        raise UsageError(
            f"process 0 cannot listen at {hosts.bind_address or port}: {error.strerror or error}"
        ) from error


def _reach(hosts: Hosts, end: float, timeout: float) -> socket.socket:
    """Return a connection to process 0, as soon as it listens."""
    host, port = split_address(hosts.coordinator or "")
    foreign_end = float("inf")
    while True:
        try:
            connection = socket.create_connection((host, port), max(PAUSE, end - time.monotonic()))
            if _is_greeted(connection):
                return connection
            foreign_end = min(foreign_end, time.monotonic() + FOREIGN_SECONDS)
        except OSError as error:
            foreign_end = float("inf")
            if time.monotonic() + PAUSE > end:
                raise TextgenError(
                    f"the coordinator {hosts.coordinator} did not answer within {timeout:g} s: "
                    f"{_why(error)}"
                ) from error
        if time.monotonic() + PAUSE > min(end, foreign_end):
            raise TextgenError(
                f"what listens at {hosts.coordinator} does not greet as process 0 does, so that "
                f"process 0 hangs or another program has the port; {FREE_PORT}"
            )
        time.sleep(PAUSE)


def _is_greeted(connection: socket.socket) -> bool:
    """Return whether process 0 is at the other end; close the connection if it is not."""
    connection.settimeout(GREETING_SECONDS)
    with suppress(OSError):
        if connection.recv(len(GREETING), socket.MSG_WAITALL) == GREETING:
            return True
    connection.close()
    return False


def _why(error: OSError) -> str:
    """Return what may keep a connection from being made, and what to do."""
    if isinstance(error, socket.gaierror):
        return "its name is not known here; set JAX_COORDINATOR_ADDRESS to one that is"
    if isinstance(error, ConnectionRefusedError):
        return (
            "its host is there, but nothing listens; process 0 has not started, or runs on another "
            "host, which JAX_COORDINATOR_ADDRESS can name"
        )
    return "nothing came back; check the address, and firewalls between the hosts"
