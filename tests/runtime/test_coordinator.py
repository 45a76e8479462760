"""What keeps processes from meeting is found out in time."""

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from textgen.errors import TextgenError, UsageError
from textgen.runtime.coordinator import (
    avoid_proxy,
    check_port,
    split_address,
    wait_for_coordinator,
)
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


def test_a_port_in_use_is_told_by_process_0(listener: tuple[socket.socket, int]) -> None:
    _, port = listener
    with pytest.raises(UsageError, match=f"the port {port} of the coordinator is in use"):
        check_port(hosts_at(f"127.0.0.1:{port}", 0))
    check_port(hosts_at(f"127.0.0.1:{port}", 1))
    check_port(hosts_at(None))


def test_a_port_can_be_used_again_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)), server.accept()[0] as ended:
            ended.shutdown(socket.SHUT_RDWR)  # the side of the server waits in TIME_WAIT
    check_port(hosts_at(f"127.0.0.1:{port}", 0))


def test_an_address_of_another_host_cannot_be_listened_at() -> None:
    # 203.0.113.0/24 is for documentation (RFC 5737).
    with pytest.raises(UsageError, match=r"process 0 cannot listen at 203\.0\.113\.7:1025"):
        check_port(hosts_at("a:1025", 0, bind="203.0.113.7:1025"))


def test_a_coordinator_that_answers_is_not_waited_for(
    listener: tuple[socket.socket, int],
) -> None:
    begun = time.monotonic()
    wait_for_coordinator(hosts_at(f"127.0.0.1:{listener[1]}"), 60)
    wait_for_coordinator(hosts_at("nowhere.invalid:1", 0), 60)
    wait_for_coordinator(hosts_at(None), 60)
    assert time.monotonic() - begun < 10


def test_a_coordinator_that_comes_later_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textgen.runtime.coordinator.PAUSE", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    servers = list[socket.socket]()
    later = threading.Timer(0.1, lambda: servers.append(socket.create_server(("127.0.0.1", port))))
    later.start()
    wait_for_coordinator(hosts_at(f"127.0.0.1:{port}"), 30)
    later.join()
    servers[0].close()


def test_a_coordinator_that_does_not_come_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textgen.runtime.coordinator.PAUSE", 0.01)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(TextgenError, match=r"did not answer within 0\.03 s: its host is there"):
        wait_for_coordinator(hosts_at(f"127.0.0.1:{port}"), 0.03)
    with pytest.raises(TextgenError, match=r"nowhere\.invalid:1 did not answer .* not known here"):
        wait_for_coordinator(hosts_at("nowhere.invalid:1"), 0)


def test_addresses_are_split_at_their_port() -> None:
    assert split_address("node1:99") == ("node1", 99)
    assert split_address("[fe80::1]:99") == ("fe80::1", 99)
