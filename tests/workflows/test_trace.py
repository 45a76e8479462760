from pathlib import Path

import pytest

from tests.conftest import TEXT
from textgen.errors import CorpusError, RunNotFoundError, SettingError, UsageError
from textgen.runs.files import encode_json, read_json
from textgen.runs.run import ORIGINS
from textgen.workflows import trace as workflow
from textgen.workflows.trace import trace_text


def test_a_text_is_traced_to_its_lines_and_the_index_is_kept(tiny_run: Path) -> None:
    shares: list[float] = []
    line = TEXT.split("\n")[0]
    found = trace_text("fox", ["XX", line[:30], line[30:] + "\n" + line], 20, shares.append)
    [only] = found.stretches
    assert (only.begin, len(only)) == (2, 2 * len(line) + 1)
    assert (only.first.number, only.last.number) == (1, 2)
    assert Path(only.first.file).name == "fox.txt"
    # The last 4 of 40 lines are held out.
    assert only.places == 35
    assert shares[-1] == 1
    shares.clear()
    trace_text("fox", [line], 20, shares.append)
    assert shares == []


def test_a_run_without_origins_tells_the_line_of_the_training_text(tiny_run: Path) -> None:
    record = read_json(tiny_run / "run.json")
    del record["corpus"]["origins_sha256"], record["sha256"]
    (tiny_run / "run.json").write_bytes(encode_json(record))
    (tiny_run / ORIGINS).unlink()
    [only] = trace_text("fox", [TEXT[20:200]], 20).stretches
    assert (only.first.file, only.first.number) == ("the training text", 1)
    assert only.last.number == 3


def test_a_run_that_has_not_kept_its_text_is_refused(tiny_run: Path) -> None:
    record = read_json(tiny_run / "run.json")
    del record["sha256"]
    record["corpus"]["kept"] = False
    (tiny_run / "run.json").write_bytes(encode_json(record))
    with pytest.raises(UsageError, match="has not kept"):
        trace_text("fox", [TEXT], 20)


def test_wrong_values_are_told_before_anything_is_read(tiny_run: Path) -> None:
    for least in (4, 10_001, 7.5):
        with pytest.raises(SettingError):
            trace_text("nobody", [TEXT], least)  # type: ignore[arg-type]
    with pytest.raises(RunNotFoundError):
        trace_text("nobody", [TEXT], 20)
    with pytest.raises(CorpusError, match="empty"):
        trace_text("fox", ["", ""], 20)


def test_a_text_that_is_too_long_is_refused(
    tiny_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workflow, "MAX_TEXT", 100)
    with pytest.raises(CorpusError, match="trace it in parts"):
        trace_text("fox", [TEXT], 20)
