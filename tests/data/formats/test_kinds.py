import bz2
import gzip
import io
import lzma
import tarfile
import zipfile

import pytest

from textgen.data.formats.kinds import kind_of, unreadable


def tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.txt"))
    return buffer.getvalue()


def packed(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "text")
    return buffer.getvalue()


def book() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    return buffer.getvalue()


# Packed files hold the time at which they were packed, so tests are not named after their bytes.
CASES = [
    (b"Once upon a time", "a.txt", "text"),
    (gzip.compress(b"x"), "a.txt", "gzip"),
    (bz2.compress(b"x"), "a.txt", "bzip2"),
    (lzma.compress(b"x"), "a.txt", "xz"),
    (b"%PDF-1.7", "a.txt", "pdf"),
    (b"{\\rtf1\\ansi", "a.txt", "rtf"),
    (tar(), "letters", "tar"),
    (b"a" * 256 + b"mustard seed", "a.txt", "text"),
    (packed("a.txt"), "a.txt", "zip"),
    (packed("word/document.xml"), "a", "docx"),
    (book(), "a", "epub"),
    (b"a,b\n1,2\n", "a.csv", "csv"),
    (b"a,b\n1,2\n", "a.txt", "text"),
    (b'{"text": "x"}\n', "a.jsonl", "jsonl"),
    (b'{"text": "x"}\n', "standard input", "jsonl"),
    (b'{"text": "x"}\n', "a.txt", "text"),
    (b"{ not json\n", "standard input", "text"),
    (b"<!DOCTYPE html>\n<p>x", "standard input", "html"),
    (b"<html>", "page.htm", "html"),
    (b"", "empty", "text"),
]


@pytest.mark.parametrize(
    ("head", "name", "kind"), CASES, ids=[f"{name}-{kind}" for _, name, kind in CASES]
)
def test_content_comes_first_and_the_name_second(head: bytes, name: str, kind: str) -> None:
    assert kind_of(head, name) == kind


def test_formats_that_are_no_text_are_named() -> None:
    assert unreadable(b"\x89PNG\r\n") == "a picture"
    assert unreadable(b"\xd0\xcf\x11\xe0") == "an old Office document; save it as .docx or as text"
    assert unreadable(b"words") is None
