"""Read files and folders as text, a piece at a time, never a whole corpus at once."""

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from textgen.errors import CorpusError
from textgen.settings import MAX_CHARACTERS

CHUNK_BYTES = 2**20
MIN_CHARACTERS = 100
# Of a text that is held in memory.
MAX_TEXT = 2**26
# How files begin that are not text, whatever their name says.
BEGINNINGS = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"BZh": "it is compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "it is compressed by xz; unpack it first",
    b"PK\x03\x04": "it is a zip archive, as office documents are; save its text to a file first",
    b"%PDF": "it is a PDF; save its text to a file first",
    b"\xff\xfe": "it is UTF-16; convert the file to UTF-8",
    b"\xfe\xff": "it is UTF-16; convert the file to UTF-8",
}
# git's rule: a file is binary if a NUL stands in its first 8,000 bytes.
BINARY_PROBE_BYTES = 8000

Part = Literal["training", "validation"]


@dataclass(frozen=True)
class Corpus:
    """What one reading of the files found.

    Attributes:
        files: the files, in the order they are joined.
        lengths: characters of each file, after normalisation.
        stamps: each file's size in bytes and time of change, to notice one.
        skipped: files of a folder that hold no text.
        alphabet: every character that occurs, once, in code point order.
        sha256: of the normalised text in UTF-8, the files joined by newlines.
    """

    files: tuple[Path, ...]
    lengths: tuple[int, ...]
    stamps: tuple[tuple[int, int], ...]
    skipped: tuple[Path, ...]
    alphabet: str
    sha256: str

    @property
    def characters(self) -> int:
        """Characters of the whole text, the newlines between files included."""
        return sum(self.lengths) + len(self.lengths) - 1

    @property
    def training_characters(self) -> int:
        """Characters of the training part."""
        return sum(map(training_length, self.lengths)) + len(self.lengths) - 1

    @property
    def validation_characters(self) -> int:
        """Characters of the validation part."""
        return sum(n - training_length(n) for n in self.lengths) + len(self.lengths) - 1


def training_length(characters: int) -> int:
    """Return how many characters of a file, from its start, are trained on: nine tenths."""
    return characters * 9 // 10


def find_files(paths: Sequence[Path]) -> list[Path]:
    """List the files that the paths stand for: a file itself, a folder's files in sorted order.

    Inside a folder, hidden files and folders are passed over, and runs of textgen.

    Raises:
        CorpusError: if a path is missing, or is neither a regular file nor a folder.
    """
    files: list[Path] = []
    for path in paths:
        try:
            mode = path.stat().st_mode
        except (OSError, ValueError) as error:
            raise CorpusError(path, _reason(error)) from error
        if stat.S_ISDIR(mode):
            files += _files_of_folder(path)
        elif stat.S_ISREG(mode):
            files.append(path)
        else:
            raise CorpusError(path, "neither a file nor a folder; save the text to a file first")
    return files


def _files_of_folder(folder: Path) -> list[Path]:
    found = []

    def refuse(error: OSError) -> None:
        raise CorpusError(error.filename or folder, _reason(error)) from error

    for parent, folders, names in os.walk(folder, onerror=refuse):
        folders[:] = [
            name
            for name in folders
            if not name.startswith(".") and not Path(parent, name, "run.json").is_file()
        ]
        candidates = (Path(parent, name) for name in names if not name.startswith("."))
        found += [path for path in candidates if path.is_file()]
    if not found:
        raise CorpusError(folder, "the folder holds no files")
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def read_chunks(path: Path) -> Iterator[str]:
    """Yield the text of a file in pieces of at most 1 MiB, without its BOM, CRLF turned into LF.

    Raises:
        CorpusError: if the file cannot be read or is not UTF-8; the message names line and byte.
    """
    try:
        with path.open("rb") as file:
            yield from decode_chunks(file, path)
    except OSError as error:
        raise CorpusError(path, _reason(error)) from error


def decode_chunks(file: BinaryIO, path: Path | str) -> Iterator[str]:
    """Yield the text of an open file as `read_chunks` does.

    Args:
        file: such as standard input; buffered, so that it gives all bytes asked for until its end.
        path: what messages call it.

    Raises:
        CorpusError: if it is not UTF-8; the message names line and byte.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    bytes_before = lines_before = 0
    held, first, head = "", True, b""
    while True:
        data = file.read(CHUNK_BYTES)
        # Fewer bytes are the last: a terminal that was asked again would begin anew.
        is_last = len(data) < CHUNK_BYTES
        head = head or data[:8]
        pending = decoder.getstate()[0]
        try:
            text = held + decoder.decode(data, final=is_last)
        except UnicodeDecodeError as error:
            line = lines_before + error.object[: error.start].count(b"\n") + 1
            byte = bytes_before - len(pending) + error.start + 1
            raise CorpusError(
                path,
                f"not UTF-8 at line {line}, byte {byte} "
                f"(0x{error.object[error.start]:02x}); {_advice(head)}",
            ) from error
        bytes_before += len(data)
        lines_before += data.count(b"\n")
        if first and text:
            text, first = text.removeprefix("\ufeff"), False
        # A carriage return at the end of a piece may belong to a line feed in the next.
        held = "\r" if not is_last and text.endswith("\r") else ""
        text = text.removesuffix(held).replace("\r\n", "\n")
        if text:
            yield text
        if is_last:
            return


def check_text(path: Path) -> None:
    """Refuse what is no file that a text can be read from.

    Raises:
        CorpusError: if it is missing, a folder, a device or a pipe.
    """
    find_files([path])
    if path.is_dir():
        raise CorpusError(path, "it is a folder, not a file")


def load_text(path: Path) -> str:
    """Return the text of a file of at most 64 Mi characters, as `read_chunks` reads it.

    Raises:
        CorpusError: if it is no regular file, cannot be read, is not UTF-8 or is larger.
    """
    check_text(path)
    pieces, size = [], 0
    for piece in read_chunks(path):
        size += len(piece)
        if size > MAX_TEXT:
            raise CorpusError(path, f"more than {MAX_TEXT:,} characters are too many to go on from")
        pieces.append(piece)
    return "".join(pieces)


def scan_corpus(paths: Sequence[Path]) -> Corpus:
    """Read all files once and report what is in them.

    Binary files of a folder are passed over; a file that is named is always read.

    Raises:
        CorpusError: if a file cannot be read, is empty though named, or there is too little text.
    """
    named = set(paths)
    files: list[Path] = []
    lengths: list[int] = []
    stamps: list[tuple[int, int]] = []
    skipped: list[Path] = []
    alphabet: set[str] = set()
    digest = hashlib.sha256()
    for path in find_files(paths):
        if path not in named and _is_binary(path):
            skipped.append(path)
            continue
        length, stamp = 0, _stamp(path)
        for chunk in read_chunks(path):
            if not length and files:
                digest.update(b"\n")
            length += len(chunk)
            alphabet.update(chunk)
            digest.update(chunk.encode())
        if length:
            files.append(path)
            lengths.append(length)
            stamps.append(stamp)
        elif path in named:
            raise CorpusError(path, "the file is empty")
    if not files:
        raise CorpusError(paths[0], "there is no text in the folder")
    if len(files) > 1:
        alphabet.add("\n")
    corpus = Corpus(
        tuple(files),
        tuple(lengths),
        tuple(stamps),
        tuple(skipped),
        "".join(sorted(alphabet)),
        digest.hexdigest(),
    )
    if len(alphabet) > MAX_CHARACTERS:
        problem = (
            f"{len(alphabet):,} different characters; at most {MAX_CHARACTERS:,} can be learnt"
        )
        raise CorpusError(paths[0], problem)
    if corpus.characters < MIN_CHARACTERS:
        raise CorpusError(
            paths[0],
            f"only {corpus.characters} characters; at least {MIN_CHARACTERS} are needed",
        )
    return corpus


def read_part(corpus: Corpus, part: Part) -> Iterator[str]:
    """Yield the text of the training or the validation part, files joined by newlines.

    Raises:
        CorpusError: if a file can no longer be read, or has changed since the scan.
    """
    known = zip(corpus.files, corpus.lengths, corpus.stamps, strict=True)
    for number, (path, length, stamp) in enumerate(known):
        if number:
            yield "\n"
        boundary = training_length(length)
        position = 0
        for chunk in read_chunks(path):
            cut = min(max(boundary - position, 0), len(chunk))
            piece = chunk[:cut] if part == "training" else chunk[cut:]
            position += len(chunk)
            if piece:
                yield piece
        if position != length or _stamp(path) != stamp:
            raise CorpusError(path, "the file changed while it was read; try again")


def _advice(head: bytes) -> str:
    """Say what to do about a file that is not UTF-8, from its first bytes."""
    known = (advice for beginning, advice in BEGINNINGS.items() if head.startswith(beginning))
    return next(known, "convert the file to UTF-8")


def _stamp(path: Path) -> tuple[int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise CorpusError(path, _reason(error)) from error
    return status.st_size, status.st_mtime_ns


def _is_binary(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return b"\0" in file.read(BINARY_PROBE_BYTES)
    except OSError as error:
        raise CorpusError(path, _reason(error)) from error


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
