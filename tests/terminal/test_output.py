"""What is printed: on a terminal of several widths, and in a pipe."""

import sys
import warnings

import pytest

from tests.terminal.terminals import on_terminal, spawn
from textgen.terminal import output
from textgen.terminal.output import (
    columns_of,
    terminal_height,
    terminal_width,
)

SENTENCE = "the quick brown fox jumps over the lazy dog and sleeps"


@pytest.mark.parametrize("columns", [20, 40, 60, 100])
def test_messages_and_errors_are_wrapped_at_the_words_of_any_terminal(columns: int) -> None:
    written = on_terminal(f"say({SENTENCE!r})\nfail({SENTENCE!r})", columns)
    lines = written.split("\r\n")
    assert max(map(len, lines)) <= columns
    assert " ".join(lines).split() == [*SENTENCE.split(), "textgen:", *SENTENCE.split()]


def test_a_pipe_and_a_terminal_too_narrow_for_words_get_lines_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    output.say(SENTENCE)
    writer = output.Writer()
    writer.write("the quick \x1b brown ")
    writer.write("fox jumps over")
    assert capsys.readouterr() == ("the quick \x1b brown fox jumps over", f"{SENTENCE}\n")
    assert columns_of(sys.stderr) is None
    assert on_terminal(f"say({SENTENCE!r})", 19) == f"{SENTENCE}\r\n"


def test_generated_text_is_wrapped_while_it_is_written() -> None:
    code = "writer = Writer(wraps={})\nfor c in {!r}: writer.write(c)\nwriter.flush()"
    written = on_terminal(code.format(True, f"  {SENTENCE}\n\x1b[2J"), 20)
    assert written.split("\r\n") == [
        "  the quick brown",
        "  fox jumps over the",
        "  lazy dog and",
        "  sleeps",
        "\u241b[2J",
    ]
    assert on_terminal(code.format(False, SENTENCE), 20) == SENTENCE


def test_the_width_is_read_again_for_each_line() -> None:
    code = f"writer = Writer()\nfor _ in input, input: writer.write({SENTENCE + chr(10)!r}); _()"
    child = spawn(code, 30)
    child.expect("sleeps\r\n")
    assert max(map(len, child.before.split("\r\n"))) in range(20, 31)
    child.setwinsize(24, 60)
    child.sendline()
    child.expect("sleeps\r\n")
    assert child.before.endswith(SENTENCE.removesuffix("sleeps"))
    child.close()


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


@pytest.mark.parametrize(
    ("environment", "colours"),
    [
        ({"TERM": "xterm-256color"}, 256),
        ({"TERM": "xterm-kitty"}, 256),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, 256),
        ({"TERM": "xterm"}, 16),
        ({"TERM": "linux"}, 16),
        ({"TERM": "dumb", "COLORTERM": "truecolor"}, 0),
        ({"NO_COLOR": "1"}, 0),
    ],
)
def test_the_number_of_colours_is_that_of_the_terminal(
    environment: dict[str, str], colours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    for name, value in ({"TERM": "xterm-256color", "COLORTERM": ""} | environment).items():
        monkeypatch.setenv(name, value)
    assert output.colours_of(sys.stdout) == colours
    monkeypatch.setattr(sys.stdout, "isatty", lambda: False)
    assert output.colours_of(sys.stdout) == 0


@pytest.mark.parametrize("quiet", [False, True])
def test_a_folder_of_compiled_code_that_cannot_be_used_is_told_once_in_a_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", "/nowhere")
    with output.said_warnings():
        if quiet:
            output.silence_warnings()
        warnings.filterwarnings("always", "Error ")
        for work in ("reading", "writing"):
            warnings.warn(
                f"Error {work} persistent compilation cache entry for 'jit_f': OSError: no",
                stacklevel=1,
            )
    told = "compiled code cannot be kept in '/nowhere'; it is compiled each time\n"
    assert capsys.readouterr() == ("", "" if quiet else told)
