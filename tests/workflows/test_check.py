from pathlib import Path

import pytest

from textgen.data.source_rules import SourceRules
from textgen.workflows import check as module
from textgen.workflows.check import Checked, check_text

PLAIN = SourceRules(normalization="none")


@pytest.fixture(autouse=True)
def _no_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "product_speed", lambda mesh, repeats: 1e9)


def check(folder: Path, texts: dict[str, str]) -> Checked:
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return check_text([folder], PLAIN)


def remedies(checked: Checked) -> set[str]:
    return {finding.remedy for finding in checked.findings}


def test_each_finding_names_the_option_that_mends_it(tmp_path: Path) -> None:
    line = "plain words of a long enough line\n\n"
    text = line * 900 + "cafe\u0301 caf\u00e9 \u00a0 \u0192\n"
    checked = check(tmp_path, {"a.txt": text, "b.txt": text})
    assert remedies(checked) >= {
        "--rare 10",
        "--normalize nfc, which is the default",
        "--normalize nfkc makes plain spaces of no-break spaces",
        "--drop-repeats",
    }


def test_documents_are_proposed_where_the_text_is_made_of_them(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    poems = {f"{n}.txt": f"poem {n}\nand its end\n" for n in range(30)}
    assert "--documents file" in remedies(check(tmp_path / "files", poems))
    (tmp_path / "rows").mkdir()
    table = {"a.csv": "id,tweet\n" + "".join(f"{n},tweet number {n}\n" for n in range(30))}
    assert "--documents row" in remedies(check(tmp_path / "rows", table))
    (tmp_path / "list").mkdir()
    words = {"a.txt": "".join(f"word{n}\n" for n in range(300))}
    assert "--documents line" in remedies(check(tmp_path / "list", words))


def test_the_time_to_read_the_text_once_is_told_for_three_sizes(tmp_path: Path) -> None:
    checked = check(tmp_path, {"a.txt": "plain words\n" * 99})
    times = list(checked.seconds.values())
    assert list(checked.seconds) == ["2x128", "2x256", "2x512"]
    assert 0 < times[0] < times[1] < times[2]
    assert checked.to_json()["seconds_to_read_once"] == checked.seconds


def test_the_values_of_labels_are_counted_and_single_ones_are_found(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = [f"{'once' if k == 7 else 'often'},a line of number {k}" for k in range(30)]
    path.write_text("\n".join(["who,text", *rows]))
    found = check_text([path], SourceRules(labels=("who",)))
    assert found.to_json()["labels"] == [{"name": "who", "texts": {"often": 29, "once": 1}}]
    (single,) = [one.what for one in found.findings if "label" in one.what]
    assert single == "1 value of the label 'who' with one text, too little to learn from: once"


def test_lines_that_many_files_share_are_not_said_to_be_dropped(tmp_path: Path) -> None:
    poems = {f"{n}.txt": f"poem {n}\nand all of them end like this\n" for n in range(30)}
    assert "--validation FILE" in remedies(check(tmp_path, poems))
    poems["again.txt"] = poems["1.txt"]
    assert "--validation FILE" not in remedies(check(tmp_path, poems))
