import sys

import pytest

from textgen.terminal import output
from textgen.terminal.output import ProgressLine, terminal_height, terminal_width


def test_progress_is_said_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(output.time, "monotonic", lambda: now)
    patient, at_once = ProgressLine(quiet=False), ProgressLine(quiet=False, first_at_once=True)
    quiet = ProgressLine(quiet=True, first_at_once=True)
    for now in (100.5, 104.9, 105.1, 105.6, 107.0):
        patient.show(f"patient {now}")
        at_once.show(f"at once {now}")
        quiet.show("quiet")
    assert capsys.readouterr().err.splitlines() == [
        "at once 100.5",
        "patient 105.1",
        "at once 105.6",
    ]


def test_a_narrow_terminal_counts_as_wide_as_a_command_needs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "12")
    monkeypatch.setenv("LINES", "34")
    assert (terminal_width(), terminal_width(8), terminal_width(20)) == (12, 12, 20)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert terminal_height() == 34
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert terminal_height() is None
