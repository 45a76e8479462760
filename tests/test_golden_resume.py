"""Runs cut at half of their plan by textgen 0.1.0 end as textgen 0.1.0 ended them.

What it made of them stands in golden/cut/expected.json. The last bit depends on the processor and
on XLA: on another machine than the one that made the file, losses are compared to 1e-4 instead.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import jaxlib
import pytest

from tests.conftest import textgen
from textgen.terminal.cli import run_command

CUT = Path(__file__).parent / "golden" / "cut"
EXPECTED = json.loads((CUT / "expected.json").read_text(encoding="utf-8"))
RUNS = EXPECTED["runs"]
PLAIN = ["--seed", "3", "--length", "300", "--quiet"]
ENGINES = {
    "numpy": [],
    "jax": [
        "--engine",
        "jax",
        "--top-p",
        "0.9",
        "--typical-p",
        "0.95",
        "--repetition-penalty",
        "1.1",
        "--top-k",
        "20",
        "--min-p",
        "0.01",
        "--max-copy",
        "8",
    ],
}


def is_the_machine_of_the_golden_runs() -> bool:
    """Return whether XLA compiles the same code here as where the golden runs were made."""
    try:
        found = re.search(r"^flags\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        return False
    flags = " ".join(sorted(found[1].split())) if found else ""
    digest = hashlib.sha256(flags.encode()).hexdigest()
    return (jaxlib.__version__, digest) == (EXPECTED["jaxlib"], EXPECTED["processor_flags_sha256"])


@pytest.fixture
def cut_run(request: pytest.FixtureRequest, own_folder: Path) -> Path:
    name = request.param
    return Path(shutil.copytree(CUT / name, own_folder / "checkpoints" / name))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Return a function that runs a command in this process and returns what it prints."""

    def command(*arguments: str) -> str:
        assert run_command([*arguments]) == 0
        return capsys.readouterr().out

    return command


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cut_run", RUNS, indirect=True)
def test_a_checkpoint_writes_the_text_it_wrote(
    cut_run: Path, engine: str, run: Callable[..., str]
) -> None:
    written = run("sample", str(cut_run), *PLAIN, *ENGINES[engine])
    assert written == RUNS[cut_run.name]["cut"][engine]


@pytest.mark.slow
@pytest.mark.parametrize("cut_run", RUNS, indirect=True)
def test_a_cut_run_ends_as_it_ended(cut_run: Path, run: Callable[..., str]) -> None:
    run("train", "--resume", str(cut_run), "--quiet")
    expected = RUNS[cut_run.name]
    lines = (cut_run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    losses = [json.loads(line)["validation_bits_per_character"] for line in lines]
    assert losses == pytest.approx(expected["validation_bits"], abs=1e-4)
    if is_the_machine_of_the_golden_runs():
        last = cut_run / "checkpoints" / "step-00000400"
        for name, digest in expected["sha256"].items():
            assert hashlib.sha256((last / name).read_bytes()).hexdigest() == digest, name
        for engine, options in ENGINES.items():
            written = run("sample", str(cut_run), *PLAIN, *options)
            assert written == expected["whole"][engine]


@pytest.mark.slow
@pytest.mark.parametrize("cut_run", ["lstm"], indirect=True)
def test_a_saved_session_goes_on_as_it_went_on(cut_run: Path) -> None:
    # The other tests here run their commands in this process; these are processes of their own.
    assert textgen("train", "--resume", str(cut_run), "--quiet").returncode == 0
    shutil.copy(CUT / "session.json", "session.json")
    typed = "/load session.json\n/more\n/goto tower\n/more\n"
    done = textgen("repl", str(cut_run), "--seed", "2", input=typed)
    assert done.returncode == 0, done.stderr
    assert "loaded 3 turns; now at turn 3, which ends with:" in done.stderr
    assert len(done.stdout) == len(EXPECTED["continued"])
    if is_the_machine_of_the_golden_runs():
        assert "another model" not in done.stderr
        assert done.stdout == EXPECTED["continued"]
