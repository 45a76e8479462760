import json
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pexpect
import pytest

from textgen.runs.ancestry import Ancestor
from textgen.runs.changes import copy_run
from textgen.runs.lock import training_lock
from textgen.runs.run import Run
from textgen.session.kept_sessions import KeptSessions
from textgen.session.state_folder import SESSIONS, state_folder
from textgen.terminal.cli import run_command

Say = Callable[..., tuple[int, str, str]]


@pytest.fixture
def say(tiny_run: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run a command; return its code and what it wrote to stdout and stderr."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tiny_run.parents[1] / "state"))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = run_command([*arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_runs_are_named_by_arguments_or_model(say: Say) -> None:
    for command, kind in (("info", "run"), ("verify", "verification"), ("runs", "run")):
        by_name = say(command, "fox", "--json")
        assert (by_name[0], json.loads(by_name[1])["type"]) == (0, kind)
        assert say(command, "--model", "fox", "--json") == by_name
    assert say("info", "fox", "--model", "fox")[0] == 2
    assert say("runs", "fax")[0] == 4


def test_a_run_trained_for_a_measurement_is_listed_as_such(say: Say, tiny_run: Path) -> None:
    measured = Run(Path(shutil.copytree(tiny_run, tiny_run.with_name("measured"))))
    measured.write_record(replace(measured.record(), is_measurement=True))
    lines = {line.split()[0]: line for line in say("runs")[1].splitlines()}
    assert lines["measured"].endswith("finished, for a measurement")
    assert lines["fox"].endswith("finished")
    assert json.loads(say("info", "--json")[1])["name"] == "fox"


@pytest.mark.slow
def test_a_script_deletes_renames_and_copies_runs(say: Say, tiny_run: Path) -> None:
    assert say("runs", "--rename", "fox", "a b") == (0, "", "renamed the run 'fox' to 'a b'\n")
    assert "--resume 'a b'" in say("train", "--run", "a b", "--steps", "1")[2]
    told = say("runs", "--rename", "a b", "fox", "--json")[1]
    assert json.loads(told) == {"type": "renamed", "run": "fox", "was": "a b"}
    assert say("runs", "--copy", "fox", "twin") == (
        0,
        "",
        "copied the run 'fox' to 'twin'\n"
        "the newest run, which commands use by default, is now 'twin'\n",
    )
    assert say("verify", "twin")[0] == 0
    copied = json.loads(say("runs", "--copy", "fox", "third", "--json")[1])
    assert copied == {"type": "copied", "run": "third", "from": "fox"}
    assert say("runs", "--delete", "third", "--yes") == (
        0,
        "",
        "deleted the run 'third'\nthe newest run, which commands use by default, is now 'twin'\n",
    )
    assert say("runs", "--delete", "twin", "--yes", "--quiet") == (0, "", "")
    assert say("runs", "--delete", "fox", "--yes", "--json")[:2] == (
        0,
        '{"type": "deleted", "run": "fox"}\n',
    )
    assert list(Path("checkpoints").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("--delete", 2, "name the runs to delete, as in: textgen runs --delete RUN"),
        ("--delete fox", 2, "without a terminal to ask on, give --yes"),
        ("--delete fox none --yes", 4, "no run named 'none'"),
        ("--yes", 2, "--yes needs --delete"),
        ("--delete --rename fox b", 2, "--delete or --rename, not both"),
        ("--rename fox", 2, "textgen runs --rename OLD NEW"),
        ("--rename fox b c", 2, "textgen runs --rename OLD NEW"),
        ("--rename fox fox", 2, "the name 'fox' is taken; choose another, such as fox-2"),
        ("--rename fox ../b", 2, "a name without /"),
        ("--copy fox", 2, "textgen runs --copy OLD NEW"),
        ("--copy fox fox", 2, "the name 'fox' is taken; choose another, such as fox-2"),
        ("--copy fox ../b", 2, "a name without /"),
        ("--copy none b", 4, "no run named 'none'"),
        ("--copy --delete fox", 2, "--delete or --copy, not both"),
    ],
)
def test_what_cannot_be_deleted_or_renamed_is_told_and_kept(
    say: Say, tiny_run: Path, arguments: str, code: int, message: str
) -> None:
    before = sorted(Path("checkpoints").rglob("*"))
    found, out, err = say("runs", *arguments.split())
    assert (found, out, err.count("\n")) == (code, "", 1)
    assert message in err
    assert sorted(Path("checkpoints").rglob("*")) == before


def test_what_else_names_a_run_is_told(say: Say, tiny_run: Path) -> None:
    kept = KeptSessions(state_folder() / SESSIONS)
    sessions = kept.folder_of(Run(tiny_run))
    sessions.mkdir(parents=True)
    (sessions / "one.json").write_text("{}")
    ancestor = Ancestor(
        name="fox", step=20, sha256="0" * 64, origin=("fox.txt",), known_ids=9, first_loss=1.0
    )
    young = copy_run(Run(tiny_run), "young")
    young.write_record(replace(young.record(), ancestry=(ancestor,)))
    told = say("runs", "--rename", "fox", "old")[2]
    assert "runs that began from its weights name it 'fox' as before: 'young'\n" in told
    renamed = Run(tiny_run.with_name("old"))
    assert [path.name for path in kept.files_of(renamed)] == ["one.json"]
    assert not sessions.exists()
    told = say("runs", "--rename", "old", "fox")[2]
    told = say("runs", "--delete", "fox", "--yes")[2].splitlines()
    assert told == [
        "deleted the run 'fox'",
        "runs that began from its weights stay whole, and still name it: 'young'",
        f"1 saved session of it can no longer be continued, in {str(sessions)!r}",
    ]


def test_a_run_in_use_is_refused(say: Say, tiny_run: Path) -> None:
    with training_lock(tiny_run):
        code, _, err = say("runs", "--delete", "fox", "--yes")
    assert (code, "is being trained by process" in err) == (1, True)
    assert say("verify", "fox")[0] == 0


@pytest.mark.slow
def test_on_a_terminal_a_deletion_is_asked_about(say: Say, tiny_run: Path) -> None:
    for answer, told, is_kept in (("n", "nothing was deleted", True), ("y", "deleted the", False)):
        child = pexpect.spawn(
            sys.executable,
            ["-m", "textgen", "runs", "--delete", "fox"],
            encoding="utf-8",
            timeout=60,
        )
        child.expect(r"fox: 2 checkpoints, .*Delete 1 run for good\? \[y/N\]: ")
        child.sendline(answer)
        child.expect(told)
        child.expect(pexpect.EOF)
        assert tiny_run.exists() == is_kept


def test_the_labels_of_a_run_are_listed_with_their_documents(
    labelled_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["info", "kinds", "--no-lines"]) == 0
    shown = capsys.readouterr().out
    assert run_command(["info", "kinds", "--json", "--no-lines"]) == 0
    labels = json.loads(capsys.readouterr().out)["labels"]
    assert [field["name"] for field in labels] == ["kind", "language"]
    record = Run(labelled_run).record()
    for field in labels:
        assert sum(field["documents"]) == record.corpus.training_documents
        for value, count in zip(field["values"], field["documents"], strict=True):
            assert f"{value} ({count})" in shown
