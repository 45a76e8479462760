import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs.test_changes import make_run
from textgen.terminal.commands.completion import (
    complete_labelled_run,
    complete_labelled_run_or_text,
)

SCRIPT = """
eval "$(textgen --show-completion bash)"
complete_words() {
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=()
    _textgen_completion textgen
    printf '%s|' "${COMPREPLY[@]}"; echo
}
"""


@pytest.fixture
def bash(own_folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the path of bash, with a command `textgen` that never imports JAX in its way."""
    found = shutil.which("bash")
    if found is None:
        pytest.skip("this system has no bash")
    path = own_folder / "bin" / "textgen"
    path.parent.mkdir()
    path.write_text(
        f"#!{sys.executable}\n"
        "import sys\n"
        "sys.modules['jax'] = None\n"
        "from textgen.terminal.cli import run_process\n"
        "sys.exit(run_process())\n"
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}:{os.environ['PATH']}")
    return found


@pytest.mark.slow
def test_bash_offers_commands_runs_shipped_texts_and_files(bash: str) -> None:
    for name in ("foxes", "my run"):
        make_run(Path("checkpoints") / name)
    Path("fox.txt").write_text("the fox")
    cases = {
        "verif": {"verify"},
        "sample fo": {"foxes"},
        "info --model m": {r"my\ run"},
        "runs --delete f": {"foxes"},
        "train --resume f": {"foxes"},
        "train fa": {"fables"},
        "train fo": {"fox.txt"},
        "score f": {"foxes", "fables", "fox.txt"},
        "score foxes fo": {"fox.txt"},
        "evaluate --model foxes fab": {"fables"},
        "classify --model f": {"foxes"},
        "check fab": {"fables"},
        "check fo": {"fox.txt"},
        # Bash gives the parts of a=f as three words.
        "classify a = f": {"foxes"},
        "classify a =": {"foxes", r"my\ run"},
        "classify a = foxes b = foxes f": {"fables", "fox.txt"},
        "classify --model a = f": {"foxes"},
        "plot f": {"foxes"},
        "gradient f": {"foxes"},
        "sample --engine n": {"numpy"},
        "score ./f": set(),
    }
    calls = "\n".join(f"complete_words textgen {words}" for words in cases)
    done = subprocess.run([bash, "-c", SCRIPT + calls], capture_output=True, text=True, timeout=120)
    assert done.stderr == ""
    offered = [set(filter(None, line.split("|"))) for line in done.stdout.splitlines()]
    assert dict(zip(cases, offered, strict=True)) == cases


def test_other_shells_get_the_label_with_the_run(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("_TEXTGEN_COMPLETE", "complete_zsh")
    for name in ("foxes", "my run"):
        make_run(Path("checkpoints") / name)
    assert complete_labelled_run("a=m") == ["a=my run"]
    assert complete_labelled_run("f") == ["foxes"]
    assert complete_labelled_run_or_text("a=f") == ["a=foxes"]
    assert complete_labelled_run_or_text("fab") == ["fables"]
