"""The command `check`: what it leaves behind when it is interrupted."""

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import pexpect
import pytest

from textgen.terminal.cli import run_command
from textgen.workflows import check as workflow


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_check_leaves_no_temporary_file(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    (own_folder / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own_folder / "temporary"))
    os.mkfifo("pipe")
    gather = workflow.gather

    def interrupted(*arguments: object) -> object:
        threading.Timer(0.1, os.kill, (os.getpid(), number)).start()
        return gather(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(workflow, "gather", interrupted)
    assert run_command(["check", "pipe"]) == 128 + number
    assert list((own_folder / "temporary").iterdir()) == []


# A look at a text that takes minutes in compiled code, as that at the lines of a large one does.
SLOW_LOOK = """
import hashlib, sys
from textgen.data import survey
from textgen.terminal.cli import run_process
survey._leaked = lambda *_: hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)
sys.exit(run_process())
"""


@pytest.mark.slow
def test_ctrl_c_is_heard_while_the_lines_are_sorted(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("one line\n" * 100)
    child = pexpect.spawn(
        sys.executable,
        ["-c", SLOW_LOOK, "check", "a.txt"],
        cwd=tmp_path,
        encoding="utf-8",
        dimensions=(24, 100),
    )
    child.expect("looking at its characters and lines, ")
    child.sendintr()
    child.expect(pexpect.EOF, timeout=30)
    child.close()
    assert child.exitstatus == 130
