"""Limits of the system: folders a thousand levels deep, and little address space."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from textgen.errors import TextgenError
from textgen.runtime.compile_cache import FOLDER, keep_compiled
from textgen.runtime.environment import check_system
from textgen.terminal.cli import run_command

DEEP = 1500


@pytest.fixture
def deep(own_folder: Path) -> Iterator[Path]:
    """Return a folder of the current one that holds others 1,500 levels deep."""
    os.mkdir("deep")
    os.chdir("deep")
    for _ in range(DEEP):
        os.mkdir("d")
        os.chdir("d")
    Path("text.txt").write_text("the quick brown fox\n" * 100)
    os.chdir(own_folder)
    yield Path("deep")
    # Python's own functions, and pytest, cannot remove it.
    subprocess.run(["rm", "-rf", own_folder / "deep"], check=True)


@pytest.mark.slow
def test_a_folder_that_is_too_deep_is_told_in_one_line(
    tiny_run: Path, deep: Path, corpus: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = os.path.join(*["e"] * DEEP, "run")
    for command, code in (
        (["train", str(deep), "--steps", "2"], 3),
        (["check", str(deep)], 3),
        (["score", "fox", str(deep)], 3),
        (["train", "fox.txt", "--steps", "2", "--run", f"./{missing}"], 5),
        (["sample", f"./{missing}"], 4),
    ):
        assert run_command(command) == code
        lines = [line for line in capsys.readouterr().err.splitlines() if "textgen: " in line]
        assert len(lines) == 1
    environment = {FOLDER: os.path.join(os.getcwd(), *["f"] * DEEP)}
    keep_compiled(environment)


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs ulimit -v")
@pytest.mark.parametrize("kibibytes", [300_000, 600_000, 1_000_000])
def test_little_address_space_is_told_in_one_line(
    tiny_run: Path, corpus: Path, kibibytes: int
) -> None:
    done = subprocess.run(
        ["sh", "-c", f"ulimit -v {kibibytes}; exec {sys.executable} -m textgen evaluate fox"],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "ulimit -v" in done.stderr


def test_a_machine_without_dev_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_system()
    if sys.platform == "linux":
        with pytest.raises(TextgenError, match="urandom', which is missing; mount /dev"):
            check_system(tmp_path / "urandom")
    # Streams that are closed are opened although there is no /dev/null.
    command = (
        "import os, sys; os.devnull = '/none'; from textgen.terminal.output import prepare_streams;"
        "prepare_streams(); print(repr(sys.stdin.read()))"
    )
    done = subprocess.run(
        ["sh", "-c", f'exec {sys.executable} -c "{command}" <&-'], capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("''\n", "")
