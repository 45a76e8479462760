import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from textgen.errors import (
    DamagedError,
    LockedError,
    RunError,
    RunExistsError,
    RunNotFoundError,
    SettingError,
    StorageError,
)
from textgen.runs.checkpoint import is_described, write_checkpoint
from textgen.runs.library import find_run, list_runs, new_run_path
from textgen.runs.lock import training_lock
from textgen.runs.run import Run
from textgen.runs.summary import summarise


def copy_step(run: Path, step: int, loss: float | None) -> None:
    """Save the tiny run's last checkpoint again under another step."""
    import dataclasses

    source = Run(run).load(20, train_state=True)
    Run(run).save(dataclasses.replace(source, step=step, validation_loss=loss))


def test_a_run_has_the_files_of_the_design(tiny_run: Path) -> None:
    assert {path.name for path in tiny_run.iterdir()} == {
        "run.json",
        "corpus.tokens",
        "corpus.sums",
        "corpus.origins",
        "metrics.jsonl",
        "lock",
        "checkpoints",
    }
    assert Run(tiny_run).steps() == [10, 20]


def test_the_best_is_the_lowest_recorded_loss_and_the_latest_the_highest_step(
    tiny_run: Path,
) -> None:
    run = Run(tiny_run)
    copy_step(tiny_run, 30, 0.5)
    copy_step(tiny_run, 40, 0.25)
    copy_step(tiny_run, 50, 0.75)
    copy_step(tiny_run, 60, None)
    assert run.best_step() == 40
    assert run.steps()[-1] == 60


def test_pruning_keeps_the_newest_and_the_best(tiny_run: Path) -> None:
    run = Run(tiny_run)
    for step, loss in ((30, 0.25), (40, 0.5), (50, 0.75), (60, None)):
        copy_step(tiny_run, step, loss)
    run.prune(2)
    assert run.steps() == [30, 50, 60]
    run.prune(1)
    assert run.steps() == [30, 60]
    assert not list((tiny_run / "checkpoints").glob(".tmp-*"))


def test_leftovers_of_an_interrupted_write_are_not_seen_and_are_removed(tiny_run: Path) -> None:
    run = Run(tiny_run)
    leftover = tiny_run / "checkpoints" / ".tmp-step-00000030-123"
    leftover.mkdir()
    (leftover / "model.safetensors").write_bytes(b"half")
    assert run.steps() == [10, 20]
    assert run.problems() == []
    run.remove_leftovers()
    assert not leftover.exists()


def test_a_torn_last_row_is_ignored_and_rows_after_a_step_are_cut(tiny_run: Path) -> None:
    run, path = Run(tiny_run), tiny_run / "metrics.jsonl"
    assert [row["step"] for row in run.metrics()] == [10, 20]
    with path.open("a") as file:
        file.write('{"step": 30, "train')
    assert [row["step"] for row in run.metrics()] == [10, 20]
    run.cut_metrics(10)
    assert [json.loads(line)["step"] for line in path.read_text().splitlines()] == [10]
    for bad in (b"nonsense", b"\xff", b"[]", b"{}"):
        path.write_bytes(b'{"step": 1}\n' + bad + b'\n{"step": 2}\n')
        with pytest.raises(DamagedError, match="line 2"):
            run.metrics()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"garbage\n", "its last line is not a row"),
        (b"gar", "it holds no row"),
        (None, "the file is missing"),
        (b'{"step": 20, "validation_bits_per_character": 1.5}\n', "row of step 20 differs"),
        (b'{"step": 20}\n', "row of step 20 differs"),
    ],
)
def test_damaged_metrics_are_named(tiny_run: Path, content: bytes | None, problem: str) -> None:
    path, run = tiny_run / "metrics.jsonl", Run(tiny_run)
    assert run.problems() == []
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + '{"step": 2')  # as a kill in the middle of a row leaves it
    assert run.problems() == []
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    (found,) = run.problems()
    assert "metrics.jsonl" in str(found)
    assert problem in str(found)


def test_a_checkpoint_pruned_while_it_is_verified_is_no_damage(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, steps = Run(tiny_run), Run.steps
    monkeypatch.setattr(Run, "steps", lambda self: [5, *steps(self)])  # 5 was there when listed
    assert run.problems() == []
    (run.folder(10) / "config.json").unlink()
    assert len(run.problems()) == 1


def test_rows_that_do_not_fit_on_the_disk_leave_no_part_of_themselves(tiny_run: Path) -> None:
    import resource

    path = tiny_run / "metrics.jsonl"
    before = path.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + 50, limits[1]))
    try:
        with pytest.raises(StorageError, match=r"metrics\.jsonl"):
            Run(tiny_run).add_metrics([{"step": step} for step in range(30, 60)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_bytes() == before


def test_a_run_that_lost_all_its_checkpoints_is_no_sound_run(tiny_run: Path) -> None:
    import shutil

    shutil.rmtree(tiny_run / "checkpoints")
    (problem,) = Run(tiny_run).problems()
    assert "has no checkpoint left" in str(problem)
    # Killed between the first row and the first checkpoint, it has lost nothing.
    Run(tiny_run).cut_metrics(10)
    assert Run(tiny_run).problems() == []


def test_problems_are_found_in_every_file(tiny_run: Path) -> None:
    run = Run(tiny_run)
    assert run.problems() == []
    for name in (
        "run.json",
        "corpus.tokens",
        "corpus.sums",
        "checkpoints/step-00000010/model.safetensors",
        "checkpoints/step-00000020/train_state.safetensors",
    ):
        path = tiny_run / name
        whole = path.read_bytes()
        path.write_bytes(whole[:30] + bytes([whole[30] ^ 4]) + whole[31:])
        assert [name.split("/")[-1] in str(problem) for problem in run.problems()] == [True], name
        path.write_bytes(whole)


def test_a_run_without_checkpoints_says_how_to_go_on(tiny_run: Path) -> None:
    import shutil

    shutil.rmtree(tiny_run / "checkpoints")
    with pytest.raises(RunError, match="--resume fox"):
        Run(tiny_run).best_step()


def test_a_run_is_found_by_name_by_path_and_as_the_newest(tiny_run: Path) -> None:
    import shutil

    other = tiny_run.parent / "other"
    shutil.copytree(tiny_run, other)
    older = (tiny_run / "checkpoints").stat().st_mtime - 900
    os.utime(other / "checkpoints", (older, older))
    assert find_run("other").path == Path("checkpoints/other")
    assert find_run(str(tiny_run)).path == tiny_run
    assert find_run(None).name == "fox"
    assert [run.name for run in list_runs()] == ["fox", "other"]
    with pytest.raises(RunNotFoundError, match=r"no run named 'fix'.*fox, other"):
        find_run("fix")


def test_a_run_made_for_a_measurement_is_found_by_its_name_and_is_not_the_newest(
    tiny_run: Path,
) -> None:
    measured = Run(Path(shutil.copytree(tiny_run, tiny_run.with_name("measured"))))
    old = (measured.path / "run.json").read_bytes()
    measured.write_record(measured.record())
    assert (measured.path / "run.json").read_bytes() == old  # other runs are written as before
    measured.write_record(replace(measured.record(), is_measurement=True))
    assert measured.record().is_measurement
    older = (tiny_run / "checkpoints").stat().st_mtime - 900
    os.utime(tiny_run / "checkpoints", (older, older))
    assert find_run(None).name == "fox"
    assert find_run("measured").path == Path("checkpoints/measured")
    assert [summarise(run)["measurement"] for run in list_runs()] == [True, False]
    (tiny_run / "run.json").write_text("?")
    assert find_run(None).name == "fox"  # so that the damage is told
    shutil.rmtree(tiny_run)
    told = r"^only runs that were trained for a measurement in 'checkpoints'; name one: measured$"
    with pytest.raises(RunNotFoundError, match=told):
        find_run(None)
    shutil.rmtree(measured.path)
    with pytest.raises(RunNotFoundError, match=r"no run in 'checkpoints'; make one"):
        find_run(None)


def test_the_folder_of_runs_can_be_elsewhere(
    tiny_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTGEN_CHECKPOINTS", str(tmp_path / "elsewhere"))
    with pytest.raises(RunNotFoundError, match=r"no run in .*elsewhere.*textgen train"):
        find_run(None)
    tiny_run.parent.rename(tmp_path / "elsewhere")
    assert find_run("fox").exists()


def test_a_new_run_is_named_after_its_corpus_and_never_replaces_one(tiny_run: Path) -> None:
    text = Path("my book.txt")
    text.write_text("x")
    assert new_run_path(None, text) == Path("checkpoints/my-book")
    Path("fox.txt").write_text("x")
    assert new_run_path(None, Path("fox.txt")).name == "fox-2"
    assert new_run_path("fresh", text) == Path("checkpoints/fresh")
    with pytest.raises(RunExistsError, match=r"--resume fox.*--run fox-2"):
        new_run_path("fox", text)


@pytest.mark.parametrize("name", ["", "/", "..", "a/..", "x" * 300, "-x"])
def test_what_cannot_be_a_name_is_refused(tiny_run: Path, name: str) -> None:
    with pytest.raises(SettingError, match="run must be a name or a path"):
        new_run_path(name, Path("book.txt"))
    with pytest.raises(RunNotFoundError):
        find_run(name)


def test_a_run_elsewhere_is_called_by_its_path(tiny_run: Path, tmp_path: Path) -> None:
    assert Run(tiny_run).reference == "fox"
    tiny_run.rename(tmp_path / "mine")
    assert Run(Path("./mine")).reference == "mine"
    assert find_run("./mine").exists()
    with pytest.raises(RunExistsError, match=r"--resume .*mine.*--run .*mine-2"):
        new_run_path(str(tmp_path / "mine"), Path("book.txt"))


def test_a_checkpoint_pruned_while_the_best_is_looked_for_is_passed_over(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Run, "steps", lambda self: [5, 10, 20])  # 5 was there when they were listed
    assert Run(tiny_run).best_step() in (10, 20)


def test_a_run_is_locked_by_a_living_process_and_freed_by_its_death(tiny_run: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from textgen.runs.lock import training_lock\n"
        "with training_lock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tiny_run)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    with holder, holder.stdout:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(LockedError, match=f"process {holder.pid}"), training_lock(tiny_run):
            pass
        holder.kill()
    with training_lock(tiny_run):
        assert (tiny_run / "lock").read_text() == str(os.getpid())


def test_a_run_without_described_models_goes_on_without(tiny_run: Path) -> None:
    run = Run(tiny_run)
    assert is_described(run.folder(20))
    last = run.load(20, train_state=True)
    run.save(replace(last, step=30))
    assert is_described(run.folder(30))
    write_checkpoint(run.folder(40), replace(last, step=40), is_described=False)
    run.save(replace(last, step=50))
    assert not is_described(run.folder(50))
    assert not run.problems()
