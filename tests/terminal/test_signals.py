"""Signals: noted at once, a second one is the end, whatever is running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pexpect
import pytest

from tests.conftest import TINY
from textgen.runs.run import Run
from textgen.terminal import signals
from textgen.terminal.signals import ENDING, Ending, noted_signals


def wait_for(ending: Ending) -> None:
    for _ in range(6000):
        if ending.requested():
            return
        time.sleep(0.01)
    pytest.fail("the signal was not noted")


@pytest.mark.parametrize("number", ENDING)
def test_a_signal_is_noted_and_the_handlers_come_back(number: int) -> None:
    before = {each: signal.getsignal(each) for each in ENDING}
    with noted_signals() as ending:
        assert ending.exit_code == 0
        os.kill(os.getpid(), number)
        wait_for(ending)
        assert ending.signal == number
        assert ending.exit_code == 128 + number
    assert {each: signal.getsignal(each) for each in ENDING} == before


def test_a_hang_up_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with noted_signals() as ending:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            wait_for(ending)
            assert ending.signal == signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# Compiled code for minutes, during which no handler of Python runs.
BUSY = """
import hashlib, threading
from textgen.terminal.signals import noted_signals
with noted_signals() as ending:
    def tell():
        while not ending.requested():
            pass
        print("noted", flush=True)
    threading.Thread(target=tell, daemon=True).start()
    print("busy", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 2**30)
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", ENDING)
def test_compiled_code_delays_neither_the_note_nor_the_end(number: int) -> None:
    command = [sys.executable, "-c", BUSY]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "busy\n"
        time.sleep(0.2)
        try:
            process.send_signal(number)
            assert process.stdout.readline() == "noted\n"
            process.send_signal(number)
            assert process.wait(timeout=120) == 128 + number
        finally:
            process.kill()


@pytest.mark.slow
def test_an_interrupt_while_the_command_starts_ends_it_without_a_traceback() -> None:
    # Python tells of each import; the first beyond the package itself is that of the command line.
    command = [sys.executable, "-X", "importtime", "-m", "textgen", "bench"]
    for delay in (0.0, 0.05, 0.1, 0.2):
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            assert process.stderr is not None
            assert any(line.rstrip().endswith("textgen.terminal") for line in process.stderr)
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            err = process.stderr.read()
        assert process.returncode == 130
        assert "Traceback" not in err


@pytest.mark.slow
def test_a_terminal_that_goes_away_ends_a_training_saved(corpus: Path) -> None:
    options = [*TINY, "--steps", "10000000", "--eval-every", "20"]
    child = pexpect.spawn(
        sys.executable,
        ["-m", "textgen", "train", str(corpus), *options],
        encoding="utf-8",
        timeout=120,
        env=os.environ | {"TERM": "xterm-256color"},
    )
    child.expect("chars/s")
    child.ptyproc.fileobj.close()  # as a window does: SIGHUP, and writing to it fails from now on
    _, status = os.waitpid(child.pid, 0)
    assert os.WEXITSTATUS(status) == 129
    run = Run(Path("checkpoints/fox"))
    assert run.steps()
    assert run.problems() == []


def test_an_echo_of_a_signal_is_none_and_a_later_one_ends_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = list[int]()
    monkeypatch.setattr(signals, "leave_at_once", left.append)
    ending = Ending()
    ending.echo_seconds = 0.2
    ending.note(signal.SIGTERM)
    ending.note(signal.SIGTERM)
    assert (ending.signal, left) == (signal.SIGTERM, [])
    time.sleep(0.25)
    ending.note(signal.SIGINT)
    assert left == [signal.SIGINT]
    # Without a guard there is no echo.
    other = Ending()
    other.note(signal.SIGTERM)
    other.note(signal.SIGTERM)
    assert left == [signal.SIGINT, signal.SIGTERM]
