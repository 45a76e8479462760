import errno
import gzip
import io
import os
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from textgen.data import pieces as module
from textgen.data.gather import gather
from textgen.data.read_report import ReadReport
from textgen.data.source_rules import SourceRules
from textgen.data.sources import is_read_once, read_sources
from textgen.errors import CorpusError, UsageError


def read(*paths: Path, rules: SourceRules | None = None) -> tuple[dict[str, list[str]], ReadReport]:
    """Return the texts of each file, and what was read."""
    report, found = ReadReport(), {}
    for file, pieces in read_sources(paths, rules or SourceRules(), report):
        texts = [""]
        for piece in pieces:
            texts[-1] += piece.text
            texts += [""] * piece.is_end
        found[file.name] = [text for text in texts if text]
    return found, report


def test_a_folder_is_read_in_order_without_hidden_files_backups_and_links(tmp_path: Path) -> None:
    folder, outside = tmp_path / "texts", tmp_path / "outside"
    for parent in (folder / "b", folder / ".git", outside):
        parent.mkdir(parents=True)
    for name in ("b/2.txt", "1.txt", "1.txt~", ".hidden", ".git/x"):
        (folder / name).write_text(f"text of {name}")
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\0\0")
    (folder / "empty.txt").touch()
    (outside / "far.txt").write_text("far")
    (folder / "link").symlink_to(outside)
    found, report = read(folder)
    assert list(found) == [str(folder / "1.txt"), str(folder / "b/2.txt")]
    assert report.summary() == (
        "read 2 files, 28 characters; "
        "passed over: 1 (a link to a folder), 1 (a backup), 1 (empty), 1 (a picture)"
    )


def test_packed_files_and_archives_are_read_as_their_content(tmp_path: Path) -> None:
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"packed words"))
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"id,tweet\n1,one\n2,two\n"))
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive:
        archive.writestr("x/poem.txt", "a poem")
        for hidden in ("__MACOSX/x", ".git/config", "x/.hidden", ".git/a/../b"):
            archive.writestr(hidden, "nothing")
        archive.writestr("inner.zip", b"PK\x05\x06" + bytes(18))
    found, report = read(tmp_path)
    assert found == {
        str(tmp_path / "a.txt.gz"): ["packed words"],
        str(tmp_path / "b.csv.gz"): ["one", "two"],
        f"{tmp_path / 'c.zip'}/x/poem.txt": ["a poem"],
    }
    assert report.passed_over == [
        (f"{tmp_path / 'c.zip'}/inner.zip", "an archive within an archive")
    ]


def test_files_in_a_packed_archive_have_its_whole_name(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    data = b"words of a poem"
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("poem.txt")
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    assert read(path)[0] == {f"{path}/poem.txt": ["words of a poem"]}
    path.write_bytes(gzip.compress(gzip.decompress(path.read_bytes())[:600]))
    with pytest.raises(CorpusError, match=r"a\.tar\.gz'.*damaged or cut short"):
        read(path)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(b"broken"))
    with pytest.raises(CorpusError, match=r"b\.csv\.gz"):
        read(tmp_path / "b.csv.gz")


def test_standard_input_is_read_by_its_content(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stream:
        buffer = io.BytesIO(b'{"text": "one"}\n{"text": "two"}\n')

    monkeypatch.setattr(sys, "stdin", Stream)
    assert read(Path("-"))[0] == {"standard input": ["one", "two"]}


def test_all_files_that_cannot_be_decoded_are_named_in_one_error(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_bytes("Ça va très bien, merci.\n".encode("cp1252"))
    (tmp_path / "good.txt").write_text("good")
    with pytest.raises(CorpusError, match=r"10 files cannot be read: .*0.txt: .*; and 5 more"):
        read(tmp_path)
    rules = SourceRules(encoding="cp1252")
    assert read(tmp_path / "0.txt", rules=rules)[0][str(tmp_path / "0.txt")] == [
        "Ça va très bien, merci.\n"
    ]


def test_a_folder_without_text_says_why(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no files"):
        read(tmp_path)
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n")
    with pytest.raises(CorpusError, match="no text in it; passed over: a picture"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        ("a.txt", b"", "empty"),
        ("a.png", b"\x89PNG\r\n", "it is a picture"),
        ("a.doc", b"\xd0\xcf\x11\xe0" + bytes(9), "save it as .docx"),
        ("a.txt", b"one\0two and three", "NUL character in line 1"),
    ],
)
def test_a_named_file_that_is_not_text_is_refused(
    tmp_path: Path, name: str, data: bytes, problem: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(CorpusError, match=problem):
        read(tmp_path / name)


def test_a_missing_file_and_a_device_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="there is no such file or folder"):
        read(tmp_path / "none")
    with pytest.raises(CorpusError, match="give its text on standard input, with -"):
        read(Path("/dev/null"))


def test_a_pipe_is_read_where_it_is_named_and_passed_over_in_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "a.txt").write_text("a text")
    pipe = folder / "pipe.jsonl"
    os.mkfifo(pipe)
    assert [*read(folder)[0]] == [str(folder / "a.txt")]
    with ThreadPoolExecutor() as pool:
        pool.submit(pipe.write_text, '{"text": "one"}\n{"text": "two"}\n')
        assert read(pipe)[0] == {str(pipe): ["one", "two"]}
        pool.submit(pipe.write_bytes, gzip.compress(b"packed"))
        assert read(pipe)[0] == {str(pipe): ["packed"]}
    assert is_read_once(pipe)
    assert not is_read_once(folder / "a.txt")


def test_standard_input_is_read_once() -> None:
    with pytest.raises(UsageError, match="only once"):
        read(Path("-"), Path("-"))


def test_a_file_that_grows_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    found = read_sources([path], SourceRules(), ReadReport())
    _, pieces = next(found)
    list(pieces)
    path.write_text("other words")
    with pytest.raises(CorpusError, match="changed while it was read"):
        next(found)


def test_a_file_that_is_removed_while_it_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("words")
    found = read_sources([path], SourceRules(), ReadReport())
    _, pieces = next(found)
    path.unlink()
    list(pieces)
    with pytest.raises(CorpusError, match="no such file"):
        next(found)


def test_a_disk_that_fails_in_the_middle_of_a_text_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*arguments: object, **options: object) -> Iterator[str]:
        yield "the first part"
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(module, "decode", failing)
    (tmp_path / "a.txt").write_text("words")
    with pytest.raises(CorpusError, match="the disk reports an error"):
        read(tmp_path / "a.txt")
    with pytest.raises(CorpusError, match="the disk reports an error"):
        gather([tmp_path / "a.txt"], SourceRules(), tmp_path / "ids")


def test_a_table_without_a_sound_record_says_what_was_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": 1}\nbroken\n')
    with pytest.raises(CorpusError, match="is empty; left out: 2 broken records, the first "):
        read(tmp_path / "a.jsonl", rules=SourceRules(field="text", skip_broken=True))
    (tmp_path / "a.csv").write_text('a,b\n1,"open\n')
    with pytest.raises(CorpusError, match="broken table in line 2: a quoted field does not end"):
        read(tmp_path / "a.csv", rules=SourceRules(field="b"))


def test_what_decoding_changed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("caf\u0065\u0301\r\r\nx\ufeff\n".encode("utf-16"))
    found, report = read(path)
    assert found[str(path)] == ["caf\u00e9\nx\n"]
    assert list(report.changes()) == [
        "1 file read as utf-16",
        "left out 1 byte order marks inside the text",
        "1 lines ended in CR CR LF; each counts as one line end",
        "brought letters with accents into one form; --normalize none leaves them as is",
    ]


def test_a_format_that_is_named_overrules_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,tweet\n1,one\n")
    assert read(path, rules=SourceRules(format="text"))[0] == {str(path): ["id,tweet\n1,one\n"]}


def test_one_encoding_is_not_advised_for_files_of_which_some_are_in_utf8(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("Été à la plage, voilà du café.\n" * 5, encoding="utf-8")
    (tmp_path / "b.txt").write_bytes(("Ça va très bien, merci à vous.\n" * 5).encode("cp1252"))

    def text_of(rules: SourceRules) -> str:
        read = read_sources([tmp_path], rules, ReadReport())
        return "".join(piece.text for _, pieces in read for piece in pieces)

    with pytest.raises(CorpusError, match="--encoding guess reads each file"):
        text_of(SourceRules())
    text = text_of(SourceRules(encoding="guess"))
    assert text.splitlines()[0] == "Été à la plage, voilà du café."
    assert text.splitlines()[-1] == "Ça va très bien, merci à vous."
    (tmp_path / "a.txt").unlink()
    with pytest.raises(CorpusError) as alone:
        text_of(SourceRules())
    assert "--encoding guess" not in str(alone.value)
