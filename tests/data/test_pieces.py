from pathlib import Path

import pytest

from textgen.data import pieces as module
from textgen.data.formats.kinds import Kind
from textgen.data.pieces import pieces_of
from textgen.data.read_report import FileReport, ReadReport
from textgen.data.source_rules import SourceRules
from textgen.errors import CorpusError


def read(path: Path, kind: Kind) -> tuple[list[str], ReadReport]:
    """Return the texts of a file, and what was noted."""
    report = ReadReport()
    with path.open("rb") as file:
        found = pieces_of(file, kind, SourceRules(), report, FileReport(str(path), kind))
        return [piece.text for piece in found if piece.text], report


def test_what_json_escapes_is_cleaned_like_other_text(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "e\\u0301\\r\\nx"}\n')
    assert read(path, "jsonl")[0] == ["\u00e9\nx"]
    path.write_text('{"text": "half \\ud800"}\n')
    with pytest.raises(CorpusError, match="half a character"):
        read(path, "jsonl")


@pytest.mark.parametrize("kind", ["json", "html"])
def test_a_large_file_that_is_held_in_memory_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setattr(module, "LARGE_BYTES", 10)
    path = tmp_path / "a"
    path.write_text('["a text", "another"]' if kind == "json" else "<p>a text</p>")
    _, report = read(path, kind)
    assert any("is held in memory whole" in change for change in report.changes())
