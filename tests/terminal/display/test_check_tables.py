from pathlib import Path

import pytest

from textgen.data.source_rules import SourceRules
from textgen.readable import width
from textgen.terminal.display.check_tables import format_check
from textgen.workflows import check as module
from textgen.workflows.check import check_text


@pytest.mark.parametrize("columns", [None, 100, 60, 20])
def test_a_check_fits_the_terminal_and_shows_odd_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int | None
) -> None:
    monkeypatch.setattr(module, "product_speed", lambda mesh, repeats: 1e9)
    (tmp_path / "a.txt").write_text("words\u200b and a \u202e mark\n" * 9 + "\u0301x\n" * 30)
    shown = format_check(
        check_text([tmp_path / "a.txt"], SourceRules(normalization="none")), columns
    )
    # Nothing of the text can turn the direction of the terminal.
    assert "\u202e" not in shown
    assert "U+202E" in shown
    assert "right-to-left override" in " ".join(shown.split())
    assert "\u25cc\u0301" in shown
    if columns:
        assert max(map(width, shown.splitlines())) <= columns


def test_broken_records_are_counted_and_the_first_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "product_speed", lambda mesh, repeats: 1e9)
    path = tmp_path / "t.csv"
    rows = [f"{k},a line of number {k}" for k in range(30)]
    path.write_text("\n".join(["id,text", *rows[:9], "1", *rows[9:], "1,2,3"]))
    found = check_text([path], SourceRules(skip_broken=True))
    assert found.to_json()["broken_records"] == 2
    shown = " ".join(format_check(found, None).split())
    first = "the row that ends in line 11 has 1 fields, but the first row names 2"
    assert f" left out 2 broken records, the first ({path}: {first}) " in shown
