import os
from pathlib import Path

import pytest

from tests.runs.test_changes import make_run
from textgen.runs.names import known_labels, run_folders, runs_folder
from textgen.runs.run import Run


def test_the_run_with_the_newest_checkpoint_comes_first() -> None:
    for age, name in enumerate(("b", "a", "c")):
        folder = make_run(Path("checkpoints") / name) / "checkpoints"
        folder.mkdir()
        os.utime(folder, (0, 1000 - age // 2))
    make_run(Path("checkpoints/.tmp-d"))
    Path("checkpoints/no-run").mkdir()
    Path("checkpoints/file").write_text("")
    # Of two of the same age, the first by name.
    assert [path.name for path in run_folders()] == ["a", "b", "c"]


def test_the_folder_of_runs_may_be_missing_or_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert run_folders() == []
    monkeypatch.setenv("TEXTGEN_CHECKPOINTS", "elsewhere")
    make_run(Path("elsewhere/a"))
    assert (runs_folder(), run_folders()) == (Path("elsewhere"), [Path("elsewhere/a")])


def test_the_labels_are_those_of_the_record(labelled_run: Path, tmp_path: Path) -> None:
    fields = Run(labelled_run).record().config.labels
    assert known_labels(labelled_run) == [(one.name, [*one.values]) for one in fields]
    assert len(fields) == 2
    assert known_labels(make_run(tmp_path / "damaged")) == []
    assert known_labels(tmp_path / "none") == []
