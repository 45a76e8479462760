import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from textgen.data.origins import Origins, Place
from textgen.data.prepare import PreparedText, prepare_text
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.data.tokens import token_dtype
from textgen.errors import DamagedError

WORDS = [f"word{number:03}" for number in range(60)]


def prepared(*paths: Path, rules: TextRules) -> tuple[PreparedText, Origins, str]:
    """Prepare sources; return the result, its origins, and the training part as text."""
    found = prepare_text(paths, rules, Path("tokens"))
    assert found.origins is not None
    origins = Origins.from_bytes(Path("corpus.origins"), found.origins, found.training_ids)
    tokens = np.fromfile("tokens", token_dtype(len(found.vocabulary)))[: found.training_ids]
    return found, origins, found.vocabulary.decode(tokens)


def places(paths: list[Path], rules: TextRules) -> dict[str, Place]:
    """Return the place of each word of `WORDS` that stands in the training part."""
    found, origins, text = prepared(*paths, rules=rules)
    newline = found.vocabulary.characters.find("\n") + 1 or -1
    tokens = found.vocabulary.encode_documents(text, "replace")
    positions = {word: text.find(word) for word in WORDS if word in text}
    assert len(positions) >= len(WORDS) // 3
    return {
        word: origins.places(tokens, [newline], position, position + len(word))[0]
        for word, position in positions.items()
    }


def lines_of(path: Path) -> dict[str, set[Place]]:
    """Return the lines of each word in a file, found by reading it."""
    found: dict[str, set[Place]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), start=1):
        for word in WORDS:
            if word in line:
                found.setdefault(word, set()).add(Place(str(path), number, False))
    return found


def assert_known(found: dict[str, Place], expected: dict[str, set[Place]]) -> None:
    assert {word: place for word, place in found.items() if place not in expected[word]} == {}


RULES = [
    TextRules(),
    TextRules(drop_repeats=True),
    TextRules(rare=30),
    TextRules(rare=1000),
    TextRules(documents="file", validation=0.3),
    TextRules(documents="line"),
    TextRules(documents="line", drop_repeats=True, seed=3),
    TextRules(documents="paragraph", rare=30),
]


@pytest.mark.parametrize("rules", RULES, ids=lambda rules: ", ".join(rules.changed()))
def test_words_stand_in_the_lines_that_origins_tell(rules: TextRules, own_folder: Path) -> None:
    paths = [own_folder / f"{name}.txt" for name in "abc"]
    for number, path in enumerate(paths):
        mine = WORDS[20 * number : 20 * number + 20]
        # Repeated lines, empty ones and lines of one file that end without a newline.
        text = "".join(f"the same line\n\n{word} of this\n{word}\n" * 2 for word in mine)
        path.write_text(text.rstrip("\n") if number else text, encoding="utf-8")
    if rules.rare == 1000:
        paths[0].write_text("a" * 1500 + paths[0].read_text(encoding="utf-8"), encoding="utf-8")
        with pytest.raises(AssertionError):
            places(paths, rules)  # only one character is left, so that no word is
        return
    expected = lines_of(paths[0]) | lines_of(paths[1]) | lines_of(paths[2])
    assert_known(places(paths, rules), expected)


def test_lines_are_told_if_newlines_are_too_rare_to_be_known(own_folder: Path) -> None:
    path = own_folder / "a.txt"
    path.write_text("".join(f"{word} {word}" * 3 + "\n" for word in WORDS), encoding="utf-8")
    assert_known(places([path], TextRules(rare=61)), lines_of(path))


def test_a_long_list_in_blocks_tells_its_lines(own_folder: Path) -> None:
    path = own_folder / "a.txt"
    rows = [f"{number} {WORDS[number // 10]}" for number in range(600)]
    path.write_text("\n".join(rows), encoding="utf-8")
    assert_known(places([path], TextRules()), lines_of(path))


@pytest.mark.parametrize("documents", ["whole", "row", "file", "line", "paragraph"])
@pytest.mark.parametrize("kind", ["jsonl", "json", "csv"])
def test_records_tell_their_line_or_their_number(
    kind: str, documents: str, own_folder: Path
) -> None:
    texts = [f"so\n\n{word} and" for word in WORDS]
    files = [own_folder / f"one.{kind}", own_folder / f"two.{kind}"]
    expected = {}
    for file, some in zip(files, (texts[:30], texts[30:]), strict=True):
        if kind == "jsonl":
            file.write_text("\n".join(json.dumps({"text": one}) + "\n" for one in some))
        elif kind == "json":
            file.write_text(json.dumps(some))
        else:
            buffer = io.StringIO()
            csv.writer(buffer, lineterminator="\n").writerows([["id", "text"], *enumerate(some)])
            file.write_text(buffer.getvalue())
        first, step = {"jsonl": (1, 2), "json": (1, 1), "csv": (2, 3)}[kind]
        for index, text in enumerate(some):
            expected[text[4:11]] = {Place(str(file), first + step * index, kind == "json")}
    rules = TextRules(documents=documents, validation=0.4)  # type: ignore[arg-type]
    assert_known(places(files, rules), expected)


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_of_archives_have_names(kind: str, own_folder: Path) -> None:
    archive, text = own_folder / f"all.{kind}", "\n".join(WORDS) + "\n"
    if kind == "zip":
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("in/a.txt", text)
    else:
        (own_folder / "a.txt").write_text(text)
        with tarfile.open(archive, "w") as tar:
            tar.add(own_folder / "a.txt", "in/a.txt")
    expected = {word: {Place(f"{archive}/in/a.txt", 1 + n, False)} for n, word in enumerate(WORDS)}
    assert_known(places([archive], TextRules()), expected)


def test_a_stretch_has_the_places_of_its_ends(own_folder: Path) -> None:
    path = own_folder / "a.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    found, origins, text = prepared(path, rules=TextRules())
    tokens = found.vocabulary.encode(text)
    begin, end = text.index("word003"), text.index("word006")
    newline = found.vocabulary.characters.index("\n") + 1
    name = str(path)
    assert origins.places(tokens, [newline], begin, end) == (
        Place(name, 4, False),
        Place(name, 6, False),  # the newline after it belongs to its line
    )


def test_long_stretches_are_cut_and_lines_still_counted(
    own_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("textgen.data.origins.LONGEST", 16)
    monkeypatch.setattr("textgen.data.origins.AT_ONCE", 8)
    path = own_folder / "a.txt"
    path.write_text("\n".join(WORDS) + "\n", encoding="utf-8")
    _, origins, _ = prepared(path, rules=TextRules())
    assert len(origins.begins) > 20
    assert_known(places([path], TextRules()), lines_of(path))


def test_other_rules_of_reading_change_nothing(own_folder: Path) -> None:
    path = own_folder / "a.txt"
    path.write_bytes("\r\n".join([f"e\u0301 {word}" for word in WORDS]).encode("utf-16"))
    rules = TextRules(source=SourceRules(normalization="nfc"))
    expected = {word: {Place(str(path), 1 + n, False)} for n, word in enumerate(WORDS)}
    assert_known(places([path], rules), expected)


def test_origins_are_read_as_they_were_written() -> None:
    count = np.arange(3)
    origins = Origins(("a", "\u00e9 b"), ("text", "json"), count * 7, count // 2, count * 5 + 2)
    data = origins.to_bytes()
    again = Origins.from_bytes(Path("x"), data, 3)
    assert (again.names, again.kinds) == (origins.names, origins.kinds)
    for name in ("begins", "files", "numbers"):
        assert getattr(again, name).tolist() == getattr(origins, name).tolist()


@pytest.mark.parametrize("change", ["cut", "flip", "empty", "files"])
def test_damaged_origins_are_refused(change: str) -> None:
    count = np.arange(3)
    files = count + 5 if change == "files" else count * 0
    data = Origins(("a",), ("text",), count, files, count).to_bytes()
    changed = {"cut": data[:-1], "flip": data[:44] + b"\xff\xff" + data[46:], "empty": b""}
    with pytest.raises(DamagedError):
        Origins.from_bytes(Path("x"), changed.get(change, data), 3)


def test_no_more_stretches_are_unpacked_than_a_text_can_have() -> None:
    count = np.arange(10_000)
    data = Origins(("a",), ("text",), count, count * 0, count).to_bytes()
    assert len(data) < 500
    assert len(Origins.from_bytes(Path("x"), data, 10_000).begins) == 10_000
    with pytest.raises(DamagedError, match="does not hold the origins"):
        Origins.from_bytes(Path("x"), data, 9_999)
