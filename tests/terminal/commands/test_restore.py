import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.conftest import TEXT

Run = Callable[..., CompletedProcess[str]]

FOX = TEXT.splitlines()[0]
DAMAGED = FOX.replace("brown", "br_wn").replace("lazy", "[...]")


def test_a_pipe_gets_the_restored_text_alone(textgen: Run) -> None:
    done = textgen("restore", "two-ways", DAMAGED)
    assert done.returncode == 0, done.stderr
    assert done.stdout == FOX + "\n"
    assert "gaps 1-2, jointly" in done.stderr
    assert done.stderr.count("%") == 1


@pytest.mark.slow
def test_the_text_comes_from_an_argument_a_file_or_standard_input(
    textgen: Run, tmp_path: Path
) -> None:
    (tmp_path / "damaged.txt").write_text(DAMAGED + "\n", encoding="utf-8")
    of_file = textgen("restore", "two-ways", "--file", "damaged.txt", "--quiet")
    of_input = textgen("restore", "--model", "two-ways", "-", "--quiet", given=DAMAGED + "\n")
    of_argument = textgen("restore", "--model", "two-ways", DAMAGED, "-q")
    for done in (of_file, of_input, of_argument):
        assert (done.returncode, done.stdout, done.stderr) == (0, FOX + "\n", "")


def test_json_tells_the_alternatives_and_how_certain_they_are(textgen: Run) -> None:
    done = textgen("restore", "two-ways", DAMAGED, "--num", "3", "--json")
    found = json.loads(done.stdout)
    assert found["type"] == "restoration"
    assert found["text"] == FOX
    (group,) = found["groups"]
    assert group["begin"] == FOX.index("own")
    best, *others = group["alternatives"]
    assert best["gaps"] == ["o", "lazy"]
    assert [len(one) for one in best["certainties"]] == [1, 4]
    assert len(others) == 2
    chances = [one["probability"] for one in group["alternatives"]]
    assert chances == sorted(chances, reverse=True)
    assert 0.5 < chances[0] <= 1
    assert sum(chances) <= 1.000001


def test_a_seed_draws_the_same_fillings_again(textgen: Run) -> None:
    options = ["--temperature", "2", "--num", "5", "--seed", "4", "--json"]
    first, second = (textgen("restore", "two-ways", "ax____", *options) for _ in range(2))
    assert first.stdout == second.stdout
    assert len({one["text"] for one in json.loads(first.stdout)["groups"][0]["alternatives"]}) > 1


def test_constraints_hold(textgen: Run, tmp_path: Path) -> None:
    done = textgen("restore", "two-ways", "br_wn f_x", "--only", "aei", "-q")
    assert done.stdout[2] in "aei"
    (tmp_path / "words.txt").write_text("brawn fax\n", encoding="utf-8")
    done = textgen("restore", "two-ways", "br_wn f_x", "--words", "words.txt", "-q")
    assert done.stdout == "brawn fax\n"
    (tmp_path / "words.txt").write_text("lazy\n", encoding="utf-8")
    done = textgen("restore", "two-ways", "the la_q", "--words", "words.txt", "-q")
    assert done.returncode == 2
    assert "nothing that is permitted fits the gap behind 'the la'" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no gap"], "the text has no gap; mark each missing character by _"),
        (["a[201]"], "a gap of 201 characters is too long; at most 200 can be restored"),
        (["a_b", "--gap", "ab"], "gap must be a single character other than a bracket"),
        (["a_b", "--num", "0"], "num must be a whole number in [1, 1000], got 0"),
        (["a_b", "--temperature", "-1"], "temperature must be a number of at least 0, got -1"),
        (["a_b", "--file", "x.txt"], "a text and --file cannot both be given"),
    ],
)
def test_what_cannot_be_restored_is_one_line(
    textgen: Run, arguments: list[str], message: str
) -> None:
    done = textgen("restore", "two-ways", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_run_that_reads_forward_cannot_restore(textgen: Run, tiny_run: Path) -> None:
    for command in (["restore", "fox", "a_b"], ["proofread", "fox.txt", "--model", "fox"]):
        Path("fox.txt").write_text(FOX, encoding="utf-8")
        done = textgen(*command)
        assert done.returncode == 2
        assert "train it with --direction both" in done.stderr
