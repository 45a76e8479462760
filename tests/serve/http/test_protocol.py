"""Connections that stall, vanish or are no HTTP: each gets its error, and the others go on."""

import json
import socket
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.serve.http.servers import Served, post, read_all, served, wait_until
from textgen.serve.http import protocol
from textgen.serve.http.limits import MAX_HEAD_BYTES, Limits
from textgen.workflows.load import load_model

LONG = json.dumps({"prompt": "the ", "max_tokens": 10**6}).encode()
STREAM = json.dumps({"prompt": "the ", "max_tokens": 10**6, "stream": True}).encode()


@pytest.fixture(scope="module")
def patient(tiny_run_source: Path):  # type: ignore[no-untyped-def]
    """Serve the tiny run with texts of any length."""
    model = load_model(str(tiny_run_source))
    with served([model], limits=Limits(max_length=10**6, max_running=4)) as server:
        yield server


def error_of(answer: bytes) -> tuple[int, str]:
    """Return the status and the message of an answer, which has the form of all errors."""
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head.lower()
    error = json.loads(body)["error"]
    assert {*error} == {"message", "type", "param", "code"}
    return int(head.split()[1]), error["message"]


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\nBig: " + b"x" * 2**20 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * MAX_HEAD_BYTES,
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50) + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
    ids=["large header", "many headers", "TLS", "no HTTP", "no length", "two lengths"],
)
def test_what_is_no_request_is_told_so(patient: Served, data: bytes) -> None:
    status, message = error_of(patient.send(data))
    assert (status, message) == (400, protocol.MALFORMED)
    assert patient.ask("/health").status == 200


def test_http_1_0_is_answered_and_closed(patient: Served) -> None:
    body = b'{"prompt": "the ", "max_tokens": 3}'
    answer = patient.send(post(body, version=b"1.0"))
    assert answer.startswith(b"HTTP/1.1 200 OK")
    assert b"text_completion" in answer
    stream = patient.send(post(body.replace(b"}", b', "stream": true}'), version=b"1.0"))
    assert stream.endswith(b"data: [DONE]\n\n")
    assert b"transfer-encoding" not in stream.lower()


@pytest.mark.parametrize("body", [LONG, STREAM], ids=["whole", "stream"])
def test_a_client_that_vanishes_frees_its_place(patient: Served, body: bytes) -> None:
    running = lambda: patient.scheduler.figures().running  # noqa: E731
    with patient.connect() as connection:
        connection.sendall(post(body))
        wait_until(lambda: running() == 1)
        time.sleep(0.1)
        assert running() == 1
    assert wait_until(lambda: running() == 0) < 0.2


def test_a_half_closed_connection_is_told_to_stay_open(patient: Served) -> None:
    with patient.connect() as connection:
        connection.sendall(post(LONG))
        wait_until(lambda: patient.scheduler.figures().running == 1)
        connection.shutdown(socket.SHUT_WR)
        assert error_of(read_all(connection)) == (400, protocol.HALF_CLOSED)
    with patient.connect() as connection:
        connection.sendall(b"POST /v1/comple")
        connection.shutdown(socket.SHUT_WR)
        assert error_of(read_all(connection)) == (400, protocol.MALFORMED)
    wait_until(lambda: patient.scheduler.figures().running == 0)


@pytest.mark.slow
def test_a_client_that_takes_nothing_of_its_answer_is_cut(
    tiny_run_source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 50 * 2**20
    monkeypatch.setattr(protocol, "STALL_SECONDS", 0.2)
    model = load_model(str(tiny_run_source))
    with (
        served([model], make_page=lambda name: bytes(size)) as server,
        server.connect() as connection,
    ):
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(1)
        time.sleep(0.6)
        received = 0
        with suppress(ConnectionResetError):
            while chunk := connection.recv(2**20):
                received += len(chunk)
    assert received < size


def test_a_head_and_a_body_that_do_not_arrive_are_not_waited_for(
    patient: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr("textgen.serve.http.receiving.BODY_SECONDS", 0.2)
    for begun in (b"", b"POST /v1/completions HT"):
        assert error_of(patient.send(begun)) == (408, protocol.TOO_SLOW)
    half = post(b"{}").replace(b"Length: 2", b"Length: 20")
    status, message = error_of(patient.send(half))
    assert (status, message) == (408, "the body did not arrive within 0.2 seconds")


def test_others_go_on_while_many_connections_stall(patient: Served) -> None:
    stalled = [patient.connect() for _ in range(200)]
    try:
        for connection in stalled[::2]:
            connection.sendall(post(b"{}")[:40])
        begun = time.monotonic()
        assert patient.complete(prompt="the ", max_tokens=5).status == 200
        assert time.monotonic() - begun < 2
    finally:
        for connection in stalled:
            connection.close()


def test_more_connections_than_are_allowed_are_closed_at_once(
    patient: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MAX_CONNECTIONS", 0)
    with pytest.raises(ConnectionResetError):
        patient.send(post(b"{}"))


def test_a_connection_can_be_used_again(patient: Served) -> None:
    body = b'{"prompt": "the ", "max_tokens": 1}'
    two = post(body) + post(body, b"Connection: close")
    assert patient.send(two).count(b"text_completion") == 2
