"""Commands that need a run of both directions."""

import io
import math
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from textgen.terminal.cli import run_command


@pytest.fixture
def textgen(
    two_way_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., CompletedProcess[str]]:
    """Run a command in this process, where there is a run of both directions."""
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", math.inf)

    def run(*arguments: str, given: str = "") -> CompletedProcess[str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(given))
        code = run_command([*arguments])
        return CompletedProcess([*arguments], code, *capsys.readouterr())

    return run
