"""Each command of the README is run, in the order in which it stands there."""

import re
import shlex
import shutil
import subprocess
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
    if arguments[0] == "bench":
        arguments = [*arguments, "--seconds", "0.1"]
    return arguments


def test_every_command_of_the_readme_works() -> None:
    Path("book.txt").write_text(TEXT)
    Path("letters.txt").write_text("Dear Anna, the boat was late again.\nThe fox.\n" * 20)
    Path("poems").mkdir()
    Path("poems/one.txt").write_text("O wind, O wall, O well.\n" * 30)
    shutil.copytree(ROOT / "corpora", "corpora")
    # As `make demo` would have made it.
    assert textgen("train", "corpora/fables.txt", *SMALL).returncode == 0
    ran = []
    for command in COMMANDS:
        program, *arguments = shlex.split(command)
        if program == "textgen":
            done = textgen(*quick(arguments), input="The fox\n")
            assert done.returncode == 0, f"{command}: {done.stderr}"
            ran.append(arguments[0])
    assert set(ran) == {"train", "sample", "repl", "runs", "info", "verify", "bench"}


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


@pytest.mark.parametrize("option", re.findall(r"`(--[a-z-]+)", README))
def test_options_named_in_the_readme_exist(option: str) -> None:
    helps = "".join(textgen(name, "--help").stdout for name in ("train", "sample", "repl", "info"))
    assert option in helps or option == "--help"
