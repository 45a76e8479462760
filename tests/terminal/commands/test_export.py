import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import textgen
from textgen.terminal.cli import run_command

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setattr("textgen.terminal.display.progress_line.PROGRESS_SECONDS", math.inf)

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command([*arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


@pytest.mark.slow
def test_a_page_is_written_and_its_size_and_its_cost_are_said(say: Say) -> None:
    code, out, err = say("export", "fox", "page.html", "--weights", "int8")
    assert (code, out) == (0, "")
    assert err.startswith("wrote page.html (0.")
    assert "float32 " in err
    assert "the page has int8" in err
    assert Path("page.html").stat().st_size > 10_000


def test_the_newest_run_is_the_default_and_json_has_the_numbers(say: Say) -> None:
    code, out, err = say("export", "page.html", "--json")
    assert (code, err) == (0, "")
    written = json.loads(out)
    assert written["type"] == "export"
    assert written["bytes"] == Path("page.html").stat().st_size
    (bits,) = written["bits_per_character"]
    assert bits["run"] == "fox"
    assert abs(bits["float16"] - bits["float32"]) < 0.01
    assert say("export", "--model", "fox", "other.html", "--quiet") == (0, "", "")


def test_a_name_with_a_slash_is_a_folder(say: Say) -> None:
    code, _, err = say("export", "fox", "model/")
    assert code == 0
    assert err.startswith("wrote model (")
    assert sorted(os.listdir("model")) == ["README.md", "config.json", "model.safetensors"]


def test_a_given_text_or_none_is_looked_at(say: Say) -> None:
    Path("mine.txt").write_text("my own words\n")
    assert say("export", "fox", "page.html", "--text", "mine.txt")[0] == 0
    assert '"text":"my own words\\n"' in Path("page.html").read_text()
    assert say("export", "fox", "page.html", "--no-text", "--force")[0] == 0
    assert '"text":""' in Path("page.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "code", "why"),
    [
        ([], 2, "name the page or the folder to write: textgen export RUN PAGE.html"),
        (["fox"], 2, "'fox' is not the name of a page or a folder; end it with .html"),
        (["fox", "page.pdf"], 2, "end it with .html for a page, or with / for a folder"),
        (["nobody", "page.html"], 4, "no run named 'nobody'"),
        (["a", "b", "c", "d", "page.html"], 2, "name at most 3 runs, got 4"),
        (["fox", "fox", "model/"], 2, "name at most 1 runs, got 2"),
        (["fox", "page.html", "--weights", "int4"], 2, "int4"),
        (["fox", "page.html", "--text", "gone.txt"], 3, "gone.txt"),
        (["fox", "page.html", "--text", "-", "--no-text"], 2, "contradict each other"),
        (["fox", "taken.html"], 2, "'taken.html' exists already; replace it with --force"),
        (["fox", "gone/page.html"], 5, "cannot write"),
    ],
)
def test_what_cannot_be_exported_ends_in_one_line(
    arguments: list[str], code: int, why: str, say: Say
) -> None:
    Path("taken.html").write_text("mine")
    found, out, err = say("export", *arguments)
    assert (found, out) == (code, "")
    assert why in err
    assert err.count("\n") == 1
    assert Path("taken.html").read_text() == "mine"
    assert sorted(os.listdir()) == ["checkpoints", "taken.html"]


@pytest.mark.slow
def test_a_text_comes_from_standard_input(tiny_run: Path) -> None:
    done = textgen("export", "fox", "page.html", "--text", "-", input="piped words\n")
    assert done.returncode == 0, done.stderr
    assert '"text":"piped words\\n"' in Path("page.html").read_text()
