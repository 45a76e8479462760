import os
import stat
from pathlib import Path

import pytest

from textgen.terminal.repl.history import history_file


def test_the_history_is_the_users_alone(tmp_path: Path) -> None:
    environment = {"XDG_STATE_HOME": str(tmp_path / "state")}
    path = history_file(environment)
    assert path == tmp_path / "state" / "textgen" / "history"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("+typed\n")
    path.chmod(0o644)
    assert history_file(environment) == path
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text() == "+typed\n"


def test_without_a_state_folder_it_lies_in_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for home in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert history_file(home) == tmp_path / ".local" / "state" / "textgen" / "history"


def test_a_history_that_cannot_be_had_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert history_file({"XDG_STATE_HOME": str(tmp_path / "file")}) is None
    (tmp_path / "a" / "textgen" / "history").mkdir(parents=True)
    assert history_file({"XDG_STATE_HOME": str(tmp_path / "a")}) is None
    (tmp_path / "b" / "textgen").mkdir(parents=True)
    os.mkfifo(tmp_path / "b" / "textgen" / "history")
    assert history_file({"XDG_STATE_HOME": str(tmp_path / "b")}) is None
    (tmp_path / "c" / "textgen").mkdir(parents=True)
    (tmp_path / "c" / "textgen" / "history").symlink_to(tmp_path / "file")
    assert history_file({"XDG_STATE_HOME": str(tmp_path / "c")}) is None
