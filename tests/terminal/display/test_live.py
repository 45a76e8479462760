"""Lines that change in place: what Ctrl-Z does to them."""

import re
import sys

import pytest

from tests.terminal.terminals import start

CODE = """
import sys, time
from textgen.terminal.display.live import LiveView
view = LiveView({mode!r}, quiet=False)
view.start()
view.update("half of it")
for _ in range(600):
    time.sleep(0.02)
    if sys.stdin in __import__("select").select([sys.stdin], [], [], 0)[0]:
        break
view.stop()
print("done")
"""
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def test_a_stopped_process_gives_back_the_cursor_and_draws_its_lines_when_it_goes_on() -> None:
    with open("live.py", "w", encoding="utf-8") as file:
        file.write(CODE.format(mode="auto"))
    child = start(["-c", "import os; os.execlp('bash', 'bash', '--norc', '-i')"], 60, PS1="ready> ")
    child.expect("ready> ")
    child.sendline(f"{sys.executable} live.py")
    child.expect_exact("half of it")
    assert child.before.rindex(HIDE) > child.before.rfind(SHOW)
    child.send("\x1a")
    child.expect("Stopped")
    # The line is erased, and the cursor is back.
    assert child.before.rindex(SHOW) > child.before.rfind(HIDE)
    assert child.before.rindex("\x1b[2K") > child.before.rfind("half of it")
    child.expect("ready> ")
    child.sendline("fg")
    child.expect_exact("half of it")
    assert child.before.rindex(HIDE) > child.before.rfind(SHOW)
    child.sendline()
    child.expect_exact("done")
    assert child.before.rindex(SHOW) > child.before.rfind(HIDE)
    child.close(force=True)


def test_a_line_leaves_room_for_the_sign_of_the_key_that_ends_the_work() -> None:
    code = CODE.format(mode="auto").replace("half of it", "half of it is shown now")
    child = start(["-c", code], 20)
    child.expect_exact("now")
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", child.before + "now")
    assert [line.rstrip() for line in shown.split("\r\n")] == ["half of it is", "shown now"]
    child.sendline()
    child.expect_exact("done")
    child.close()


def test_a_process_that_nobody_could_continue_is_not_stopped() -> None:
    # It is the first process of its terminal, without a shell.
    child = start(["-c", CODE.format(mode="auto")], 60)
    child.expect_exact("half of it")
    child.send("\x1a")
    child.expect_exact(HIDE)
    child.expect_exact("half of it")
    child.sendline()
    child.expect_exact("done")
    child.close()


@pytest.mark.parametrize(
    ("mode", "environment", "is_live"),
    [
        ("auto", {"JPY_PARENT_PID": "3"}, False),
        ("live", {"JPY_PARENT_PID": "3"}, True),
        ("plain", {}, False),
        ("none", {}, False),
    ],
)
def test_lines_are_shown_where_progress_is_live(
    mode: str, environment: dict[str, str], is_live: bool
) -> None:
    child = start(["-c", CODE.format(mode=mode)], 60, **environment)
    child.sendline()
    child.expect_exact("done")
    assert (HIDE in child.before) is is_live
    child.close()
