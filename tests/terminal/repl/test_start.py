"""How sessions begin, go on and end, through pipes in this process."""

import io
import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from textgen.session.session_file import read_session
from textgen.terminal.cli import run_command

Play = Callable[..., tuple[int, str, str]]
GOLDEN = Path(__file__).parents[2] / "golden"
SEED = ("--seed", "1", "--length", "12")


@pytest.fixture(autouse=True)
def state(own_folder: Path, tiny_run: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(own_folder / "state"))
    return own_folder / "state"


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Play:
    """Return a function that plays lines and returns the exit code, stdout and stderr."""

    def run(lines: str, *options: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "stdin", io.StringIO(lines))
        code = run_command(["repl", "fox", *options])
        return (code, *capsys.readouterr())

    return run


def kept() -> list[Path]:
    return sorted(Path("state").rglob("*.json"))


def test_a_session_through_a_pipe_is_kept_only_if_that_is_asked_for(
    play: Play, state: Path
) -> None:
    play("the dog\n", *SEED)
    play("the dog\n", *SEED, "--no-history")
    assert not state.exists()
    _, _, said = play("the dog\n", *SEED, "--history")
    (path,) = kept()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert said.endswith("the session is saved; textgen repl fox --continue goes on with it\n")
    assert not (state / "textgen" / "history").exists()  # nothing was typed


def test_a_continued_session_writes_what_the_first_one_would_have_written(play: Play) -> None:
    whole = play("the dog\n/set temp 0.5\nand\n", *SEED)[1]
    first = play("the dog\n/set temp 0.5\n", *SEED, "--history")[1]
    code, second, said = play("and\n", "--continue")
    assert code == 0
    assert first + second == whole
    assert said.startswith("continued 1 turn; now at turn 1, which ends with: the dog")
    assert ", seed 1; /help shows" in said
    (path,) = kept()
    assert [turn.typed for turn in read_session(path).turns] == ["the dog", "and"]
    # It goes on with the last one, and what is not wanted is not kept.
    assert play("/show\n", "--continue", "--no-history")[2].startswith("continued 2 turns;")
    play("other\n", "--continue", "--no-history")
    assert len(read_session(path).turns) == 2


def test_what_is_given_for_a_continued_session_holds(play: Play) -> None:
    play("the dog\n/set temp 0.5\n/set top_k 4\n/set length 7\n", *SEED, "--history")
    shown = play("/show\n", "--continue")[2]
    for line in ("temperature: 0.5", "top_k: 4", "length: 7", "seed: 1", "on_unknown: nearest"):
        assert f"\n{line}\n" in shown
    options = ("--temperature=0.9", "--length=9", "--seed=77", "--on-unknown=skip")
    shown = play("/show\n", "--continue", *options)[2]
    for line in ("temperature: 0.9", "top_k: 4", "length: 9", "seed: 77", "on_unknown: skip"):
        assert f"\n{line}\n" in shown


def test_a_damaged_session_is_told_and_the_one_before_it_is_taken(play: Play) -> None:
    play("one\n", *SEED, "--history")
    (first,) = kept()
    os.utime(first, (1, 1))
    play("two\n", *SEED, "--history")
    (second,) = {*kept()} - {first}
    second.write_bytes(second.read_bytes()[:-9])
    code, _, said = play("", "--continue")
    assert code == 0
    damaged, continued, *_ = said.split("\n")
    assert damaged.endswith("; the session before it is taken")
    assert f"{str(second)!r}"[-20:] in damaged
    assert continued.startswith("continued 1 turn; now at turn 1, which ends with: one")


def test_without_a_saved_session_there_is_nothing_to_continue(play: Play) -> None:
    code, _, said = play("", "--continue")
    assert code == 2
    assert said == (
        "textgen: no session with the run 'fox' is saved; textgen repl fox begins one\n"
    )


def test_a_session_that_cannot_be_kept_is_told_once_and_goes_on(play: Play, state: Path) -> None:
    state.write_text("in the way")
    code, text, said = play("the\n\n\n", *SEED, "--history")
    assert code == 0
    assert len(text) > 40
    assert said.count("the session is not saved by itself: ") == 1
    assert said.endswith("; /save FILE saves it\n")


def test_a_session_through_a_pipe_goes_on_after_the_end_of_a_document(play: Play) -> None:
    shutil.copytree(GOLDEN / "format-3", "checkpoints/lines")
    shutil.rmtree("checkpoints/fox")
    Path("checkpoints/lines").rename("checkpoints/fox")
    ends = "the document ends here; what follows begins another one\n"
    code, whole, said = play("the \n\nand\n/score all\n", "--seed=1", "--length=200", "-q")
    assert code == 0
    lines = whole.splitlines()
    assert [line[:4] for line in lines] == ["the ", "a br", "ando"]
    assert said.count(ends) == 3
    assert "".join(f"{line}\u21b5\n" for line in lines).splitlines() == [
        line for line in said.splitlines() if line.endswith("\u21b5")
    ]
    options = ("--seed=1", "--length=200", "-q", "--history")
    first = play("the \n", *options)[1]
    second = play("\nand\n", "--continue")[1]
    assert first + second == whole


def test_only_one_run_is_named(play: Play) -> None:
    code, _, said = play("", "--model", "fox")
    assert code == 2
    assert said == "textgen: this command is for one run, got 2: fox, fox\n"


def test_quiet_leaves_out_what_nobody_asked_for(play: Play) -> None:
    assert play("the\n", *SEED, "--history", "-q")[2] == ""


def test_an_earlier_session_is_listed_and_goes_on(play: Play) -> None:
    play("one\n", *SEED, "--history")
    (first,) = kept()
    os.utime(first, (10**9, 10**9))
    play("two\n", *SEED, "--history")
    code, _, said = play("/sessions\n/sessions 2\nand\n", "--continue")
    assert code == 0
    assert "1 earlier session is kept; /sessions lists them\n* 1  20" in said
    assert "\n  2  2001-09-0" in said
    assert "continued 1 turn; now at turn 1, which ends with: one" in said
    assert [turn.typed for turn in read_session(first).turns] == ["one", "and"]
    assert len(kept()) == 2
    assert play("", "--continue")[2].startswith("continued 2 turns;")


def test_an_exported_file_is_replaced_by_the_session_that_goes_on(play: Play) -> None:
    play("one\n/export a.txt\n", *SEED, "--history")
    assert "wrote " in play("two\n/export a.txt\n", "--continue")[2]
    assert "two" in Path("a.txt").read_text()
    assert "'a.txt' exists; choose" in play("two\n/export a.txt\n", *SEED)[2]


def test_a_script_with_a_line_that_fails_goes_on_and_ends_with_a_code(play: Play) -> None:
    code, text, said = play("/nothing\nthe \n/set temperature high\n/undo\n/undo\n", "-q", *SEED)
    assert (code, text.startswith("the ")) == (2, True)
    assert "there is no command /nothing" in said
    assert said.endswith("textgen: 3 lines were not carried out; the messages above tell why\n")
    assert play("/set top_p 2\n", "-q")[2].endswith(
        "textgen: a line was not carried out; the messages above tell why\n"
    )
    assert play("the \n/undo\n/help\n/bye\n/nothing\n", "-q")[0] == 0


@pytest.mark.parametrize("is_mid_text", [False, True])
def test_the_first_text_is_read_as_sample_reads_a_prompt(
    play: Play, capsys: pytest.CaptureFixture[str], is_mid_text: bool
) -> None:
    option = ["--mid-text"] * is_mid_text
    text = play("o\n", "-q", *SEED, "--length=60", *option)[1]
    assert run_command(["sample", "fox", "--prompt=o", *SEED, "--length=60", "-q", *option]) == 0
    assert text.rstrip("\n") == capsys.readouterr().out.rstrip("\n")
