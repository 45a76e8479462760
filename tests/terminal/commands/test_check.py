"""The command `check`: what it leaves behind when it is interrupted."""

import os
import signal
import tempfile
import threading
from pathlib import Path

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
