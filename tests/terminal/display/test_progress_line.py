"""Progress on a terminal, in a pipe and in a notebook."""

import re

import pytest

from tests.terminal.terminals import on_terminal, screen
from textgen.terminal.display import progress_line
from textgen.terminal.display.progress_line import ProgressLine, progress_form


def test_progress_is_said_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(progress_line.time, "monotonic", lambda: now)
    patient, at_once = ProgressLine(), ProgressLine(first_at_once=True)
    quiet = ProgressLine(quiet=True, first_at_once=True)
    for now in (100.5, 104.9, 105.1, 105.6, 107.0):
        patient.show(f"patient {now}")
        at_once.show(f"at once {now}")
        quiet.show("quiet")
    patient.close()
    patient.show("late")
    assert capsys.readouterr().err.splitlines() == [
        "at once 100.5",
        "patient 105.1",
        "at once 105.6",
    ]


@pytest.mark.slow
@pytest.mark.parametrize("ending", ["", "; raise KeyboardInterrupt", "; sys.exit('failed')"])
def test_a_line_appears_after_a_second_and_none_is_left(ending: str) -> None:
    code = (
        "module = sys.modules[ProgressLine.__module__]\n"
        "module.LIVE_SECONDS = 0.2\n"
        "with ProgressLine() as progress:\n"
        "    progress.show('reading ' + 9 * 'the long prompt ')\n"
        f"    time.sleep(0.5); say('told'); time.sleep(0.3){ending}"
    )
    written = on_terminal(code, 40)
    assert re.search("\rreading the long prompt the lon\u2026, [0-9] s\x1b\\[K", written)
    shown = [line for line in screen(written, 40) if "reading" in line]
    assert shown == []
    assert screen(written, 40)[0] == "told"
    before, after = written.split("told")
    assert "reading" in before
    assert "reading" in after


def test_short_work_shows_no_line() -> None:
    code = "with ProgressLine() as progress: progress.show('reading'); time.sleep(0.1)"
    assert on_terminal(code) == ""


@pytest.mark.slow
def test_no_line_is_drawn_into_an_unfinished_one() -> None:
    code = (
        "module = sys.modules[ProgressLine.__module__]\n"
        "module.LIVE_SECONDS = 0.1\n"
        "with ProgressLine() as progress:\n"
        "    emit('half a li'); progress.show('reading'); time.sleep(0.3)\n"
        "    emit('ne\\n'); time.sleep(0.3)\n"
    )
    written = on_terminal(code)
    assert written.startswith("half a line\r\n\rreading")
    assert screen(written, 80) == ["half a line", ""]


@pytest.mark.parametrize(
    ("environment", "form"),
    [
        ({}, "live"),
        ({"TERM": "dumb"}, "plain"),
        ({"JPY_PARENT_PID": "12"}, "plain"),
        ({"MPLBACKEND": "module://matplotlib_inline.backend_inline"}, "plain"),
        ({"MPLBACKEND": "agg"}, "live"),
    ],
)
def test_progress_changes_in_place_on_a_terminal_that_can(
    environment: dict[str, str], form: str
) -> None:
    code = (
        "print(*(progress_form(mode, quiet=False) for mode in ('auto', 'live', 'plain', 'none')))"
    )
    assert on_terminal(code, **environment).split() == [form, "live", "plain", "none"]


def test_progress_in_a_pipe_is_printed_and_a_quiet_command_shows_none() -> None:
    assert progress_form("auto", quiet=False) == "plain"
    assert progress_form("live", quiet=False) == "live"
    assert {progress_form(mode, quiet=True) for mode in ("auto", "live", "plain")} == {"none"}
