import io
import json
import math
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import TEXT
from tests.terminal.terminals import command_on_terminal
from textgen.runs.trace_index import NAME
from textgen.terminal.cli import run_command

Say = Callable[..., tuple[int, str, str]]
COPY = TEXT[4:64]


@pytest.fixture
def say(tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", math.inf)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command([*arguments])
        out, err = capsys.readouterr()
        return code, out, err

    Path("text.txt").write_text(f"My own words, then:>{COPY}>; and mine again, QED\n")
    return run


def test_a_stretch_is_told_with_its_file_and_line(say: Say) -> None:
    code, out, err = say("trace", "fox", "text.txt")
    head, row, total = out.splitlines()
    assert (code, err) == (0, "")
    assert head.split() == ["characters", "where", "text"]
    assert re.fullmatch(r"1 +60  .*fox\.txt:1, 36 places  quick brown .*", row)
    assert total == (
        "58 % of 103 characters stand in the training text in stretches of at least 20; longest 60"
    )


def test_json_has_all_of_it_and_the_newest_run_reads_standard_input(
    say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = Path("text.txt").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    code, out, _ = say("trace", "--json", "--least", "25")
    found = json.loads(out)
    assert (code, found["type"], found["least"], found["copied"]) == (0, "trace", 25, 60)
    [stretch] = found["stretches"]
    assert (stretch["begin"], stretch["end"], stretch["text"]) == (20, 80, COPY)
    assert (stretch["line"], stretch["last_line"], stretch["places"]) == (1, 1, 36)
    assert stretch["file"].endswith("fox.txt")


def test_a_share_above_the_limit_ends_with_code_1(say: Say) -> None:
    assert say("trace", "fox", "text.txt", "--fail-above", "0.6")[0] == 0
    code, _, err = say("trace", "fox", "text.txt", "--fail-above", "0.5")
    assert code == 1
    assert err == (
        "textgen: 58.3% of the text stands in the training text; at most 50.0% is allowed "
        "(--fail-above)\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--least", "4"], 2, "least must be"),
        (["--top", "0"], 2, "top must be"),
        (["--fail-above", "2"], 2, "fail-above must be"),
        (["--show", "--json"], 2, "--show is for people"),
        (["missing.txt"], 3, "there is no such file, folder or run"),
        (["empty.txt"], 3, "the text is empty"),
        (["text.txt", "--model", "nobody"], 4, "no run named 'nobody'"),
        (["text.txt", "--model", "fox", "--model", "fox"], 2, "for one run"),
    ],
)
def test_wrong_values_get_one_line(say: Say, arguments: list[str], code: int, message: str) -> None:
    Path("empty.txt").write_text("")
    found, _, err = say("trace", *arguments)
    assert found == code
    assert message in err
    assert err.count("\n") == 1


def test_an_index_that_cannot_be_kept_is_told(say: Say) -> None:
    Path("checkpoints/fox", NAME).mkdir()
    Path("checkpoints/fox", NAME, "in-the-way").touch()
    code, out, err = say("trace", "fox", "text.txt")
    assert code == 0
    assert "longest 60" in out
    assert err.startswith("the index is not kept for the next time: cannot write")
    assert say("trace", "fox", "text.txt", "--quiet")[2] == ""
    assert say("verify", "fox")[0] == 4


@pytest.mark.slow
def test_on_a_terminal_the_text_is_coloured_unless_nobody_wants_colours(say: Say) -> None:
    coloured = command_on_terminal(["trace", "fox", "text.txt"], 60)
    assert "\x1b[30;46mquick" in coloured
    plain = command_on_terminal(["trace", "fox", "text.txt"], 60, NO_COLOR="1")
    assert "\x1b[30" not in plain
    assert "1111111111" in plain
    assert "QED" not in command_on_terminal(["trace", "fox", "text.txt", "--no-show"], 60)
    assert "QED" not in say("trace", "fox", "text.txt")[1]
    assert "QED" in say("trace", "fox", "text.txt", "--show")[1]


def test_the_variable_of_runs_is_heeded(say: Say, monkeypatch: pytest.MonkeyPatch) -> None:
    os.rename("checkpoints", "elsewhere")
    monkeypatch.setenv("TEXTGEN_CHECKPOINTS", "elsewhere")
    assert say("trace", "fox", "text.txt")[0] == 0
    assert Path("elsewhere/fox", NAME).exists()
