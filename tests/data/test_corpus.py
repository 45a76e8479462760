import gzip
import hashlib
import os
from pathlib import Path

import pytest

from textgen.data import corpus as module
from textgen.data.corpus import (
    read_chunks,
    read_part,
    scan_corpus,
    training_length,
)
from textgen.errors import CorpusError

TEXT = "".join(f"line {number} of a text\n" for number in range(60))


def write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("chunk_bytes", [1, 2, 3, 5, 7, 64, 2**20])
def test_chunks_joined_are_the_normalised_text_whatever_their_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    # Carriage returns before, after and without a line feed; characters of 1 to 4 bytes; a BOM.
    raw = "\ufeffa\r\nb\rc\r\r\nd\u00e9\u20ac\U0001f600\r\n\ufeffe\r"
    path = write(tmp_path / "t", raw.encode())
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    chunks = list(read_chunks(path))
    assert "".join(chunks) == "a\nb\rc\r\nd\u00e9\u20ac\U0001f600\n\ufeffe\r"
    assert all(len(chunk) <= chunk_bytes + 1 for chunk in chunks)


@pytest.mark.parametrize("chunk_bytes", [1, 4, 2**20])
def test_bad_utf8_is_named_by_line_and_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_bytes: int
) -> None:
    monkeypatch.setattr(module, "CHUNK_BYTES", chunk_bytes)
    path = write(tmp_path / "bad.txt", "é\nab\nc".encode() + b"\xe9 d\n")
    with pytest.raises(CorpusError, match=r"bad\.txt.*line 3, byte 8 \(0xe9\)"):
        list(read_chunks(path))


def test_a_character_cut_off_at_the_end_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.txt", b"abc\n" + "€".encode()[:2])
    with pytest.raises(CorpusError, match="line 2, byte 5"):
        list(read_chunks(path))


def test_fingerprint_is_the_sum_of_the_file_when_nothing_is_normalised(tmp_path: Path) -> None:
    path = write(tmp_path / "t", TEXT.encode())
    corpus = scan_corpus([path])
    assert corpus.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert corpus.characters == len(TEXT)
    assert corpus.alphabet == "".join(sorted(set(TEXT)))


def test_line_ends_and_bom_do_not_change_the_fingerprint(tmp_path: Path) -> None:
    plain = scan_corpus([write(tmp_path / "a", TEXT.encode())])
    dos = write(tmp_path / "b", b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert scan_corpus([dos]).sha256 == plain.sha256


def test_the_last_tenth_of_each_file_is_validation(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    write(folder / "b.txt", b"B" * 200)
    write(folder / "a.txt", b"A" * 105)
    corpus = scan_corpus([folder])
    assert [path.name for path in corpus.files] == ["a.txt", "b.txt"]
    assert "".join(read_part(corpus, "training")) == "A" * 94 + "\n" + "B" * 180
    assert "".join(read_part(corpus, "validation")) == "A" * 11 + "\n" + "B" * 20
    assert corpus.training_characters == 94 + 1 + 180
    assert corpus.validation_characters == 11 + 1 + 20
    assert corpus.characters == corpus.training_characters + corpus.validation_characters
    assert "\n" in corpus.alphabet


def test_the_split_of_tiny_shakespeare_is_nanogpts() -> None:
    assert training_length(1_115_394) == 1_003_854


def test_hidden_and_binary_files_of_a_folder_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    (folder / ".git").mkdir(parents=True)
    write(folder / ".git" / "config", b"secret" * 100)
    write(folder / ".hidden", b"secret" * 100)
    write(folder / "image.png", b"\x89PNG\0\0")
    write(folder / "empty.txt", b"")
    write(folder / "text.md", TEXT.encode())
    corpus = scan_corpus([folder])
    assert corpus.characters == len(TEXT)
    assert [path.name for path in corpus.skipped] == ["image.png"]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (None, "no such file"),
        (b"", "empty"),
        (b"x" * 99, "only 99 characters; at least 100"),
        (b"x" * 200 + b"\xff", "not UTF-8"),
    ],
)
def test_a_file_that_cannot_be_trained_on_is_named(
    tmp_path: Path, data: bytes | None, problem: str
) -> None:
    path = tmp_path / "book.txt"
    if data is not None:
        write(path, data)
    with pytest.raises(CorpusError, match=problem) as caught:
        scan_corpus([path])
    assert "book.txt" in str(caught.value)


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (gzip.compress(TEXT.encode()), "compressed by gzip; unpack it"),
        (TEXT.encode("utf-16"), "UTF-16; convert"),
        (b"%PDF-1.7\n\xe2\xe3\xcf\xd3", "a PDF; save its text"),
        (TEXT.encode() + b"\xe9t\xe9", "0xe9.; convert the file to UTF-8"),
    ],
)
def test_what_is_no_text_under_a_text_name_is_called_by_its_own(
    tmp_path: Path, data: bytes, advice: str
) -> None:
    with pytest.raises(CorpusError, match=advice):
        scan_corpus([write(tmp_path / "book.txt", data)])


def test_more_characters_than_any_script_has_are_refused(tmp_path: Path) -> None:
    points = [*range(0x20, 0xD800), *range(0xE000, 0x60000)]
    assert len(points) > 2**18
    with pytest.raises(CorpusError, match="different characters; at most 262,144"):
        scan_corpus([write(tmp_path / "all.txt", "".join(map(chr, points)).encode())])


def test_a_folder_without_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(CorpusError, match="no files"):
        scan_corpus([tmp_path / "f"])
    write(tmp_path / "f" / "x.bin", b"\0" * 500)
    with pytest.raises(CorpusError, match="no text"):
        scan_corpus([tmp_path / "f"])


def test_a_pipe_is_refused_rather_than_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CorpusError, match="neither a file nor a folder"):
        scan_corpus([tmp_path / "pipe"])


def test_a_file_that_changes_between_two_readings_is_noticed(tmp_path: Path) -> None:
    path = write(tmp_path / "t", TEXT.encode())
    corpus = scan_corpus([path])
    for text in (TEXT + "more", TEXT.replace("line", "lone")):
        write(path, text.encode())
        os.utime(path, (1, 1))
        with pytest.raises(CorpusError, match="changed"):
            list(read_part(corpus, "training"))


def test_runs_of_textgen_in_a_folder_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "checkpoints" / "mine").mkdir(parents=True)
    write(tmp_path / "checkpoints" / "mine" / "run.json", b"{}" * 100)
    write(tmp_path / "book.txt", TEXT.encode())
    assert [path.name for path in scan_corpus([tmp_path]).files] == ["book.txt"]
