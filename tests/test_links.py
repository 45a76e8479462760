"""Nothing in a run leads out of it: no link in it is followed, whatever is done with the run."""

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from textgen.errors import DamagedError, StorageError, TextgenError
from textgen.runs.changes import find_own_runs
from textgen.runs.checkpoint import is_described, verify_checkpoint
from textgen.runs.files import TEMPORARY, remove_whole
from textgen.runs.library import find_run
from textgen.runs.run import METRICS, ORIGINS, RECORD, SUMS, TOKENS, Run, write_derived_run
from textgen.runs.trace_index import NAME as INDEX
from textgen.terminal.cli import run_command
from textgen.workflows.resume import resume_training
from textgen.workflows.supervise import Supervision


def content_of(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder, and the names of the folders."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        if path.is_file()
        else ""
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def mine(tiny_run: Path) -> Path:
    """Return a run of the user's, with what an interrupted write left in it."""
    mine = Path(shutil.copytree(tiny_run, tiny_run.with_name("mine")))
    (mine / "checkpoints" / f"{TEMPORARY}left").mkdir()
    return mine


@pytest.fixture
def evil(tiny_run: Path, mine: Path) -> Path:
    """Return a run whose folder of checkpoints leads to those of another run."""
    evil = tiny_run.rename(tiny_run.with_name("evil"))
    shutil.rmtree(evil / "checkpoints")
    (evil / "checkpoints").symlink_to("../mine/checkpoints")
    return evil


@pytest.mark.parametrize(
    "command",
    [
        "train --resume evil",
        "train --resume evil --steps 20",
        "train --from evil fox.txt --steps 2",
        "sample evil --length 5",
        "inspect evil fox",
        "score evil fox.txt",
        "evaluate evil",
        "export evil page.html",
        "verify evil",
        "info evil",
        "runs --json",
    ],
)
def test_a_link_to_the_checkpoints_of_another_run_is_refused(
    corpus: Path, mine: Path, evil: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = content_of(mine)
    code = run_command(command.split())
    written = capsys.readouterr()
    assert "it is a link" in written.err + written.out
    assert code == (0 if command.startswith("runs") else 4)
    assert content_of(mine) == before


def test_no_method_of_a_run_goes_through_a_link_to_other_checkpoints(
    mine: Path, evil: Path
) -> None:
    run, source = Run(evil), Run(mine).load(20, train_state=True)
    before = content_of(mine)
    for work in (
        run.steps,
        run.best_step,
        run.validation_losses,
        run.progress,
        run.remove_leftovers,
        lambda: run.load(20),
        lambda: run.manifest(20),
        lambda: run.prune(1),
        lambda: run.remove([10]),
        lambda: run.set_aside(10),
        lambda: list(resume_training("evil", Supervision())),
    ):
        with pytest.raises(DamagedError, match=r"checkpoints.*it is a link"):
            work()
    with pytest.raises(StorageError, match="it is a link"):
        run.save(source)
    assert [str(problem) for problem in run.problems()] == [
        f"{str(evil / 'checkpoints')!r} is damaged: it is a link; nothing in a run is followed "
        "through one"
    ]
    assert content_of(mine) == before


@pytest.mark.slow
def test_a_link_to_one_checkpoint_is_set_aside_and_its_target_stays(
    tiny_run: Path, mine: Path
) -> None:
    before, run = content_of(mine), Run(tiny_run)
    for step in (10, 20):
        shutil.rmtree(run.folder(step))
        run.folder(step).symlink_to(Run(mine).folder(step).resolve())
        with pytest.raises(DamagedError, match="it is a link"):
            verify_checkpoint(run.folder(step))
        assert not is_described(run.folder(step))
    assert len([one for one in run.problems() if "it is a link" in str(one)]) == 2
    list(resume_training("fox", Supervision()))
    assert content_of(mine) == before
    assert run.steps() == [10, 20]
    assert run.problems() == []
    run.remove([10])
    run.folder(10).symlink_to(Run(mine).folder(10).resolve())
    run.remove([10])
    assert content_of(mine) == before


@pytest.mark.parametrize("name", [RECORD, TOKENS, SUMS, ORIGINS, METRICS, INDEX])
def test_no_file_of_a_run_is_read_through_a_link(
    tiny_run: Path, mine: Path, corpus: Path, name: str
) -> None:
    if name == INDEX:
        for run in (tiny_run, mine):
            assert run_command(["trace", "fox.txt", "--model", str(run)]) == 0
    (tiny_run / name).unlink()
    (tiny_run / name).symlink_to(mine / name)
    assert (tiny_run / name).read_bytes()
    assert any("not a regular file" in str(problem) for problem in Run(tiny_run).problems())
    (tiny_run / name).unlink()
    os.mkfifo(tiny_run / name)
    assert any("not a regular file" in str(problem) for problem in Run(tiny_run).problems())


def test_no_row_of_metrics_is_written_through_a_link(tiny_run: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("text")
    for target in (tmp_path / "precious", tmp_path / "missing"):
        (tiny_run / METRICS).unlink()
        (tiny_run / METRICS).symlink_to(target)
        with pytest.raises(TextgenError, match="not a regular file"):
            Run(tiny_run).add_metrics([{"step": 30}])
    assert (tmp_path / "precious").read_text() == "text"
    assert not (tmp_path / "missing").exists()


def test_no_text_of_the_user_is_copied_through_a_link(tiny_run: Path, tmp_path: Path) -> None:
    run = Run(tiny_run)
    checkpoint, record = run.load(20, train_state=True), run.record()
    (tmp_path / "secret").write_text("text")
    for name in (TOKENS, "corpus.labels"):
        copied = Path(shutil.copytree(tiny_run, tmp_path / f"with-{name}"))
        (copied / name).unlink(missing_ok=True)
        (copied / name).symlink_to(tmp_path / "secret")
        with pytest.raises(DamagedError, match="not a regular file"):
            write_derived_run(tmp_path / "new", Run(copied), record, checkpoint, [])
        assert not (tmp_path / "new").exists()


def test_only_a_link_is_removed_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_text("text")
    (tmp_path / "link").symlink_to("folder")
    remove_whole(tmp_path / "link")
    assert (tmp_path / "folder" / "file").read_text() == "text"
    remove_whole(tmp_path / "folder")
    assert not any(tmp_path.iterdir())


def test_a_run_that_is_a_link_itself_is_followed_but_never_deleted(
    tiny_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny_run.with_name("linked").symlink_to(tiny_run)
    assert run_command(["sample", "linked", "--length", "5"]) == 0
    assert Run(tiny_run.with_name("linked")).problems() == []
    with pytest.raises(TextgenError, match="is a link"):
        find_own_runs(["linked"])
    assert find_run("fox").steps() == [10, 20]
