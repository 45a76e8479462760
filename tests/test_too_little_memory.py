"""Commands in a container with too little memory: one line and an exit code, and nobody is killed.

The container is a control group that the test makes where it may, or one that it makes up.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from textgen.runtime import room
from textgen.runtime.control_groups import group_folders
from textgen.runtime.room import LIMITS, Room
from textgen.terminal.cli import run_command

GROUP = Path("textgen-test-of-memory")
SMALL = Room(limit=2**20, free=100, own=2**10, owner="that this container may use")


@pytest.fixture
def container() -> Iterator[Path]:
    """Make a control group whose processes may use 1.5 GB of memory."""
    own = next(group_folders("memory"), None)
    if own is None:
        pytest.skip("this system has no control groups for memory")
    group = own / f"{GROUP}-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"this user cannot make a control group: {error}")
    try:
        limit = next((group / name for name in LIMITS if (group / name).exists()), None)
        if limit is None:
            pytest.skip("control groups do not limit memory here")
        limit.write_text(str(1_500_000_000))
        yield group
    finally:
        with suppress(OSError):
            group.rmdir()


@pytest.mark.slow
# A time that is too short besides is not what the message is about.
@pytest.mark.parametrize("length", [("--steps", "2"), ("--minutes", "0.2")])
def test_a_network_that_does_not_fit_is_refused_and_not_killed(
    container: Path, corpus: Path, length: tuple[str, str]
) -> None:
    arguments = ["train", str(corpus), "--hidden-size", "2048", *length, "--run", "big"]
    done = subprocess.run(
        [sys.executable, "-m", "textgen", *arguments],
        preexec_fn=lambda: (container / "cgroup.procs").write_text(str(os.getpid())),
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 2, done.stderr
    line = done.stderr.splitlines()[-1]
    assert line.startswith("textgen: hidden-size must be at most ")
    takes = re.search(r" 1\.4 GiB that this container may use \(this takes about (.*) GiB", line)
    assert takes is not None
    assert 3.5 < float(takes[1]) < 4.5
    assert not Path("checkpoints/big").exists()


COMMANDS = {
    "sample": ["sample", "fox"],
    "score": ["score", "fox", "the dog"],
    "evaluate": ["evaluate", "fox"],
    "inspect": ["inspect", "fox", "the dog"],
    "gradient": ["gradient", "fox"],
    "export": ["export", "fox", "page.html"],
    "serve": ["serve", "fox", "--port", "0"],
    "repl": ["repl", "fox"],
    "resume": ["train", "--resume", "fox", "--steps", "2"],
    "from": ["train", "fox.txt", "--from", "fox", "--steps", "2"],
    "verify": ["verify", "fox"],
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_run_that_does_not_fit_is_not_read(
    name: str,
    tiny_run: Path,
    corpus: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(room, "find_room", lambda root: SMALL)
    code = run_command(COMMANDS[name])
    captured = capsys.readouterr()
    line = captured.err.splitlines()[-1]
    assert code == 1, captured.err
    assert line.startswith("textgen: not enough memory: ")
    assert "that this container may use" in line
    assert "Traceback" not in captured.err


def test_writing_with_jax_counts_the_copies_of_the_weights(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = Room(limit=2**30, free=2**27, own=2**10, owner="that this container may use")
    monkeypatch.setattr(room, "find_room", lambda root: free)
    assert run_command(["sample", "fox", "--engine", "numpy", "--length", "5"]) == 0
    assert run_command(["sample", "fox", "--engine", "jax", "--length", "5"]) == 1
    line = capsys.readouterr().err.splitlines()[-1]
    assert "writing with the run 'fox' and JAX takes about 0." in line
