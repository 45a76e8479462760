import os
from pathlib import Path

import pytest

from textgen.data.folders import files_of, stamp_of
from textgen.data.read_report import ReadReport
from textgen.errors import CorpusError


def test_files_are_in_the_order_of_their_paths_and_others_are_told(tmp_path: Path) -> None:
    for folder in ("b", ".git", "run", "a b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.txt").write_text("x")
    (tmp_path / "run" / "run.json").touch()
    for name in ("a.txt", "z.txt~", "z.txt.bak", ".hidden"):
        (tmp_path / name).touch()
    (tmp_path / "link").symlink_to(tmp_path / "b")
    os.mkfifo(tmp_path / "pipe")
    report = ReadReport()
    found = [Path(path).relative_to(tmp_path).as_posix() for path in files_of(tmp_path, report)]
    assert found == ["a b/x.txt", "a.txt", "b/x.txt"]
    told = {Path(name).name: why for name, why in report.passed_over}
    assert told == {"link": "a link to a folder", "z.txt~": "a backup", "z.txt.bak": "a backup"}


def test_paths_are_written_as_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    for name in ("a.txt", "inner/b.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path / "inner")
    assert files_of(Path(".."), ReadReport()) == ["../a.txt", "../inner/b.txt"]
    monkeypatch.chdir(tmp_path)
    for folder in (".", "./"):
        assert files_of(Path(folder), ReadReport()) == ["a.txt", "inner/b.txt"]


def test_a_stamp_changes_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("x")
    before = stamp_of(path)
    assert stamp_of(path) == before
    path.write_text("xy")
    assert stamp_of(path) != before
    path.unlink()
    with pytest.raises(CorpusError, match="no such file"):
        stamp_of(path)
