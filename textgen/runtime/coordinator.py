"""The way to the coordinator: its address, and proxies that would stand in between.

The module does not import JAX.
"""

from collections.abc import MutableMapping
from ipaddress import ip_address, ip_network

from textgen.runtime.hosts import Hosts

# Variables that gRPC reads, of which the first that is set counts. It knows none in capitals.
PROXIES = ("grpc_proxy", "https_proxy", "http_proxy")
EXCEPTIONS = ("no_grpc_proxy", "no_proxy")


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


def split_address(address: str) -> tuple[str, int]:
    """Return the host and the port of HOST:PORT, the host without brackets."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)
