"""Each command of the README is run: what trains, what goes on with that, and the others."""

import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import pytest

from tests.conftest import TEXT, textgen

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]
# What makes a training of minutes one of seconds.
SMALL = ["--hidden-size", "8", "--num-layers", "1", "--steps", "4", "--eval-every", "2"]


def quick(arguments: list[str]) -> list[str]:
    """Return the arguments with the time that they ask for cut down."""
    for option in ("--minutes", "--steps"):
        if option in arguments:
            place = arguments.index(option)
            arguments = arguments[:place] + arguments[place + 2 :]
            resuming = "--resume" in arguments
            arguments += ["--steps", "4"] if resuming else SMALL
    if arguments[0] == "gradient":
        arguments = [*arguments, "--reach", "20", "--places", "1"]
    if arguments[0] == "bench":
        arguments = [*arguments, "--seconds", "0.1"]
    return arguments


def test_every_command_of_the_readme_works() -> None:
    Path("book.txt").write_text(TEXT)
    Path("letters.txt").write_text("Dear Anna, the boat was late again.\nThe fox.\n" * 20)
    Path("poems").mkdir()
    Path("poems/one.txt").write_text("O wind, O wall, O well.\n" * 30)
    shutil.copytree(ROOT / "corpora", "corpora")
    commands = [command for command in COMMANDS if command.startswith("textgen ")]
    resuming = [command for command in commands if "--resume" in command]
    training = [command for command in commands if " train " in command and command not in resuming]
    others = [command for command in commands if " train " not in command]
    # The first is as `make demo` would have made it.
    with ThreadPoolExecutor(2) as both:
        list(both.map(check, ["textgen train corpora/fables.txt --steps 4", *training]))
        for command in resuming:
            check(command)
        list(both.map(check, others))
    names = {command.split()[1] for command in commands}
    seen = {"score", "classify", "evaluate", "inspect", "plot", "gradient"}
    assert names == {"train", "sample", "repl", "runs", "info", "verify", "bench"} | seen


def check(command: str) -> None:
    done = textgen(*quick(shlex.split(command)[1:]), input="The fox\n")
    assert done.returncode == 0, f"{command}: {done.stderr}"


def test_the_other_commands_of_the_readme_are_real() -> None:
    others = [command for command in COMMANDS if not command.startswith("textgen ")]
    # The tests themselves are run by `make test` after an installation by pip.
    assert others == ["make demo", "make test", "pip install ."]
    for target in ("demo", "test"):
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert "textgen train" in done.stdout or "pytest" in done.stdout


@cache
def helps() -> str:
    names = ("train", "sample", "repl", "info", "score", "inspect", "plot")
    return "".join(textgen(name, "--help").stdout for name in names)


@pytest.mark.parametrize("option", re.findall(r"`(--[a-z-]+)", README))
def test_options_named_in_the_readme_exist(option: str) -> None:
    assert option in helps() or option == "--help"
