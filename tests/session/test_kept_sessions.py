"""Sessions that are saved by themselves: private, the last ten, and none in place of another."""

import os
import stat
from pathlib import Path

import pytest

from tests.session.sessions import MODELS, random_session, transcript
from textgen.errors import DamagedError
from textgen.runs.run import Run
from textgen.session.commands import Session
from textgen.session.kept_sessions import MOST_KEPT, KeptSessions
from textgen.session.session_file import read_session

FOLDER = Path("state/textgen/sessions")


@pytest.fixture
def folder(own_folder: Path) -> Path:
    return own_folder / FOLDER


def files(folder: Path, name: str = "random-0") -> list[Path]:
    """Return the files of the sessions of a run, the newest first."""
    return KeptSessions(folder).files_of(MODELS[name].run)


def hold(session: Session, sessions: KeptSessions, *lines: str) -> None:
    """Hold a conversation that is saved after each line."""
    for line in lines:
        transcript(session, line)
        sessions.keep(session.conversation)


def test_a_session_is_kept_as_it_stands_and_only_the_user_can_read_it(folder: Path) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "/set top_k 4", "/branch here", "/undo")
    assert not folder.exists()  # there is no turn yet
    assert not sessions.has_kept
    hold(session, sessions, "abc", "/set temp 0.5", "/branch there", "", "/undo")
    assert sessions.has_kept
    (path,) = files(folder)
    assert read_session(path) == session.conversation.saved()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for above in (path.parent, folder, folder.parent):
        assert stat.S_IMODE(above.stat().st_mode) == 0o700
    assert os.listdir(path.parent) == [path.name]
    version = path.stat()
    hold(session, sessions, "/show", "/tree", "/words 2")
    assert path.stat() == version  # nothing has changed, so nothing is written


def test_a_continued_session_is_saved_in_its_own_file(folder: Path) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "abc", "def")
    (path,) = files(folder)
    other, others = random_session(), KeptSessions(folder)
    saved, version = others.read(path)
    list(other.conversation.restore(saved))
    others.go_on_with(other.conversation, path, version)
    others.keep(other.conversation)
    hold(other, others, "ghi")
    assert files(folder) == [path]
    assert read_session(path) == other.conversation.saved()
    assert len(read_session(path).turns) == 3


def test_two_sessions_at_once_do_not_overwrite_each_other(folder: Path) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "abc")
    (path,) = files(folder)
    continued = []
    for text in ("def", "ghi"):
        other, others = random_session(), KeptSessions(folder)
        saved, version = others.read(path)
        list(other.conversation.restore(saved))
        others.go_on_with(other.conversation, path, version)
        continued.append((other, others, text))
    # All three go on with what one file held.
    for other, others, text in continued:
        hold(other, others, text)
    hold(session, sessions, "jkl", "mno")
    kept = {tuple(turn.typed for turn in read_session(each).turns) for each in files(folder)}
    assert kept == {("abc", "def"), ("abc", "ghi"), ("abc", "jkl", "mno")}


def test_the_text_before_clear_or_another_run_keeps_its_file(folder: Path) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "abc", "/clear", "def", "/undo", "/undo", "ghi", "/model random-1", "")
    kept = {tuple(turn.typed for turn in read_session(each).turns) for each in files(folder)}
    assert kept == {("abc", "ghi"), ("def",)}
    (other,) = files(folder, "random-1")
    assert [turn.typed for turn in read_session(other).turns] == ["abc", "ghi", ""]


def test_the_last_ten_are_kept_for_each_run(folder: Path) -> None:
    for number in range(MOST_KEPT + 3):
        hold(random_session(), KeptSessions(folder), "a" * (number + 1))
        for age, path in enumerate(files(folder)):
            os.utime(path, (1000 - age, 1000 - age))
    hold(random_session("random-1"), KeptSessions(folder), "abc")
    kept = [len(read_session(path).turns[0].typed) for path in files(folder)]
    assert kept == [*range(MOST_KEPT + 3, 3, -1)]
    assert len(files(folder, "random-1")) == 1


def test_runs_of_one_name_in_two_places_have_sessions_of_their_own(folder: Path) -> None:
    hold(random_session(), KeptSessions(folder), "abc")
    assert len(KeptSessions(folder).files_of(Run(Path("random-0")))) == 1
    assert KeptSessions(folder).files_of(Run(Path("elsewhere/random-0"))) == []
    name = "\u4e2d" * 80  # 240 bytes, of the 255 that a name may have
    assert KeptSessions(folder).files_of(Run(Path(name))) == []


def test_no_link_is_followed(folder: Path, tmp_path: Path) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "abc")
    (path,) = files(folder)
    precious = tmp_path / "precious"
    precious.write_bytes(path.read_bytes())
    path.unlink()
    path.symlink_to(precious)
    before = precious.read_bytes()
    hold(session, sessions, "def")
    assert precious.read_bytes() == before
    assert files(folder) != [path]
    assert path.is_symlink()
    with pytest.raises(DamagedError, match="not a regular file"):
        sessions.read(path)


@pytest.mark.parametrize("depth", [0, 1])
def test_no_linked_folder_is_written_to(folder: Path, tmp_path: Path, depth: int) -> None:
    hold(random_session(), KeptSessions(folder), "abc")
    linked = (folder, files(folder)[0].parent)[depth]
    linked.rename(tmp_path / "moved")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    linked.symlink_to(elsewhere)
    (elsewhere / "mine.json").write_text("text")
    if depth:
        assert KeptSessions(folder).files_of(MODELS["random-0"].run) == []
    with pytest.raises(NotADirectoryError):
        hold(random_session(), KeptSessions(folder), "abc")
    assert os.listdir(elsewhere) == ["mine.json"]


def test_a_session_that_cannot_be_saved_leaves_the_last_one_and_no_other_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session, sessions = random_session(), KeptSessions(folder)
    hold(session, sessions, "abc")
    (path,) = files(folder)
    before = path.read_bytes()

    def fail(source: Path, target: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space"):
        hold(session, sessions, "def")
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]
