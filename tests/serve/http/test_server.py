"""The address of a server, and how it sends."""

import socket

import pytest

from textgen.errors import UsageError
from textgen.serve.http.server import address_of, listen


def test_a_free_port_is_found_and_told() -> None:
    with listen("localhost", 0) as listener:
        host, port = address_of(listener)
        assert host in ("127.0.0.1", "::1")
        with socket.create_connection((host, port), timeout=5):
            pass


@pytest.mark.parametrize(
    ("host", "port", "message"),
    [
        ("nowhere.invalid", 0, "host must be an address of this machine, got 'nowhere.invalid'"),
        ("192.0.2.1", 0, "host must be an address of this machine, got '192.0.2.1'"),
        ("a" * 100, 0, "host must be an address of this machine"),
    ],
)
def test_an_address_of_another_machine_is_refused(host: str, port: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        listen(host, port)


def test_a_port_that_is_taken_is_refused() -> None:
    with listen("127.0.0.1", 0) as listener:
        _, port = address_of(listener)
        with pytest.raises(UsageError, match=f"port {port} of 127.0.0.1 is taken; choose another"):
            listen("127.0.0.1", port)


def test_a_small_answer_is_not_held_back_until_more_follows() -> None:
    # asyncio looks at the protocol before it tells the system not to wait for a full packet.
    with listen("127.0.0.1", 0) as listener:
        assert listener.proto == socket.IPPROTO_TCP
