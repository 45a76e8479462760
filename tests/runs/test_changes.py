import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from textgen.errors import (
    DamagedError,
    LockedError,
    RunNotFoundError,
    SettingError,
    StorageError,
    UsageError,
)
from textgen.runs.ancestry import Ancestor
from textgen.runs.changes import copy_run, delete_run, descendants, find_own_runs, rename_run
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
    for change in (rename_run, copy_run):
        with pytest.raises(UsageError, match=f"the name '{name}' is taken; choose another, such"):
            change(run, name)
    assert run.exists()


@pytest.mark.parametrize("name", ["", "../a", "/tmp/a", ".a", "..", "b/c", "-a"])
def test_a_new_name_is_a_name_in_the_folder_of_runs(name: str) -> None:
    run = Run(make_run(Path("checkpoints/a")))
    for change in (rename_run, copy_run):
        with pytest.raises(SettingError):
            change(run, name)


def test_a_run_that_is_trained_is_not_changed() -> None:
    run = Run(make_run(Path("checkpoints/a")))
    with training_lock(run.path):
        with pytest.raises(LockedError, match="is being trained by process"):
            delete_run(run)
        with pytest.raises(LockedError):
            rename_run(run, "b")
    assert run.exists()
    assert [path.name for path in Path("checkpoints").iterdir()] == ["a"]


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


def test_a_copy_has_the_same_files_and_goes_its_own_way(tiny_run: Path) -> None:
    (tiny_run / "lock").touch()
    (tiny_run / ".tmp-1").write_text("left by a write")
    told: list[int] = []
    copy = copy_run(Run(tiny_run), "twin", told.append)
    before, after = (
        {path.relative_to(run): path.read_bytes() for path in run.rglob("*") if path.is_file()}
        for run in (tiny_run, copy.path)
    )
    for left_out in ("lock", ".tmp-1"):
        del before[Path(left_out)]
    assert after == before
    assert told[-1] == sum(map(len, after.values()))
    assert not copy.problems()
    copy.remove(copy.steps())
    assert Run(tiny_run).steps() == [10, 20]


def test_a_run_that_is_trained_is_copied_without_what_vanishes_meanwhile(tiny_run: Path) -> None:
    run, told = Run(tiny_run), list[int]()

    def train(copied: int) -> None:
        # After the first file of the newest checkpoint, the training removes the older one.
        if not told:
            run.remove([10])
        told.append(copied)

    with training_lock(tiny_run):
        copy = copy_run(run, "twin", train)
        assert copy.steps() == [20]
        assert copy.problems() == []
        assert (tiny_run / "lock").exists()
    assert not (copy.path / "lock").exists()
    assert {row["step"] for row in copy.metrics()} == {10, 20}


def test_a_checkpoint_that_vanishes_half_copied_is_left_out(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, copied, original = Run(tiny_run), list[Path](), shutil.copyfile

    def copyfile(source: Path, target: Path, **options: bool) -> None:
        if source.parent.name == "step-00000010" and copied[-1].parent == source.parent:
            run.remove([10])
        copied.append(source)
        original(source, target, **options)

    monkeypatch.setattr(shutil, "copyfile", copyfile)
    copy = copy_run(run, "twin")
    assert copy.steps() == [20]
    assert copy.problems() == []
    assert [path.name for path in (copy.path / "checkpoints").iterdir()] == ["step-00000020"]


def test_a_link_in_the_place_of_a_checkpoint_is_not_followed(
    tiny_run: Path, tmp_path: Path
) -> None:
    (tmp_path / "outside").mkdir()
    (tiny_run / "checkpoints" / "step-00000030").symlink_to(tmp_path / "outside")
    with pytest.raises(DamagedError, match="neither a file nor a folder"):
        copy_run(Run(tiny_run), "twin")
    assert [path.name for path in Path("checkpoints").iterdir()] == ["fox"]


def test_what_is_no_file_is_not_copied_and_leaves_nothing(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tiny_run / "checkpoints" / "link").symlink_to(tmp_path / "secret")
    with pytest.raises(DamagedError, match="link' is damaged: neither a file nor a folder"):
        copy_run(Run(tiny_run), "twin")
    assert [path.name for path in Path("checkpoints").iterdir()] == ["fox"]


def test_a_copy_that_cannot_be_written_leaves_nothing(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(StorageError, match="no space left"):
        copy_run(Run(tiny_run), "twin")
    assert [path.name for path in Path("checkpoints").iterdir()] == ["fox"]


def test_a_deletion_follows_no_link_in_a_run(tmp_path: Path) -> None:
    run = make_run(Path("checkpoints/a"))
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "kept").write_text("kept")
    (run / "checkpoints").symlink_to(tmp_path / "outside")
    delete_run(Run(run))
    assert not run.exists()
    assert (tmp_path / "outside" / "kept").read_text() == "kept"


def test_the_runs_that_began_from_a_run_are_found(tiny_run: Path) -> None:
    ancestor = Ancestor(
        name="fox", step=20, sha256="0" * 64, origin=("fox.txt",), known_ids=9, first_loss=1.0
    )
    young = copy_run(Run(tiny_run), "young")
    young.write_record(replace(young.record(), ancestry=(ancestor,)))
    make_run(Path("checkpoints/damaged"))
    assert descendants(Run(tiny_run)) == ["young"]
    assert descendants(young) == []
