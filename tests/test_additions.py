"""The additions that CONTRIBUTING.md shows touch few files of code, and work.

Each is applied to a copy of the package, and the copy is then used as a user would use it.
"""

import json
import math
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import TEXT, TINY, textgen

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# The change that stands below each heading.
ADDITIONS = dict(re.findall(r"^### (.+)\n(?:(?!###).*\n)*?```diff\n((?:.*\n)*?)```", PAGE, re.M))
# Files of code that each addition may touch.
LIMITS = {
    "A cell": 3,
    "A filter": 2,
    "A command": 3,
    "A session command": 1,
    "A setting of training": 2,
}


def apply_change(diff: str, folder: Path) -> set[str]:
    """Apply a change to the files of a folder.

    Args:
        diff: for each file a line with `---` and its path, then hunks separated by `@@`. A hunk is
            lines with ` `, `-` or `+` before them, whose old lines stand once in the file.
        folder: where the paths begin.

    Returns:
        The paths.
    """
    paths = set()
    for part in re.split(r"^--- ", diff, flags=re.MULTILINE)[1:]:
        path, _, hunks = part.partition("\n")
        paths.add(path)
        file = folder / path
        content = file.read_text(encoding="utf-8") if file.exists() else ""
        for hunk in hunks.split("@@\n"):
            lines = hunk.splitlines(keepends=True)
            assert {line[0] for line in lines} <= {" ", "-", "+"}, hunk
            old = "".join(line[1:] for line in lines if line[0] != "+")
            new = "".join(line[1:] for line in lines if line[0] != "-")
            assert content.count(old) == 1, f"{path} does not hold once:\n{old}"
            content = content.replace(old, new)
        file.write_text(content, encoding="utf-8")
    return paths


class Copy:
    """A copy of the package with an addition."""

    def __init__(self, addition: str, folder: Path) -> None:
        # With the compiled modules: Python compiles those anew that are changed.
        shutil.copytree(ROOT / "textgen", folder / "textgen")
        paths = apply_change(ADDITIONS[addition], folder)
        assert len(paths) <= LIMITS[addition]
        self._environment = os.environ | {"COLUMNS": "100", "PYTHONPATH": str(folder)}

    def run(
        self, *arguments: str, typed: str = "", code: int = 0
    ) -> subprocess.CompletedProcess[str]:
        done = textgen(*arguments, env=self._environment, input=typed)
        assert done.returncode == code, done.stderr
        return done


@pytest.fixture
def copy(request: pytest.FixtureRequest, tmp_path: Path) -> Copy:
    return Copy(request.param, tmp_path / "copy")


@pytest.fixture
def run(own_folder: Path) -> Path:
    """A run that was trained for 200 steps, as checkpoints/lstm in the current folder."""
    source = ROOT / "tests" / "golden" / "cut" / "lstm"
    return Path(shutil.copytree(source, own_folder / "checkpoints" / "lstm"))


def test_the_page_shows_each_addition() -> None:
    assert [*ADDITIONS] == [*LIMITS]


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["A cell"], indirect=True)
def test_a_cell(copy: Copy, corpus: Path) -> None:
    size = ["--hidden-size", "8", "--num-layers", "1", "--batch-size", "4", "--devices", "1"]
    trained = copy.run("train", "fox.txt", "--cell", "mgu", "--steps", "2", *size)
    assert "MGU 1x8" in trained.stderr
    numpy, jax = (
        copy.run("sample", "-q", "--seed", "1", "--length", "60", "--engine", engine).stdout
        for engine in ("numpy", "jax")
    )
    assert len(numpy) == 60
    assert numpy == jax


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["A filter"], indirect=True)
def test_a_filter(copy: Copy, run: Path) -> None:
    plain, numpy, jax = (
        copy.run("sample", "-q", "--seed", "1", "--length", "80", *options).stdout
        for options in ([], ["--top-a=0.2"], ["--top-a=0.2", "--engine=jax"])
    )
    assert numpy == jax
    assert numpy != plain
    typed = "/set top_a 0.2\n/set length 80\n/set seed 1\n\n/set top_a 2\n/set top_a off\n"
    session = copy.run("repl", "-q", typed=typed, code=2)  # one line was refused
    assert session.stdout == numpy + "\n"
    assert session.stderr == (
        "top_a: 0.2\nlength: 80\nseed: 1\ntop_a must be a number in [0, 1], got 2.0\ntop_a: 0.0\n"
        "textgen: a line was not carried out; the messages above tell why\n"
    )


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["A command"], indirect=True)
def test_a_command(copy: Copy, run: Path) -> None:
    config = json.loads(next(run.glob("checkpoints/*/config.json")).read_text(encoding="utf-8"))
    assert copy.run("alphabet", "lstm").stdout == config["vocabulary"] + "\n"
    assert "  alphabet   Show the characters that a run knows.\n" in copy.run("--help").stdout


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["A session command"], indirect=True)
def test_a_session_command(copy: Copy, run: Path) -> None:
    typed = "the \n/count\n/count 1\n/help\n"
    said = copy.run("repl", "-q", "--length=10", typed=typed, code=2).stderr
    assert said.startswith("14 characters\n/count takes no argument, got '1'\n")
    assert "\n  /count            show the length of the text\n" in said


@pytest.mark.slow
@pytest.mark.parametrize("copy", ["A setting of training"], indirect=True)
def test_a_setting_of_training(copy: Copy, corpus: Path) -> None:
    def last_loss(run: str, *options: str) -> float:
        copy.run("train", "fox.txt", "-q", *TINY, "--steps", "60", "--run", run, *options)
        rows = Path("checkpoints", run, "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return float(json.loads(rows[-1])["training_bits_per_character"])

    # Whoever cannot read can know no more than how often each character occurs.
    shares = [count / len(TEXT) for count in Counter(TEXT).values()]
    entropy = -sum(share * math.log2(share) for share in shares)
    assert last_loss("blind", "--hidden-rate", "1") > entropy - 0.05
    assert last_loss("plain") < entropy - 0.2
