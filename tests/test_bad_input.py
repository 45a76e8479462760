"""Texts that cannot be read end every command in one line, and leave the runs as they were."""

import bz2
import errno
import gzip
import io
import json
import os
import re
import signal
import tarfile
import threading
import time
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY
from textgen.data import sources
from textgen.data.formats import archives, compressed
from textgen.terminal.cli import run_command

WORDS = b"words of a poem, one after the other\n" * 20


def zipped(name: str, data: bytes, flags: int = 0) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    packed = bytearray(buffer.getvalue())
    for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        packed[packed.index(signature) + offset] |= flags
    return bytes(packed)


def tarred(name: str, data: bytes = b"", kind: bytes = tarfile.REGTYPE, times: int = 1) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for _ in range(times):
            info = tarfile.TarInfo(name)
            info.type, info.size = kind, len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def packed(data: bytes, times: int) -> bytes:
    for _ in range(times):
        data = gzip.compress(data)
    return data


def locked_pdf() -> bytes:
    import pypdf

    writer, buffer = pypdf.PdfWriter(), io.BytesIO()
    writer.add_blank_page(100, 100)
    writer.encrypt("password", algorithm="RC4-128")
    writer.write(buffer)
    return buffer.getvalue()


def rows(count: int, wrong: str) -> bytes:
    lines = [json.dumps({"text": f"tweet number {number}"}) for number in range(count)]
    return "\n".join([*lines, wrong, *lines]).encode()


# Name, content, options, exit code and message of each.
BAD: list[tuple[str, bytes, list[str], int, str]] = [
    ("a.jsonl", rows(9, ""), ["--field", "tweet"], 3, "no field 'tweet'; its fields are text"),
    ("a.jsonl", rows(9, '{"id": 1}'), [], 3, "line 10 has no field 'text'.*--skip-broken"),
    ("a.jsonl", rows(9, '{"text": oops}'), [], 3, "line 10, column 10; --skip-broken"),
    ("a.json", b'[{"text": "x"},\n {"text": oops}]', [], 3, "broken JSON in line 2, column 11"),
    ("a.csv", b"id,b\n1,x\n2,y,z\n", [], 3, "line 3 has 3 fields, .* names 2; --skip-broken"),
    ("a.csv", b"a,b\nx,y\n", [], 2, "name the field of .*--field NAME; its fields are a, b"),
    ("a.txt", WORDS, ["--field", "b"], 2, "--field is for records"),
    ("a.parquet", b"PAR1" + bytes(50), [], 3, "the Parquet file is damaged"),
    ("a.zip", zipped("b.zip", zipped("c.txt", WORDS)), [], 3, "an archive within an archive"),
    ("a.tar", tarred("b.zip", zipped("c.txt", WORDS)), [], 3, "an archive within an archive"),
    ("a.zip", zipped("b.txt", WORDS, flags=1), [], 3, "'b.txt' is encrypted; unpack it first"),
    ("a.zip", zipped("../b.txt", WORDS), [], 3, "a name that leads outside the archive"),
    ("a.tar", tarred("/b.txt", WORDS), [], 3, "a name that leads outside the archive"),
    ("a.tar", tarred("b", kind=tarfile.SYMTYPE), [], 3, "passed over: a link"),
    ("a.tar", tarred("b.txt", WORDS, times=9), [], 3, "more than 5 entries; unpack it first"),
    ("a.zip", zipped("b.txt", b"a" * 2**22), [], 3, "grows more than 1,000-fold"),
    ("a.bz2", bz2.compress(b"a" * 2**22), [], 3, "grows more than 1,000-fold"),
    ("a.zip", zipped("b.txt", WORDS)[:60], [], 3, "the zip archive is cut short"),
    ("a.tar", tarred("b.txt", WORDS)[:700], [], 3, "damaged or cut short"),
    ("a.gz", gzip.compress(WORDS)[:-12], [], 3, "cut short; it cannot be unpacked"),
    ("a.gz", packed(WORDS, 4), [], 3, "compressed more than 3 times over"),
    ("a.pdf", locked_pdf(), [], 3, "encrypted; save a copy without a password"),
    ("a.txt", b"", [], 3, "the text is empty"),
    ("a.txt", b"one\0two" * 30, [], 3, "it holds a NUL character in line 1"),
    ("a.txt", "Ça va bien, merci.\n".encode("cp1252") * 9, [], 3, "read it so: --encoding cp1252"),
    ("a.txt", WORDS, ["--encoding", "klingon"], 2, "'klingon' is not known"),
]


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MAX_ENTRIES", 5)
    monkeypatch.setattr(compressed, "FREE_BYTES", 2**16)


def contents() -> dict[str, bytes | None]:
    """Return everything beside the texts: the runs, and files that a command has left."""
    found = (path for path in Path().rglob("*") if not path.name.startswith("a."))
    return {str(path): path.read_bytes() if path.is_file() else None for path in found}


def commands(name: str, *options: str) -> list[list[str]]:
    return [
        ["check", name, *options],
        ["train", name, *TINY, "--run=new", *options],
        ["score", "fox", name, *options],
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "data", "options", "code", "message"),
    BAD,
    ids=[f"{index}-{message[:30]}" for index, (*_, message) in enumerate(BAD)],
)
def test_every_command_ends_in_one_line_and_changes_nothing(
    tiny_run: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    data: bytes,
    options: list[str],
    code: int,
    message: str,
) -> None:
    Path(name).write_bytes(data)
    before = contents()
    for command in commands(name, *options):
        capsys.readouterr()
        ended, output = run_command(command), capsys.readouterr()
        assert (ended, output.out) == (code, ""), command
        *others, last = output.err.splitlines()
        assert not [line for line in others if not line.startswith("read ")], command
        assert re.search(message, last), (command, last)
    assert contents() == before


@pytest.mark.slow
@pytest.mark.parametrize("change", ["grows", "goes"])
def test_a_text_that_changes_while_it_is_read_is_refused(
    tiny_run: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    change: str,
) -> None:
    path, before, original = Path("a.txt"), contents(), open

    def opening(file: Any, *arguments: Any, **options: Any) -> Any:
        found = original(file, *arguments, **options)
        if str(file) == path.name:
            path.unlink()
            if change == "grows":
                path.write_bytes(WORDS * 2)
        return found

    for command in commands("a.txt"):
        path.write_bytes(WORDS)
        with monkeypatch.context() as patch:
            patch.setattr(sources, "open", opening, raising=False)
            assert run_command(command) == 3
        told = capsys.readouterr().err
        assert ("changed while it was read" if change == "grows" else "no such file") in told
    assert contents() == before


@pytest.mark.parametrize("command", commands("a.pipe"), ids=lambda command: command[0])
def test_a_pipe_that_never_ends_is_left_at_once(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    os.mkfifo("a.pipe")
    before, sent = contents(), list[float]()

    def write() -> None:
        with suppress(BrokenPipeError), Path("a.pipe").open("wb") as pipe:
            for number in range(10**6):
                pipe.write(WORDS * 20)
                if number == 20:
                    sent.append(time.monotonic())
                    os.kill(os.getpid(), signal.SIGINT)

    writer = threading.Thread(target=write)
    writer.start()
    assert run_command(command) == 130
    ended = time.monotonic()
    writer.join()
    assert ended - sent[0] < 5
    assert "Traceback" not in capsys.readouterr().err
    assert contents() == before


class Full(io.FileIO):
    """A file on a disk that has no room for a second block."""

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > 2000:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "options"),
    [
        (".tmp-corpus.tokens-gathered", []),
        (".tmp-corpus.tokens-gathered-kept", ["--drop-repeats"]),
        (".tmp-corpus.tokens-gathered-validation", ["--validation=a.other"]),
        ("corpus.tokens", []),
    ],
)
def test_a_disk_that_fills_while_a_text_is_written_leaves_no_run(
    own_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    name: str,
    options: list[str],
) -> None:
    text = "".join(f"line {number} of a text\n" for number in range(400)) + "the last line\n" * 9
    for path in ("a.txt", "a.other"):
        Path(path).write_text(text)
    before, original, full = contents(), Path.open, list[Path]()

    def opening(file: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if file.name != name or "w" not in mode:
            return original(file, mode, *arguments, **options)
        full.append(file)
        return (io.BufferedRandom if "+" in mode else io.BufferedWriter)(Full(file, mode))

    monkeypatch.setattr(Path, "open", opening)
    assert run_command(["train", "a.txt", *TINY, "--run=new", *options]) == 5
    told = capsys.readouterr().err.splitlines()[-1]
    assert full
    assert "no space left on the disk; free some space and try again" in told
    assert contents() == {**before, "checkpoints": None}
