"""Proxies on the way to the coordinator are avoided, by the rules of gRPC."""

import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from textgen.runtime.coordinator import avoid_proxy, split_address
from textgen.runtime.hosts import Hosts

PROXY = "http://proxy:3128"


def hosts_at(coordinator: str | None, process_id: int = 1, bind: str | None = None) -> Hosts:
    return Hosts(
        coordinator=coordinator,
        num_processes=2,
        process_id=process_id,
        launcher="",
        reason="",
        bind_address=bind,
    )


@pytest.fixture
def listener() -> Iterator[tuple[socket.socket, int]]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server, server.getsockname()[1]


@pytest.mark.parametrize(
    ("environment", "host"),
    [
        ({}, "node1"),
        ({"http_proxy": ""}, "node1"),
        ({"HTTP_PROXY": PROXY}, "node1"),  # gRPC does not know it
        ({"http_proxy": PROXY, "no_proxy": "node1"}, "node1"),
        ({"http_proxy": PROXY, "no_proxy": "localhost, .Site.org"}, "node1.site.org"),
        ({"grpc_proxy": PROXY, "no_proxy": "10.0.0.0/8"}, "10.1.2.3"),
        ({"https_proxy": PROXY, "no_grpc_proxy": "10.1.2.3", "no_proxy": ""}, "10.1.2.3"),
        ({"https_proxy": PROXY, "no_proxy": "fd00::/8"}, "[fd00::2]"),
    ],
)
def test_without_a_proxy_on_the_way_nothing_is_changed(
    environment: dict[str, str], host: str
) -> None:
    before = dict(environment)
    assert avoid_proxy(environment, hosts_at(f"{host}:1")) is None
    assert environment == before


@pytest.mark.parametrize(
    ("exceptions", "expected"),
    [
        ({}, "node1"),
        ({"no_proxy": "*"}, "*,node1"),
        ({"no_proxy": "localhost,10.0.0.0/8"}, "localhost,10.0.0.0/8,node1"),
        ({"no_proxy": "node1", "no_grpc_proxy": "node2"}, "node2,node1"),
        ({"NO_PROXY": "node1"}, "node1"),  # gRPC does not know it
    ],
)
def test_a_proxy_on_the_way_is_avoided_and_told(exceptions: dict[str, str], expected: str) -> None:
    environment = {"http_proxy": PROXY} | exceptions
    told = avoid_proxy(environment, hosts_at("node1:1"))
    assert told is not None
    assert told.startswith("http_proxy is set")
    assert "no_proxy=node1" in told
    assert environment["no_grpc_proxy"] == expected
    assert avoid_proxy(environment, hosts_at("node1:1")) is None


@pytest.mark.slow
def test_jax_starts_although_there_is_a_proxy_that_never_answers(
    listener: tuple[socket.socket, int],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    code = (
        "import os\n"
        "from textgen.runtime.coordinator import avoid_proxy\n"
        "from textgen.runtime.hosts import Hosts\n"
        f"hosts = Hosts(coordinator='127.0.0.1:{port}', num_processes=1, process_id=0,"
        " launcher='', reason='')\n"
        f"os.environ['http_proxy'] = 'http://127.0.0.1:{listener[1]}'\n"
        "assert avoid_proxy(os.environ, hosts)\n"
        "import jax\n"
        "jax.distributed.initialize(**hosts.arguments(), initialization_timeout=20)\n"
        "print('met')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "met\n", done.stderr


def test_addresses_are_split_at_their_port() -> None:
    assert split_address("node1:99") == ("node1", 99)
    assert split_address("[fe80::1]:99") == ("fe80::1", 99)
