"""What keeps a process from reaching the coordinator, found out before JAX waits for it.

If a process cannot reach the coordinator, or others do not come, JAX ends the process with an abort
and a long message. The module does not import JAX.
"""

import errno
import socket
import time
from collections.abc import MutableMapping
from ipaddress import ip_address, ip_network

from textgen.errors import TextgenError, UsageError
from textgen.runtime.hosts import Hosts

# Variables that gRPC reads, of which the first that is set counts. It knows none in capitals.
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
EXCEPTIONS = ("no_grpc_proxy", "no_proxy")
# Seconds between attempts to reach the coordinator.
PAUSE = 0.5


def avoid_proxy(environment: MutableMapping[str, str], hosts: Hosts) -> str | None:
    """Make gRPC reach the coordinator directly. Call this before JAX starts.

    gRPC would connect through the proxy that is meant for the Internet. Such a proxy seldom reaches
    the hosts of a cluster, and the start then takes until its timeout.

    Returns:
        A sentence for the user if there is such a proxy; None if there is none, or the coordinator
        is one of the exceptions already.
    """
    if hosts.coordinator is None:
        return None
    host, _ = split_address(hosts.coordinator)
    proxy = next((name for name in PROXIES if environment.get(name)), None)
    excepted = next((environment[name] for name in EXCEPTIONS if environment.get(name)), "")
    if proxy is None or _is_excepted(host, excepted):
        return None
    environment[EXCEPTIONS[0]] = ",".join(filter(None, [excepted, host]))
    return (
        f"{proxy} is set, through which the coordinator {host} could not be reached, so it is "
        f"not used for it; no_proxy={host} says the same for all programs"
    )


def _is_excepted(host: str, exceptions: str) -> bool:
    """Return whether gRPC connects to a host directly, by its own rules.

    An exception is the end of a name, an address or a network. A star has no meaning.
    """
    for entry in filter(None, map(str.strip, exceptions.split(","))):
        try:
            if ip_address(host) in ip_network(entry, strict=False):
                return True
        except ValueError:  # one of them is a name
            if host.lower().endswith(entry.lower()):
                return True
    return False


def check_port(hosts: Hosts) -> None:
    """Check that process 0 can listen where the others expect it; others check nothing.

    Raises:
        UsageError: if the port is in use, or the address is none of this host.
    """
    if hosts.process_id != 0 or hosts.coordinator is None:
        return
    host, port = split_address(hosts.bind_address or hosts.coordinator)
    address = host if hosts.bind_address else ""
    try:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family) as trial:
            # A port of connections that have just ended can be used; one of a listener cannot.
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((address, port))
            trial.listen()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise UsageError(
                f"the port {port} of the coordinator is in use on this host; set "
                "JAX_COORDINATOR_PORT to a free port, the same in all processes"
            ) from error
        raise UsageError(
            f"process 0 cannot listen at {hosts.bind_address or port}: {error.strerror or error}"
        ) from error


def wait_for_coordinator(hosts: Hosts, timeout: float) -> None:
    """Wait until process 0 listens; process 0 waits for nothing.

    Args:
        hosts: the processes that train together.
        timeout: how long to wait, in seconds.

    Raises:
        TextgenError: if it does not in that time; the message says what happened instead.
    """
    if hosts.process_id == 0 or hosts.coordinator is None:
        return
    host, port = split_address(hosts.coordinator)
    end = time.monotonic() + timeout
    while True:
        try:
            left = max(end - time.monotonic(), PAUSE)
            socket.create_connection((host, port), timeout=left).close()
            return
        except OSError as error:
            problem = error
        if time.monotonic() + PAUSE > end:
            raise TextgenError(
                f"the coordinator {hosts.coordinator} did not answer within {timeout:g} s: "
                f"{_why(problem)}"
            ) from problem
        time.sleep(PAUSE)


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


def split_address(address: str) -> tuple[str, int]:
    """Return the host and the port of HOST:PORT, the host without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
