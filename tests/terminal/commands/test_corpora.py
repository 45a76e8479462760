import json
from pathlib import Path

import pytest

from textgen.data.shipped import TEXTS, shipped_texts
from textgen.terminal.cli import run_command


def test_the_table_has_a_line_for_each_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["corpora"]) == 0
    out, err = capsys.readouterr()
    head, *rows, blank, folder = out.splitlines()
    assert head.split() == ["name", "characters", "lines", "what", "it", "is"]
    assert [row.split()[0] for row in rows] == list(TEXTS)
    row = "numerals      172,217   4,000  numbers and their English words"
    assert row in rows
    assert max(map(len, rows)) < 80
    assert blank == ""
    assert (Path(folder.removeprefix("files: ")) / "names.txt").is_file()
    assert err == "train on one of them by its name: textgen train tunes\n"
    assert run_command(["corpora", "-q"]) == 0
    assert capsys.readouterr() == (out, "")


def test_json_says_the_same_with_each_path(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["corpora", "--json"]) == 0
    out, err = capsys.readouterr()
    listed = [*map(json.loads, out.splitlines())]
    assert err == ""
    also = [{"type": "text", "path": str(text.path)} for text in shipped_texts()]
    assert listed == [vars(text) | one for text, one in zip(shipped_texts(), also, strict=True)]
