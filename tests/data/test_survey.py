import json
from pathlib import Path

import pytest

from textgen.data import survey as module
from textgen.data.gather import gather
from textgen.data.origins import Place
from textgen.data.source_rules import SourceRules
from textgen.data.split import choose_split
from textgen.data.survey import Character, Survey, survey

PLAIN = SourceRules(normalization="none")


def look(tmp_path: Path, *texts: str) -> Survey:
    paths = [tmp_path / f"{number}.txt" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        path.write_text(text, encoding="utf-8")
    found = gather(paths, PLAIN, tmp_path / "ids")
    return survey(found, choose_split(found, 0.1, seed=0))


@pytest.mark.parametrize("at_once", [3, 2**20])
def test_rare_and_invisible_characters_are_found_with_a_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    found = look(tmp_path, "abc\n" * 20, "abc\nab\u200bc\n\u00a0abc\n\u0192\n")
    assert {one.character: one.place for one in found.rare} == {
        "\u200b": Place(str(tmp_path / "1.txt"), 2, is_record=False),
        "\u00a0": Place(str(tmp_path / "1.txt"), 3, is_record=False),
        "\u0192": Place(str(tmp_path / "1.txt"), 4, is_record=False),
    }
    assert {one.name for one in found.invisible} == {"ZERO WIDTH SPACE", "NO-BREAK SPACE"}
    assert [(one.character, one.count) for one in found.alphabet[:2]] == [("\n", 25), ("a", 23)]


@pytest.mark.parametrize("at_once", [1, 2, 2**20])
def test_letters_that_are_written_in_two_ways_are_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    found = look(tmp_path, "caf\u00e9 " * 3 + "cafe\u0301 " * 2 + "o\u0308")
    assert found.mixed == (("\u00e9", 3, 2),)


def test_repeated_lines_and_texts_are_counted(tmp_path: Path) -> None:
    found = look(tmp_path, "one\ntwo\none\n\n\n", "three\n", "three\n")
    assert (found.lines, found.blank_lines) == (7, 2)
    assert (found.repeated_lines, found.repeated_texts) == (2, 1)


@pytest.mark.parametrize(
    ("texts", "lines"),
    [(["one"], (1, 0)), (["a\n", "b"], (2, 0)), (["a", "b\n\nc"], (4, 1)), (["a\n\n"], (2, 1))],
)
def test_lines_are_those_of_the_files(
    tmp_path: Path, texts: list[str], lines: tuple[int, int]
) -> None:
    found = look(tmp_path, *texts)
    assert (found.lines, found.blank_lines) == lines


def test_characters_without_a_name_in_unicode_get_one() -> None:
    names = [Character(one, 1).name for one in "\x1b\x01\ue000\u0378e"]
    assert names == [
        "ESCAPE",
        "CONTROL CHARACTER",
        "PRIVATE USE CHARACTER",
        "UNASSIGNED CHARACTER",
        "LATIN SMALL LETTER E",
    ]


def test_the_longest_lines_are_named(tmp_path: Path) -> None:
    found = look(tmp_path, "a\n" + "b" * 50 + "\ncc\n")
    assert found.longest_lines[0] == (50, Place(str(tmp_path / "0.txt"), 2, is_record=False))


def test_a_validation_part_that_stands_in_the_training_part_is_told(tmp_path: Path) -> None:
    line = "this line stands in both parts\n"
    assert look(tmp_path, line * 50 + "\n" + line * 50).leaked == pytest.approx(1, abs=0.1)
    other = "".join(f"this line is number {number} of many\n" for number in range(99))
    assert look(tmp_path, other).leaked == 0


def test_scripts_are_told_by_their_share(tmp_path: Path) -> None:
    assert look(tmp_path, "abc \u0430\n").scripts == (("Latin", 0.75), ("Cyrillic", 0.25))


def test_places_in_tables_are_lines_of_the_file_or_numbers_of_records(tmp_path: Path) -> None:
    rows = ["plain words", "two\nlines", "a rare \u0192", "plain words"]
    (tmp_path / "a.csv").write_text(
        "id,text\n" + "".join(f'{number},"{row}"\n' for number, row in enumerate(rows))
    )
    (tmp_path / "a.json").write_text(json.dumps([*rows[:2], "\u017f", "plain words, many"]))
    paths = [tmp_path / "a.csv", tmp_path / "a.json"]
    found = gather(paths, PLAIN, tmp_path / "ids")
    looked = survey(found, choose_split(found, 0.1, seed=0))
    places = {one.character: str(one.place) for one in looked.rare}
    assert places["\u0192"] == f"{paths[0]}:5"
    assert places["\u017f"] == f"{paths[1]}, record 3"
    assert str(looked.longest_lines[0][1]) == f"{paths[1]}, record 4"
    assert looked.characters == sum(map(len, [*rows, *rows[:2], "x", "plain words, many"]))
