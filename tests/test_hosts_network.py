"""Training on two hosts, whose link is slow, loses packets, and is cut."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from host_link import Link, missing
from host_processes import Processes

from textgen.runs.run import Run

pytestmark = pytest.mark.slow

# Sends a packet to the other host, and prints whether the answer came, and when.
ASK = """
import socket, time
with socket.socket(type=socket.SOCK_DGRAM) as own:
    own.bind(("", 7))
    own.settimeout(SECONDS)
    begun = time.monotonic()
    try:
        own.sendto(b"a", ("10.99.0.2", 7))
        own.recv(1)
        print(time.monotonic() - begun)
    except TimeoutError:
        print("nothing came")
"""
ANSWER = """
import socket
with socket.socket(type=socket.SOCK_DGRAM) as own:
    own.bind(("", 7))
    print("ready", flush=True)
    while True:
        own.sendto(*own.recvfrom(1))
"""
PLAN = ["names", "--hidden-size", "16", "--num-layers", "1", "--batch-size", "8", "--devices", "2"]
PLAN += ["--steps", "60", "--eval-every", "20", "--checkpoint-every", "20", "--quiet"]
# Exit code when another process is lost.
LOST = 75
# Longest time in which processes end after another one was lost, in seconds.
WATCHDOG = 60


@pytest.fixture
def make_link(tmp_path: Path) -> Iterator[Callable[..., Link]]:
    """Return a function that makes a link between two hosts."""
    if reason := missing():
        pytest.skip(f"no hosts can be made here: {reason}")
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(Link(tmp_path, **settings))


def reached(run: Path, step: int) -> bool:
    """Return whether a step is saved."""
    return run.exists() and max(Run(run).steps(), default=0) >= step


def end_of_cut(
    cut: Callable[[Link], None], link: Link, folder: Path, run: str
) -> list[tuple[int, str, str]]:
    """Train, cut the cable after the first save, and return how both processes ended."""
    with Processes([*PLAN, "--run", run], folder, link=link) as processes:
        processes.wait_for(lambda: reached(folder / "checkpoints" / run, 20))
        cut(link)
        begun = time.monotonic()
        ended = processes.ended(WATCHDOG)
        assert time.monotonic() - begun < WATCHDOG
    return ended


def test_training_survives_a_slow_and_bad_link_and_a_cut_cable(
    make_link: Callable[..., Link], tmp_path: Path
) -> None:
    # Each step waits for several answers, so that the training lasts for seconds.
    settings = {"seconds": 0.02, "loss": 0.01}
    links = [make_link(**settings) for _ in range(2)]
    with ThreadPoolExecutor() as pool:
        silent = pool.submit(end_of_cut, Link.lose_all, links[0], tmp_path, "silent")
        told = pool.submit(end_of_cut, Link.unplug, links[1], tmp_path, "told")
        alone = Processes([*PLAN, "--hosts", "none", "--run", "alone"], tmp_path, count=1)
        assert [code for code, _, _ in alone.ended()] == [0]
    missed = "has given no sign of life for 20 seconds; start the same command again to go on"
    for ended in (silent.result(), told.result()):
        assert ended == [
            (LOST, "", f"textgen: right (process 1) {missed}\n"),
            (LOST, "", f"textgen: process 1: left (process 0) {missed}\n"),
        ]
    runs = tmp_path / "checkpoints"
    assert [Run(runs / name).problems() for name in ("silent", "told")] == [[], []]
    links[0].loss = settings["loss"]
    again = [*PLAN, "--run", "silent", "--resume-or-start"]
    with Processes(again, tmp_path, link=links[0]) as processes:
        assert processes.ended() == [(0, "", "")] * 2
    for name in ("model", "train_state"):
        path = f"{name}.safetensors"
        found = [(Run(runs / run).folder(60) / path).read_bytes() for run in ("silent", "alone")]
        assert found[0] == found[1]


def test_the_link_delays_packets_and_loses_them(
    make_link: Callable[..., Link], tmp_path: Path
) -> None:
    link = make_link(seconds=0.05)

    def ask(seconds: float) -> str:
        code = ASK.replace("SECONDS", str(seconds))
        command = link.hosts[0].inside([sys.executable, "-c", code], tmp_path)
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    command = link.hosts[1].inside([sys.executable, "-c", ANSWER], tmp_path)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == b"ready\n"
            assert 0.1 <= float(ask(30)) < 10
            for cut in (link.lose_all, link.unplug):
                cut()
                assert ask(0.3) == "nothing came"
                link.plug()
                assert float(ask(30)) >= 0.1
        finally:
            other.kill()
