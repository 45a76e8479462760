"""Lines that are typed and pasted, candidates, the status line and wrapped text on a terminal."""

import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest
from prompt_toolkit.application import Application, create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from tests.fork_server import fork_server, write_client
from tests.session.sessions import queued, transcript
from textgen.terminal.repl.line_editor import LineEditor

# How long a session waits to be told where the cursor is, in seconds.
PREPARE = """
import os
from prompt_toolkit.renderer import Renderer
def prepare(arguments):
    Renderer.CPR_TIMEOUT = float(os.environ["CPR_TIMEOUT"])
    return arguments
"""
TABS = "func meadow(a int) int {\n\tif a > 0 {\n\t\treturn a\n\t}\n\n\treturn 0\n}"

Open = Callable[..., AbstractContextManager[Any]]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a program that runs textgen in a process that has imported it."""
    folder = tmp_path_factory.mktemp("repl")
    with fork_server(folder / "socket", PREPARE):
        write_client(folder / "client", folder / "socket")
        yield folder / "client"


@pytest.fixture
def opened(client: Path, tiny_run: Path) -> Open:
    """Return a function that opens a session on a terminal."""

    @contextmanager
    def open_session(*options: str, columns: int = 80, timeout: float = 120) -> Iterator[Any]:
        environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
        child = pexpect.spawn(
            str(client),
            ["repl", "fox", "--seed", "1", *options],
            encoding="utf-8",
            timeout=10,
            dimensions=(24, columns),
            env=environment
            | {"TERM": "xterm", "XDG_STATE_HOME": str(Path.cwd() / "state")}
            | {"CPR_TIMEOUT": str(timeout), "NO_COLOR": "1"},
        )
        child.delaybeforesend = None
        try:
            yield child
        finally:
            child.close(force=True)

    return open_session


def prompted(child: Any, mark: str = ">") -> str:
    """Wait for a prompt, answer where the cursor is, and return the reply that came before."""
    child.expect_exact("\x1b[6n")
    before = child.before
    child.send("\x1b[1;1R")
    child.expect_exact(mark)
    # The line editor switches marks around what is pasted on when it begins, and off at its end.
    return plain(before.split("\x1b[?2004l")[-1].split("\x1b[?2004h")[0])


def plain(text: str) -> str:
    """Return a text without the escapes that move the cursor or change its look."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text).replace("\r", "")


def drawn(text: str) -> str:
    """Return a pattern of a text that is drawn over another one.

    The cursor passes over a character that is there already.
    """
    return "".join(rf"(?:{re.escape(character)}|\x1b\[C)" for character in text)


def leave(child: Any) -> str:
    child.send("/bye\r")
    child.expect(pexpect.EOF)
    return plain(child.before)


def typed_text(path: str = "s.json") -> str:
    """Return the text of the first turn of a saved session."""
    from textgen.session.session_file import read_session

    return read_session(Path(path)).turns[0].typed


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 60, 100])
def test_text_and_messages_are_wrapped_at_words(opened: Open, columns: int) -> None:
    with opened("--length", "200", columns=columns) as child:
        greeting = prompted(child)
        child.send("the dog\r")
        text = prompted(child)
        child.send("/help set\r")
        message = prompted(child)
        child.send("/help\r")
        shown = prompted(child)
        leave(child)
    lines = [line for part in (greeting, text, message, shown) for line in part.split("\n")]
    assert max(map(len, lines)) <= columns
    known = {"step", "20,", "shows", "commands,", "Ctrl-D", "ends", "session"}
    assert known <= set(greeting.split())
    assert {"repetition_penalty,", "repetition_window,"} <= set(message.split())
    assert {'"""', "continues", "completes"} <= set(shown.split())


@pytest.mark.slow
@pytest.mark.parametrize("option", [True, False])
def test_wrapping_is_left_to_the_terminal_where_that_is_wanted(opened: Open, option: bool) -> None:
    with opened("--length", "200", *(["--no-wrap"] if option else []), columns=20) as child:
        prompted(child)
        if not option:
            child.send("/set wrap off\r")
            assert "wrap: off" in prompted(child)
        child.send("the dog\r")
        text = prompted(child).split("the dog\n")[-1]
        assert max(map(len, text.split("\n"))) > 20
        child.send("/set wrap on\r")
        prompted(child)
        child.send("\r")
        assert max(map(len, prompted(child).split("\n"))) <= 20
        leave(child)


@pytest.mark.slow
def test_candidates_are_shown_once(opened: Open) -> None:
    with opened() as child:
        prompted(child)
        child.expect_exact("temperature")
        child.send("/s\t")
        child.expect(drawn("/score  /set  /show  /seed  /save  /sessions"))
        assert "/seed" not in child.before
        child.send("\x15/show\r")  # Ctrl-U
        assert "top_k: 0" in prompted(child)
        leave(child)


@pytest.mark.slow
@pytest.mark.parametrize("marked", [True, False])
def test_pasted_tabs_and_blank_lines_are_kept(opened: Open, marked: bool) -> None:
    with opened("--length", "5", "--on-unknown", "skip") as child:
        prompted(child)
        if marked:
            child.send(f"\x1b[200~{TABS}\x1b[201~\r")
        else:
            # A terminal that does not mark what is pasted sends it as if it were typed.
            child.send('"""\r')
            prompted(child, ".")
            for line in [*TABS.split("\n"), '"""'][:-1]:
                child.send(f"{line}\r")
                prompted(child, ".")
            child.send('"""\r')
        prompted(child)
        child.send("/save s.json\r")
        assert "saved 1 turn" in prompted(child)
        leave(child)
    assert typed_text() == TABS


@pytest.mark.slow
def test_a_tab_key_completes_a_word_and_indents_where_there_is_none(opened: Open) -> None:
    with opened("--length", "5", "--on-unknown", "skip") as child:
        prompted(child)
        child.send("\t")
        child.expect_exact(" " * 8)
        child.send("the b\t")
        child.expect_exact("%")
        child.send("\x15")
        for text in ("\t", "\t", "the ", "\t"):
            child.send(text)
        child.send("b\tz")  # all at once: it was pasted
        child.send("\r")
        prompted(child)
        child.send("/save s.json\r")
        assert "saved 1 turn" in prompted(child)
        leave(child)
    assert typed_text() == "\t\tthe \tb\tz"


@pytest.mark.slow
def test_a_terminal_that_does_not_tell_where_the_cursor_is_gets_no_warning(opened: Open) -> None:
    with opened("--length", "5", timeout=0.05) as child:
        child.expect_exact("\x1b[6n")
        assert child.expect(["WARNING", pexpect.TIMEOUT], timeout=0.3) == 1
        child.send("the dog\r")
        child.expect_exact("\x1b[?2004h")
        assert "WARNING" not in leave(child)


@pytest.mark.slow
@pytest.mark.parametrize("columns", [20, 60, 100])
def test_the_status_line_is_in_words_and_fits(opened: Open, columns: int) -> None:
    with opened("--length", "20", columns=columns) as child:
        prompted(child)
        child.send("the dog\r")
        prompted(child)
        child.expect_exact("temperature 0.8")
        if columns > 20:
            child.expect_exact("bits")
        leave(child)


@pytest.mark.slow
def test_what_looks_like_a_command_is_asked_about_on_a_terminal(opened: Open) -> None:
    with opened("--length", "5") as child:
        prompted(child)
        child.send("help\r")
        assert "/help shows the commands; to continue 'help' as text, type it" in prompted(child)
        child.send("/QUIT\r")
        child.expect(pexpect.EOF)
        assert "saved" not in plain(child.before)  # there was no turn


@pytest.mark.slow
def test_a_session_that_was_left_without_saving_goes_on(opened: Open) -> None:
    with opened("--length", "9") as child:
        prompted(child)
        child.send("the dog\r")
        prompted(child)
        child.send("\x04")
        child.expect(pexpect.EOF)
        end = "the session is saved; textgen repl fox --continue goes on with it"
        assert end in plain(child.before)
    with opened("--continue") as child:
        shown = prompted(child)
        greeting, text = shown.split("Ctrl-D ends the session\n")
        assert greeting.startswith("continued 1 turn; now at turn 1\n")
        assert text.startswith("the dog")
        child.send("/clear\r")
        prompted(child)
        child.send("/undo\r")
        assert "the earlier text is back; now at turn 1" in prompted(child)
        leave(child)


def test_ctrl_z_suspends_and_what_is_typed_after_it_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    suspended: list[bool] = []
    monkeypatch.setattr(
        Application, "suspend_to_background", lambda self, *rest: suspended.append(True)
    )
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        editor = LineEditor(queued()[0], None)
        keys.send_text("the\x1a dog\r")
        assert editor.read_line("> ", is_text=False) == "the dog"
    assert suspended == [True]


def test_a_copy_is_counted_for_a_turn_that_was_loaded_too() -> None:
    session, _ = queued("at sat o", length=8)
    transcript(session, "the c")
    conversation = session.conversation
    list(conversation.restore(conversation.saved()))
    turn = conversation.tree.current
    with create_pipe_input() as keys, create_app_session(input=keys, output=DummyOutput()):
        keys.send_text("\r")
        LineEditor(session, None).read_line("> ", is_text=False)
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(10)
    assert conversation.copies.known(turn) == 8
