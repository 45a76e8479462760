import json
from collections.abc import Callable
from pathlib import Path

import pytest

from textgen.terminal.cli import run_command

Say = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def say(tiny_run: Path, capsys: pytest.CaptureFixture[str]) -> Say:
    """Run a command; return its code and what it wrote to stdout and stderr."""

    def run(command: str) -> tuple[int, str, str]:
        code = run_command(command.split())
        return code, *capsys.readouterr()

    return run


def test_a_file_gives_defaults_and_says_so(say: Say) -> None:
    by_hand = say("sample fox --length 30 --seed 5 --temperature 0.5")
    Path("textgen.toml").write_text("length = 30\n[sample]\nseed = 5\ntemperature = 0.5\n")
    told = "textgen.toml gives length 30, seed 5, temperature 0.5 (--no-config leaves it out)\n"
    assert say("sample fox") == (0, by_hand[1], told)
    assert say("sample fox --quiet") == (0, by_hand[1], "")
    assert say("sample fox --seed 5 --no-config --length 30 --temperature 0.5") == by_hand
    code, out, err = say("sample fox --length 7 --no-echo")
    assert (code, len(out)) == (0, 8 if out.endswith("\n") else 7)
    assert err == "textgen.toml gives seed 5, temperature 0.5 (--no-config leaves it out)\n"
    assert "textgen.toml" not in say("corpora")[2]


def test_a_named_file_stands_in_place_of_the_others(say: Say) -> None:
    Path("textgen.toml").write_text("[sample]\nlength = nonsense\n")
    Path("my.toml").write_text("quiet = true\nseed = 1\nlength = 5\n[sample]\njson = true\n")
    code, out, err = say("sample fox --config my.toml")
    assert (code, err) == (0, "")
    assert len(json.loads(out)["text"]) == 5
    code, out, err = say("runs")
    assert (code, out) == (2, "")
    assert err == "textgen: textgen.toml, line 2: it is no TOML: Invalid value\n"


def test_an_error_is_told_in_json_where_a_file_asks_for_json(say: Say) -> None:
    Path("textgen.toml").write_text("quiet = true\n[sample]\njson = true\n")
    for command, code in (
        ("sample nope", 4),
        ("sample fox --top-k x", 2),
        ("sample fox --length -1", 2),
        ("sample fox --prompt a --prompt-file b", 2),
    ):
        found, out, err = say(command)
        told = json.loads(out)
        assert (found, told["type"], told["exit_code"]) == (code, "error", code)
        assert err == f"textgen: {told['message']}\n"
    assert say("sample nope --no-config")[:2] == (4, "")
    assert say("score fox nope.txt")[:2] == (3, "")


def test_the_file_may_be_named_before_the_command(say: Say) -> None:
    Path("textgen.toml").write_text("nonsense")
    Path("my.toml").write_text("quiet = true\nlength = 5\nseed = 2\n")
    after = say("sample fox --config my.toml")
    assert after[0] == 0
    assert say("--config my.toml sample fox") == after
    assert say("--no-config sample fox --seed 2 --length 5 --quiet") == after
    assert say("--config none.toml sample fox --config my.toml") == after
    assert say("--config none.toml runs")[0] == 2
    assert say("--config")[0] == 2


def test_a_value_out_of_range_is_told_with_its_place(say: Say) -> None:
    Path("textgen.toml").write_text("[sample]\nseed = 1\n\ntop-p = 5\n")
    code, _, err = say("sample fox")
    assert code == 2
    assert err.splitlines()[-1] == (
        "textgen: top-p must be a number in (0, 1], got 5.0 (textgen.toml, line 4)"
    )
    assert "(textgen.toml" not in say("sample fox --top-p 7")[2].splitlines()[-1]


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("runs --config none.toml", "'none.toml': there is no such file or folder"),
        ("runs --config a --no-config", "give --config or --no-config, not both"),
        ("runs --config", "--config needs a value"),
        ("runs --wrong", "there is no option --wrong"),
    ],
)
def test_a_command_line_that_is_wrong_is_told(say: Say, command: str, message: str) -> None:
    code, out, err = say(command)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert message in err


def test_help_reads_no_file(say: Say) -> None:
    Path("textgen.toml").write_text("nonsense")
    assert say("sample --help")[0] == 0
    assert say("--help")[0] == 0


def test_a_run_is_resumed_and_begun_from_whatever_a_file_says(say: Say) -> None:
    Path("textgen.toml").write_text("[train]\nminutes = 5\nhidden-size = 24\nkeep = 1\n")
    code, _, err = say("train --resume fox")
    assert code == 0
    assert "hidden-size" not in err
    code, _, err = say("train fox.txt --from fox --steps 2 --dry-run")
    assert "hidden-size" not in err
    assert "minutes" not in err
