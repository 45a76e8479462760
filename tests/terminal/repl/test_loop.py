"""The session through pipes and on a terminal."""

import os
import re
import signal
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.conftest import textgen
from tests.session.sessions import queued
from textgen.errors import UsageError
from textgen.session.commands import Session
from textgen.terminal.display import progress_line
from textgen.terminal.repl.external_editor import edit_text
from textgen.terminal.repl.input_blocks import Entry, LineCancelledError, read_entries
from textgen.terminal.repl.loop import Repl, _interrupts

REPL = ("repl", "fox", "--seed", "1", "--length", "12")


def entries_of(*lines: str | type[Exception]) -> list[Entry]:
    """Return what is meant by lines, some of which may be Ctrl-C."""
    waiting = list(lines)

    def read_line(prompt: str, *, is_text: bool) -> str:
        if not waiting:
            raise EOFError
        line = waiting.pop(0)
        if not isinstance(line, str):
            raise line
        assert prompt == (". " if is_text else "> ")
        return line

    return [*read_entries(read_line)]


def test_text_between_quotes_or_pasted_in_several_lines_is_one_text(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert entries_of("one", '"""', "/undo", "", '"""x', '"""', "two") == [
        ("one", False),
        ('/undo\n\n"""x', True),
        ("two", False),
    ]
    assert entries_of('"""first', "second", '"""') == [("first\nsecond", True)]
    assert entries_of("/undo\npasted", "/undo\n", "a\n\n", "") == [
        ("/undo\npasted", True),
        ("/undo", False),
        ("a\n\n", True),
        ("", False),
    ]
    assert entries_of('"""\npasted\n"""\nafter', "x") == [
        ("pasted", True),
        ("after", False),
        ("x", False),
    ]
    assert entries_of('"""/undo"""', "two", '"""a"""\nb', '""""""', '""""', '"""') == [
        ("/undo", True),
        ("two", False),
        ("a", True),
        ("b", False),
        ("", True),
        ('"', True),
    ]
    assert capsys.readouterr().err == ""
    assert entries_of('"""', "one", LineCancelledError, "two", LineCancelledError) == [
        ("two", False)
    ]
    assert capsys.readouterr().err == "press Ctrl-D to leave\n" * 2
    assert entries_of('"""', "one") == [("one", True)]
    assert capsys.readouterr().err == 'the text ends here without """\n'


@pytest.mark.slow
def test_without_a_terminal_lines_are_read_and_plain_text_is_written(tiny_run: Path) -> None:
    lines = (
        "the quick\n/set temperature 0\nthe\n/oops\n\U0001f642\n/score\n/words 2\n"
        '"""\nbrown\nfox\n"""\n/edit\n/save s.json\n/load s.json\n/again 2\n/pick 1\n'
    )
    done = textgen(*REPL, input=lines)
    assert done.returncode == 2  # for the character, and for /edit
    first, *rest = done.stdout.splitlines()
    assert first.startswith("the quick")
    assert len(first) + len("\n".join(rest)) >= len("the quickthe") + 24
    assert "\nbrown\nfox" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    assert "temperature: 0.0\n" in done.stderr
    assert "there is no command /oops" in done.stderr
    assert "does not know the character '\U0001f642'" in done.stderr
    assert "bits per character, 16 characters" in done.stderr  # a newline, three and twelve
    assert done.stderr.count(" %  ") == 2
    assert "/edit needs a terminal" in done.stderr
    assert "\U0001f642" not in done.stdout
    alternative = done.stderr.split("\n1  ")[1].split("\n")[0]
    assert " ".join(done.stdout.split()).endswith(alternative.strip())
    again = textgen(*REPL, "-q", input=lines)
    # Only the greeting is left out: errors and answers are what one asked for.
    assert (again.stdout, again.stderr) == (done.stdout, done.stderr.split("\n", 1)[1])


@pytest.mark.slow
def test_bytes_that_are_no_text_are_explained_and_the_session_goes_on(tiny_run: Path) -> None:
    lines = b"nul\0esc\x1b[2J\xff\xfe\n/\x1b]0;x\x07\n/set \xff 1\nthe\n" + b"dog " * 5000
    done = textgen(
        *REPL,
        input=lines.decode("utf-8", "surrogateescape"),
        errors="surrogateescape",
    )
    assert done.returncode == 2  # two commands are not known
    assert "does not know the character '\\x00'" in done.stderr
    assert "\x1b" not in done.stderr
    assert "there is no command /\u241b]0;x\u2407" in done.stderr
    assert "there is no setting '\\udcff'" in done.stderr
    assert done.stdout.startswith("the")
    assert "dog dog" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("run", ["nope"])
def test_an_unknown_run_ends_with_code_4(tiny_run: Path, run: str) -> None:
    done = textgen("repl", run, input="")
    assert done.returncode == 4
    assert "no run named 'nope'" in done.stderr


def editor(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    Path("editor.py").write_text(script)
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setenv("EDITOR", f"'{sys.executable}' editor.py")


def test_a_text_is_edited_with_the_users_editor(monkeypatch: pytest.MonkeyPatch) -> None:
    append = "import sys; open(sys.argv[1], 'a').write('two\\n\\n')"
    editor(monkeypatch, append)
    assert edit_text("one") == "one\ntwo\n"
    monkeypatch.setenv("VISUAL", "true")
    assert edit_text("one") == "one"


def test_an_editor_that_is_missing_or_fails_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    editor(monkeypatch, "import sys; sys.exit(3)")
    with pytest.raises(UsageError, match="ended with code 3; set VISUAL or EDITOR"):
        edit_text("one")
    monkeypatch.setenv("VISUAL", "no-such-editor")
    with pytest.raises(UsageError, match="cannot run the editor 'no-such-editor': there is no"):
        edit_text("one")
    monkeypatch.setenv("VISUAL", "unclosed 'quote")
    with pytest.raises(UsageError, match="cannot run the editor"):
        edit_text("one")


# A session that waits for the test to say where the cursor is, as long as that takes.
PATIENT = """
from prompt_toolkit.renderer import Renderer
from textgen.__main__ import main
Renderer.CPR_TIMEOUT = 120
main()
"""


@contextmanager
def terminal(*options: str, columns: int = 80, **environment: str) -> Iterator[Any]:
    """Start a session on a terminal that is at its first prompt."""
    child = pexpect.spawn(
        sys.executable,
        ["-c", PATIENT, "repl", "fox", "--seed", "1", *options],
        encoding="utf-8",
        timeout=120,
        dimensions=(24, columns),
        env=os.environ
        | {"TERM": "xterm", "XDG_STATE_HOME": str(Path.cwd() / "state")}
        | environment,
    )
    child.delaybeforesend = None
    try:
        yield child
    finally:
        child.close(force=True)


def prompted(child: Any) -> None:
    """Wait for a prompt; answer where the cursor is, as a terminal does."""
    child.expect_exact("\x1b[6n")
    child.send("\x1b[1;1R")
    child.expect_exact(">")


@pytest.mark.slow
def test_on_a_terminal_text_is_stopped_completed_scored_and_remembered(tiny_run: Path) -> None:
    with terminal("--length", "1000000000") as child:
        child.expect("/help shows the commands")
        prompted(child)
        child.expect_exact("temperature 0.8 | seed 1")
        child.send("the dog\r")
        child.expect(r"\w+ \w+ \w+")
        child.sendintr()
        prompted(child)  # hours before so much text could be written
        child.expect("characters/s")
        child.send("/set len\t")
        child.expect_exact("gth")
        child.send(" 5\r")
        child.expect("length: 5")
        prompted(child)
        child.send("/score\r")
        child.expect(r"\x1b\[[\d;]*4\d")  # the strongest surprise
        child.expect("bits per character")
        prompted(child)
        child.send("\x1b[200~two\nlines\x1b[31m\x1b[201~\r")
        child.expect(r"does not know the character '\\x1b'")
        assert "\x1b[31m" not in child.before
        prompted(child)
        child.send("/undo\r")
        child.expect("0 turns left")
        prompted(child)
        child.sendintr()
        child.expect("press Ctrl-D to leave")
        prompted(child)
        child.send("\x04")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0
    history = Path("state/textgen/history")
    assert stat.S_IMODE(history.stat().st_mode) == 0o600
    assert "+the dog\n" in history.read_text()
    with terminal("--length", "5", columns=20, EDITOR="true") as child:
        prompted(child)
        child.send("\x12dog\r\r")  # Ctrl-R
        prompted(child)
        child.expect_exact("temperature 0.8")
        child.send("the b\t")
        child.expect_exact("%")  # the candidates stand in the status line
        child.send("\x03")
        child.expect(r"press Ctrl-D to\s+leave")
        prompted(child)
        child.send("/edit\r")
        child.expect("the dog")
        prompted(child)
        child.send("/bye\r")
        child.expect(pexpect.EOF)


@pytest.mark.slow
def test_one_ctrl_c_too_many_does_not_end_the_session(tiny_run: Path) -> None:
    with terminal("--length", "1000000000", TERM="dumb") as child:
        child.expect_exact("> ")
        child.send("the dog\r")
        child.expect(r"\w+ \w+ \w+")
        # Those that come before the prompt is there again are more than are needed.
        for _ in range(3000):
            child.sendintr()
            if child.expect(["press Ctrl-D to leave", pexpect.TIMEOUT], timeout=0.01) == 0:
                break
        else:
            pytest.fail("the session was not at its prompt again")
        child.send("/branch here\r")
        child.expect("named turn 1 .here.")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


def test_the_handler_of_ctrl_c_is_put_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with _interrupts() as interrupted:
        signal.raise_signal(signal.SIGINT)
        assert interrupted()
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.slow
def test_a_dumb_terminal_gets_no_escapes_and_nothing_is_kept_unless_wanted(tiny_run: Path) -> None:
    with terminal("--length", "5", "--no-history", TERM="dumb") as child:
        child.expect_exact("> ")
        child.send("the dog\r")
        child.expect_exact("> ")
        assert re.search("the dog[a-z. ]", child.before) is None  # it stands there already
        child.send("/score\r")
        child.expect("below each character: its surprise")
        assert "\x1b[3" not in child.before
        assert "temperature" not in child.before
        child.expect_exact("> ")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
    assert not Path("state").exists()


@pytest.mark.slow
def test_a_history_that_cannot_be_kept_does_not_matter(tiny_run: Path) -> None:
    Path("state").write_text("in the way")
    with terminal("--length", "5", TERM="dumb") as child:
        child.expect_exact("> ")
        child.send("/show\r")
        child.expect("top_k: 0")
        child.send("/bye\r")
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == 0


@pytest.mark.parametrize("on_terminal", [True, False])
def test_no_space_stands_before_what_goes_on_from_a_typed_line_on_a_terminal(
    on_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    session, _ = queued("  at", " abc", " new")
    session = Session(session.conversation, edit=lambda text: "  in")
    repl = Repl(session, None, on_terminal=on_terminal, keeps_history=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: on_terminal)
    for line in ("the c", "", "/edit"):
        repl.show(session.respond(line))
    shown = capsys.readouterr().out
    # A typed text is shown as it was typed.
    assert shown == ("at\nabc\n  in new\n" if on_terminal else "the c  at\n abc\n  in new\n")


def test_a_long_work_is_told_unless_quiet_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress_line, "PROGRESS_SECONDS", -1.0)
    for quiet in (False, True):
        session, _ = queued("end.")
        repl = Repl(session, None, on_terminal=False, keeps_history=False, quiet=quiet)
        repl.show(session.respond("ab" * 20))
        out, err = capsys.readouterr()
        assert out == "ab" * 20 + "end.\n"
        assert err == ("" if quiet else "read 16 of 40 characters\n")
