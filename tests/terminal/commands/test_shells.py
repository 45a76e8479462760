"""Real shells complete what is typed in them, and run nothing that a name holds."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pexpect
import pytest

from tests.fork_server import AS_GIVEN, fork_server, write_client
from tests.runs.test_changes import make_run
from textgen.errors import StorageError, UsageError
from textgen.terminal.cli import run_command
from textgen.terminal.commands.shells import SHELLS, chosen_shell, install, join_words, place_of

# Set where all shells were installed for the tests: they then fail without one.
NEEDED = "TEXTGEN_NEEDS_SHELLS"
# Every line that is typed is answered by this and the arguments that came of it.
ANSWER = "arguments: "
HOSTILE = (
    "a$(touch bad)",
    "b`touch bad`",
    'c"; touch bad; "',
    r"d\$(touch bad)",
    "e'; touch bad #",
    "f; touch bad",
    "g*",
    "h{1,2}",
    "i && touch bad",
    "j <(touch bad)",
    "k  two spaces",
    "l=x:y",
    "m\u00e9 \u4e2d",
)


# The processes that complete cannot import JAX or NumPy.
ALONE = f"import sys\nsys.modules['jax'] = sys.modules['numpy'] = None\n{AS_GIVEN}"
# All others tell what they are given.
TELL = f"""
if "_TEXTGEN_COMPLETE" not in os.environ:
    sys.exit(print({ANSWER!r} + json.dumps(sys.argv[1:])))
"""


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a folder with a command `textgen` that begins with everything imported."""
    folder = tmp_path_factory.mktemp("programs")
    address = tmp_path_factory.mktemp("server") / "socket"
    with fork_server(address, ALONE, ["textgen.terminal.cli"]):
        write_client(folder / "textgen", address, TELL)
        yield folder


@pytest.fixture
def home(own_folder: Path, programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty home, with a command `textgen` in its way."""
    home = own_folder / "home"
    home.mkdir()
    for name in ("ZDOTDIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    return home


@contextmanager
def typing(shell: str, home: Path) -> Iterator[Callable[[str], Any]]:
    """Start a shell for which completion is installed; what is typed in it gives the arguments."""
    path = shutil.which(shell)
    if path is None:
        reason = f"no {shell}: install it, as with apt-get install {shell}"
        if os.environ.get(NEEDED):
            pytest.fail(f"{reason}, although {NEEDED} is set")
        pytest.skip(reason)
    place = install(shell)  # type: ignore[arg-type]
    if shell == "bash":
        assert place.start
        place.start.write_text("PS1='> '\nbind 'set bell-style none'\n" + place.start.read_text())
    elif shell == "zsh":
        assert place.start
        place.start.write_text(place.start.read_text() + "PS1='> '; unsetopt beep\n")
    else:
        prompt = home / ".config" / "fish" / "functions" / "fish_prompt.fish"
        prompt.parent.mkdir(parents=True)
        prompt.write_text("function fish_prompt; echo -n '> '; end\n")
        (home / ".config" / "fish" / "config.fish").write_text("set -g fish_greeting\n")
        # Without this folder, fish reads all pages of the manual when it is first started.
        (home / ".local" / "share" / "fish" / "generated_completions").mkdir(parents=True)
    child = pexpect.spawn(
        path,
        ["--noprofile", "-i"] if shell == "bash" else ["-i"],
        encoding="utf-8",
        timeout=60,
        dimensions=(40, 200),
        env=os.environ | {"TERM": "dumb" if shell != "fish" else "xterm", "LC_ALL": "C.UTF-8"},
    )
    child.delaybeforesend = 0.05
    child.expect("> ")

    def type_in(keys: str) -> Any:
        child.send(keys)
        # The key after Tab waits until the shell has completed.
        child.send("\r")
        child.expect(f"{ANSWER}(.*?)\r\n")
        assert child.match
        return json.loads(child.match[1])

    yield type_in
    child.sendline("exit")
    child.close(force=True)


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_completes_what_is_typed(shell: str, home: Path, labelled_run: Path) -> None:
    for name in ("foxes", "my run"):
        make_run(Path("checkpoints") / name)
    Path("prompt.txt").write_text("the fox")
    # The labelled run was begun first, and so is not the newest.
    cases = {
        "verif\t": ["verify"],
        "sample fox\t": ["sample", "foxes"],
        "info my\t": ["info", "my run"],
        "info --model my\t": ["info", "--model", "my run"],
        "runs --delete fox\t": ["runs", "--delete", "foxes"],
        "train fab\t": ["train", "fables"],
        "train prom\t": ["train", "prompt.txt"],
        "sample --engine n\t": ["sample", "--engine", "numpy"],
        "sample foxes --prompt-file prom\t": ["sample", "foxes", "--prompt-file", "prompt.txt"],
        "sample kinds --label kind=l\t": ["sample", "kinds", "--label", "kind=low"],
        "classify kinds --label lang\t": ["classify", "kinds", "--label", "language"],
        "export --checkpoints a\t": ["export", "--checkpoints", "all"],
    }
    with typing(shell, home) as type_in:
        assert {keys: type_in(f"textgen {keys}") for keys in cases} == cases


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_hostile_name_is_completed_to_the_letter_and_runs_nothing(shell: str, home: Path) -> None:
    for name in (*HOSTILE, "z\nbad", "z\x1b[2Jbad"):
        make_run(Path("checkpoints") / name)
    with typing(shell, home) as type_in:
        found = [type_in(f"textgen info {name[0]}\t") for name in HOSTILE]
        assert found == [["info", name] for name in HOSTILE]
        assert type_in("textgen info z\t") == ["info", "z"]
    assert not Path("bad").exists()


def run_as(protocol: str, line: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Ask as a script does."""
    asked = {
        "_TEXTGEN_COMPLETE": protocol,
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": line,
        "COMP_WORDS": "\n".join(line.split(" ")),
        "COMP_CWORD": str(line.count(" ")),
    }
    return subprocess.run(
        ["textgen"], env=os.environ | asked, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("words", "joined", "before"),
    [
        ("textgen sample fo", "textgen sample fo", ""),
        ("textgen sample --label a = b", "textgen sample --label a=b", "a="),
        ("textgen sample --label a =", "textgen sample --label a=", "a="),
        ("textgen classify a = b c = d ", "textgen classify a=b c=d ", ""),
        ("textgen --label a = ", "textgen --label a= ", ""),
    ],
)
def test_words_that_bash_has_parted_are_joined(words: str, joined: str, before: str) -> None:
    given = words.split(" ")
    environment = {"COMP_WORDS": "\n".join(given), "COMP_CWORD": str(len(given) - 1)}
    assert join_words(environment) == before
    assert environment["COMP_WORDS"].split("\n") == joined.split(" ")
    assert environment["COMP_CWORD"] == str(joined.count(" "))


@pytest.mark.slow
def test_whatever_is_wrong_no_error_is_shown(home: Path, tmp_path: Path) -> None:
    damaged = make_run(Path("checkpoints/damaged"))
    (damaged / "run.json").write_text("{")
    lines = (
        "textgen sample damaged --label ",
        "textgen sample 'dam",
        "textgen nothing --x ",
        "textgen",
        "",
    )
    for line in lines:
        for protocol in (
            "complete_fish",
            "complete_bash",
            "complete_zsh",
            "complete_x",
            "nonsense",
        ):
            assert run_as(protocol, line, home).stderr == ""
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert run_as("complete_fish", "textgen train f", home).stderr == ""


def test_the_script_that_typer_installed_gets_no_name_that_it_would_run(home: Path) -> None:
    for name in (*HOSTILE, "plain name"):
        make_run(Path("checkpoints") / name)
    offered = run_as("complete_zsh", "textgen info ", home).stdout
    assert '"plain name"' in offered
    assert "touch" not in offered


@pytest.mark.slow
@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_installed_once_however_often(shell: str, home: Path) -> None:
    start = place_of(shell).start  # type: ignore[arg-type]
    if start:
        start.write_bytes(b"# my own \xff\nalias x=y")
    for _ in range(2):
        assert run_command(["--install-completion", shell]) == 0
    place = place_of(shell)  # type: ignore[arg-type]
    assert "textgen" in place.script.read_text()
    if start:
        written = start.read_bytes()
        assert written == b"# my own \xff\nalias x=y\n" + place.line.encode() + b"\n"


def test_the_shell_is_the_one_that_is_named_or_that_of_the_user(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SHELL", "/bin/fish")
    assert chosen_shell(["--x"], "--x") == "fish"
    assert chosen_shell(["--x", "bash"], "--x") == "bash"
    with pytest.raises(UsageError, match="--x takes the name of a shell, bash, zsh, fish; got 'sh"):
        chosen_shell(["--x", "sh"], "--x")
    monkeypatch.delenv("SHELL")
    with pytest.raises(UsageError, match="the variable SHELL names none"):
        chosen_shell(["--x"], "--x")
    assert run_command(["--show-completion", "zsh"]) == 0
    assert capsys.readouterr().out.startswith("#compdef textgen\n")
    assert [*home.iterdir()] == []


def test_a_home_that_cannot_be_written_is_told(home: Path) -> None:
    (home / ".zfunc").write_text("a file")
    with pytest.raises(StorageError, match=r"cannot write .*zfunc.: it is a file, not a folder"):
        install("zsh")
