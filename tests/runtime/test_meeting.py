"""Processes meet before JAX starts; whatever keeps them from it is one error in all of them."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress

import pytest

from textgen.errors import TextgenError, UsageError
from textgen.runtime import meeting
from textgen.runtime.hosts import Hosts
from textgen.runtime.meeting import meet

# What the processes run.
ONE = {"textgen": "1", "JAX": "3"}


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meeting, "PAUSE", 0.01)


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def hosts_at(
    coordinator: str | None, process: int, count: int = 3, bind: str | None = None
) -> Hosts:
    return Hosts(
        coordinator=coordinator,
        num_processes=count,
        process_id=process,
        launcher="",
        reason="",
        bind_address=bind,
    )


def outcome(call: "Future[None]") -> str:
    """Return the kind of error and its message; empty if there was none."""
    error = call.exception(timeout=30)
    return f"{type(error).__name__}: {error}" if error else ""


def meet_all(*calls: Callable[[], None]) -> list[str]:
    with ThreadPoolExecutor(len(calls)) as pool:
        return [outcome(one) for one in [pool.submit(call) for call in calls]]


def test_all_processes_meet_whoever_comes_first(port: int) -> None:
    address = f"127.0.0.1:{port}"
    for order in ((0, 1, 2), (2, 1, 0)):
        calls = [lambda i=i: meet(hosts_at(address, i), 30, ONE) for i in order]  # type: ignore[misc]
        assert meet_all(*calls) == ["", "", ""]


def test_nobody_meets_on_a_tpu() -> None:
    meet(hosts_at(None, 1), 0, ONE)


def test_a_process_that_does_not_come_is_named_in_all(port: int) -> None:
    address = f"127.0.0.1:{port}"
    found = meet_all(
        lambda: meet(hosts_at(address, 0, 4), 0.3, ONE),
        lambda: meet(hosts_at(address, 2, 4), 30, ONE),
    )
    message = "TextgenError: processes 1, 3 of 4 did not come within 0.3 s; look at their output, "
    assert [one.startswith(message) for one in found] == [True, True]


@pytest.mark.parametrize(
    ("count", "versions", "message"),
    [
        (3, {"textgen": "2", "JAX": "3"}, "the version of textgen is 2 on "),
        (3, {"textgen": "1", "JAX": "4"}, "the version of JAX is 4 on "),
        (3, {"textgen": "1"}, "the version of JAX is None on "),
        (2, {"textgen": "1", "JAX": "3"}, "their number is 2 on "),
    ],
)
def test_processes_that_do_not_fit_are_refused(
    port: int, count: int, versions: dict[str, str], message: str
) -> None:
    address = f"127.0.0.1:{port}"
    found = meet_all(
        lambda: meet(hosts_at(address, 0), 30, ONE),
        lambda: meet(hosts_at(address, 1, count), 30, versions),
    )
    assert found[0] == found[1]
    assert found[0].startswith(f"UsageError: {message}")
    assert found[0].endswith(" (process 0); it must be the same")


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(UsageError, match=f"the port {port} .* is in use on this host"):
            meet(hosts_at(f"127.0.0.1:{port}", 0), 1, ONE)


def test_a_number_that_two_processes_have_is_told_to_both(port: int) -> None:
    address = f"127.0.0.1:{port}"
    calls = [lambda i=i: meet(hosts_at(address, i), 30, ONE) for i in (0, 1, 1)]  # type: ignore[misc]
    found = meet_all(*calls)
    assert len({*found}) == 1
    assert found[0].startswith("UsageError: two processes have the number 1, on ")


def test_a_process_that_starts_once_more_comes_again_and_others_are_not_heard(port: int) -> None:
    address = f"127.0.0.1:{port}"
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(meet, hosts_at(address, 0, 2), 30, ONE)
        hosts = hosts_at(address, 1, 2)
        for words in (b"GET / HTTP/1.1\r\n\r\n", b"[]", b'{"process": 1}'):
            with meeting._reach(hosts, time.monotonic() + 30, 30) as stranger:
                stranger.sendall(words)
                assert stranger.recv(10) == b""  # it is sent away
        second = pool.submit(meet, hosts, 30, ONE)
        assert [outcome(first), outcome(second)] == ["", ""]


def test_a_process_that_has_gone_is_waited_for_again(port: int) -> None:
    address = f"127.0.0.1:{port}"
    said = {"versions": ONE, "process": 1, "processes": 3, "host": "a"}
    with ThreadPoolExecutor(3) as pool:
        first = pool.submit(meet, hosts_at(address, 0), 30, ONE)
        with meeting._reach(hosts_at(address, 1), time.monotonic() + 30, 30) as gone:
            gone.sendall(json.dumps(said).encode())
        others = [pool.submit(meet, hosts_at(address, i), 30, ONE) for i in (1, 2)]
        assert [outcome(one) for one in (first, *others)] == ["", "", ""]


def test_an_address_of_another_host_cannot_be_listened_at() -> None:
    # 203.0.113.0/24 is for documentation (RFC 5737).
    with pytest.raises(UsageError, match=r"process 0 cannot listen at 203\.0\.113\.7:1025"):
        meet(hosts_at("a:1025", 0, bind="203.0.113.7:1025"), 1, ONE)


def test_a_coordinator_that_does_not_answer_is_told(port: int) -> None:
    with pytest.raises(TextgenError, match=r"did not answer within 0\.03 s: its host is there"):
        meet(hosts_at(f"127.0.0.1:{port}", 1), 0.03, ONE)
    with pytest.raises(TextgenError, match=r"nowhere\.invalid:1 did not answer .* not known here"):
        meet(hosts_at("nowhere.invalid:1", 1), 0, ONE)


def test_a_process_0_that_ends_early_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        call = pool.submit(meet, hosts_at(address, 1), 30, ONE)
        with server.accept()[0] as connection:
            connection.sendall(meeting.GREETING)
            assert connection.recv(10)
        assert outcome(call) == (
            f"TextgenError: process 0 at {address} ended before all processes had come"
        )


@pytest.mark.slow
def test_a_process_0_that_hangs_is_lost_and_one_that_waits_is_not(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(meeting, "LOST_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        call = pool.submit(meet, hosts_at(address, 1), 30, ONE)
        with server.accept()[0] as connection:
            connection.sendall(meeting.GREETING + meeting.SIGN)
            assert outcome(call).startswith(f"LostProcessError: process 0 at {address} has given")
    address = f"127.0.0.1:{port}"
    with ThreadPoolExecutor(3) as pool:
        calls = [pool.submit(meet, hosts_at(address, process), 30, ONE) for process in (0, 1)]
        time.sleep(1.5)
        calls.append(pool.submit(meet, hosts_at(address, 2), 30, ONE))
        assert [outcome(call) for call in calls] == ["", "", ""]


@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_another_program_at_the_port_is_not_process_0(
    words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meeting, "GREETING_SECONDS", 0.1)
    monkeypatch.setattr(meeting, "FOREIGN_SECONDS", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as server, ThreadPoolExecutor(1) as pool:
        port = server.getsockname()[1]
        call = pool.submit(meet, hosts_at(f"127.0.0.1:{port}", 1), 30, ONE)
        server.settimeout(0.05)
        accepted = []
        while not call.done():
            with suppress(TimeoutError):
                accepted.append(server.accept()[0])
                accepted[-1].sendall(words)
        assert outcome(call).startswith(
            f"TextgenError: what listens at 127.0.0.1:{port} does not greet as process 0 does"
        )
        for connection in accepted:
            connection.close()


def test_another_program_may_leave_the_port_to_process_0(port: int) -> None:
    address = f"127.0.0.1:{port}"
    with ThreadPoolExecutor(2) as pool:
        with socket.create_server(("127.0.0.1", port)) as server:
            second = pool.submit(meet, hosts_at(address, 1, 2), 30, ONE)
            server.accept()[0].close()
        first = pool.submit(meet, hosts_at(address, 0, 2), 30, ONE)
        assert [outcome(first), outcome(second)] == ["", ""]


def test_each_process_learns_at_which_address_the_others_reach_it(port: int) -> None:
    # The second process comes by a loopback, as one on the host of process 0 may; the third by an
    # address that is not of this host alone.
    outer = outer_address()
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(meet, hosts_at(f"{host}:{port}", process), 30, ONE)
            for process, host in enumerate((outer, "127.0.0.1", outer))
        ]
        assert [call.result(30) for call in calls] == [outer] * 3


def outer_address() -> str:
    """Return an address of this host that is no loopback; skip the test if there is none."""
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("203.0.113.7", 9))  # no packet is sent
        except OSError:
            pytest.skip("this host has no network")
        return str(probe.getsockname()[0])


@pytest.mark.slow
def test_jax_starts_where_the_processes_have_met(port: int) -> None:
    code = (
        "import sys\n"
        "from textgen.runtime.hosts import find_hosts\n"
        "from textgen.runtime.meeting import meet\n"
        "hosts = find_hosts({'JAX_COORDINATOR_ADDRESS': '127.0.0.1:' + sys.argv[1],"
        " 'JAX_NUM_PROCESSES': '2', 'JAX_PROCESS_ID': sys.argv[2]})\n"
        "meet(hosts, 60, {})\n"
        "import jax\n"
        "jax.distributed.initialize(**hosts.arguments(), initialization_timeout=60)\n"
        "print(jax.process_count(), flush=True)\n"
        "jax.distributed.shutdown()"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(port), str(process)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for process in (1, 0)
    ]
    for process in running:
        out, err = process.communicate(timeout=120)
        assert out == "2\n", err
