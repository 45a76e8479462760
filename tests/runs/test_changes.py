import shutil
from pathlib import Path

import pytest

from textgen.errors import LockedError, RunNotFoundError, SettingError, UsageError
from textgen.runs.changes import delete_run, find_own_runs, rename_run
from textgen.runs.library import list_runs
from textgen.runs.lock import training_lock
from textgen.runs.run import Run


def make_run(path: Path) -> Path:
    """Make a folder that looks like a run."""
    path.mkdir(parents=True)
    (path / "run.json").write_text("{}")
    return path


def test_a_deleted_run_is_gone_with_all_that_an_interrupted_deletion_left() -> None:
    make_run(Path("checkpoints/a"))
    make_run(Path("checkpoints/.tmp-a"))
    make_run(Path("checkpoints/b"))
    for run in find_own_runs(["a", "checkpoints/a"]):
        delete_run(run)
    assert [path.name for path in Path("checkpoints").iterdir()] == ["b"]


def test_a_run_keeps_everything_under_its_new_name(tiny_run: Path) -> None:
    before = {path.relative_to(tiny_run) for path in tiny_run.rglob("*")}
    renamed = rename_run(Run(tiny_run), "old fox")
    assert {path.relative_to(renamed.path) for path in renamed.path.rglob("*")} == before
    assert [run.name for run in list_runs()] == ["old fox"]
    assert renamed.reference == "'old fox'"
    assert not renamed.problems()


@pytest.mark.parametrize("name", ["b", "file", "nowhere"])
def test_a_run_never_takes_the_place_of_something_else(name: str) -> None:
    run = Run(make_run(Path("checkpoints/a")))
    Path("checkpoints/b").mkdir()
    Path("checkpoints/file").write_text("")
    Path("checkpoints/nowhere").symlink_to("nothing")
    with pytest.raises(UsageError, match=f"the name '{name}' is taken; choose another, such as"):
        rename_run(run, name)
    assert run.exists()


@pytest.mark.parametrize("name", ["", "../a", "/tmp/a", ".a", "..", "b/c", "-a"])
def test_a_new_name_is_a_name_in_the_folder_of_runs(name: str) -> None:
    with pytest.raises(SettingError):
        rename_run(Run(make_run(Path("checkpoints/a"))), name)


def test_a_run_that_is_trained_is_neither_deleted_nor_renamed() -> None:
    run = Run(make_run(Path("checkpoints/a")))
    with training_lock(run.path):
        with pytest.raises(LockedError, match="is being trained by process"):
            delete_run(run)
        with pytest.raises(LockedError):
            rename_run(run, "b")
    assert run.exists()


def test_only_folders_in_the_folder_of_runs_may_be_changed(tmp_path: Path) -> None:
    make_run(Path("checkpoints/a"))
    make_run(tmp_path / "elsewhere")
    Path("checkpoints/link").symlink_to(tmp_path / "elsewhere")
    for name, problem in (("elsewhere", "is not in 'checkpoints'"), ("link", "is a link")):
        with pytest.raises(UsageError, match=problem):
            find_own_runs(["a", name])
    with pytest.raises(RunNotFoundError):
        find_own_runs(["a", "none"])
    shutil.rmtree("checkpoints/a")
    assert (tmp_path / "elsewhere/run.json").exists()
