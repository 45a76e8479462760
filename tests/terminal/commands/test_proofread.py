import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

from tests.conftest import TEXT

Run = Callable[..., CompletedProcess[str]]

FOX = TEXT.splitlines()[0]
WRONG = f"{FOX}\n{FOX.replace('jumps', 'jupms')}\n{FOX}\n"
OPTIONS = ["--model", "two-ways", "--least", "0.1"]


def test_mistakes_are_listed_with_their_line_and_what_was_meant(textgen: Run) -> None:
    Path("wrong.txt").write_text(WRONG, encoding="utf-8")
    done = textgen("proofread", "wrong.txt", *OPTIONS)
    assert done.returncode == 0, done.stderr
    assert "line 2, column 23: swapped, pm for mp" in done.stdout
    assert "brown fox ju[pm|mp]s over the lazy dog" in done.stdout
    assert "1 probable mistakes in" in done.stderr


def test_json_tells_each_mistake_and_fix_mends_a_copy(textgen: Run) -> None:
    Path("wrong.txt").write_text(WRONG, encoding="utf-8")
    fix = ["--fix", "mended.txt", "--sure", "0.1"]
    done = textgen("proofread", "wrong.txt", *OPTIONS, *fix, "--json", "-q")
    (found,) = map(json.loads, done.stdout.splitlines())
    assert found["type"] == "mistake"
    assert (found["line"], found["column"], found["kind"]) == (2, 23, "swapped")
    assert (found["found"], found["meant"]) == ("pm", "mp")
    assert found["bits"] > 0
    assert Path("mended.txt").read_text(encoding="utf-8") == f"{FOX}\n" * 3
    assert Path("wrong.txt").read_text(encoding="utf-8") == WRONG
    again = textgen("proofread", "wrong.txt", *OPTIONS, *fix)
    assert again.returncode == 2
    assert "'mended.txt' exists; give a new name to --fix" in again.stderr


def test_nothing_is_mended_that_is_not_sure(textgen: Run) -> None:
    Path("wrong.txt").write_text(WRONG, encoding="utf-8")
    textgen("proofread", "wrong.txt", *OPTIONS, "--fix", "copy.txt", "--sure", "1")
    assert Path("copy.txt").read_text(encoding="utf-8") == WRONG


def test_what_cannot_be_proofread_is_one_line(textgen: Run) -> None:
    Path("empty.txt").write_text("", encoding="utf-8")
    for arguments, code, message in (
        (["empty.txt"], 3, "empty"),
        (["missing.txt"], 3, "there is no"),
        (["empty.txt", "--least", "2"], 2, "least must be a number in [0, 1], got 2"),
        (["empty.txt", "--sure", "-1"], 2, "sure must be a number in [0, 1], got -1"),
    ):
        done = textgen("proofread", *arguments, "--model", "two-ways")
        assert (done.returncode, message in done.stderr) == (code, True), done.stderr
        assert done.stderr.count("\n") == 1
