"""Read files and folders as text, in chunks, so that a corpus need not fit into memory."""

import codecs
import hashlib
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from textgen.errors import CorpusError, reason
from textgen.settings import MAX_CHARACTERS

CHUNK_BYTES = 2**20
# Shortest corpus that can be trained on, in characters.
MIN_CHARACTERS = 100
# Largest text read into memory at once, in characters.
MAX_TEXT = 2**26
# First bytes of formats that are not UTF-8 text, and what to do about each.
SIGNATURES = {
    b"\x1f\x8b": "it is compressed by gzip; unpack it first",
    b"BZh": "it is compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "it is compressed by xz; unpack it first",
    b"PK\x03\x04": "it is a zip archive or an office document; save its text to a file first",
    b"%PDF": "it is a PDF; save its text to a file first",
    b"\xff\xfe": "it is UTF-16; convert the file to UTF-8",
    b"\xfe\xff": "it is UTF-16; convert the file to UTF-8",
}
# A file is binary if its first 8,000 bytes hold a NUL. This is git's rule.
BINARY_PROBE_BYTES = 8000

Part = Literal["training", "validation"]


@dataclass(frozen=True)
class Corpus:
    """What a scan of the files found.

    Attributes:
        files: the files, in the order they are joined.
        lengths: length of each file, in characters after normalisation.
        stamps: size in bytes and modification time in nanoseconds of each file, to detect changes.
        skipped: binary files inside folders, which are not read.
        alphabet: the distinct characters of the text, in code point order.
        sha256: SHA-256 of the normalised text in UTF-8, the files joined by newlines.
    """

    files: tuple[Path, ...]
    lengths: tuple[int, ...]
    stamps: tuple[tuple[int, int], ...]
    skipped: tuple[Path, ...]
    alphabet: str
    sha256: str

    @property
    def characters(self) -> int:
        """Length of both parts in characters, including the newlines between files in each."""
        return self.training_characters + self.validation_characters

    @property
    def training_characters(self) -> int:
        """Length of the training part in characters."""
        return sum(map(training_length, self.lengths)) + len(self.lengths) - 1

    @property
    def validation_characters(self) -> int:
        """Length of the validation part in characters."""
        return sum(n - training_length(n) for n in self.lengths) + len(self.lengths) - 1


def training_length(characters: int) -> int:
    """Return the length of the training part of a file: its first nine tenths, in characters."""
    return characters * 9 // 10


def find_files(paths: Sequence[Path]) -> list[Path]:
    """List the files that paths name; a folder stands for all files in it, sorted by path.

    Hidden files, hidden folders and runs of textgen are skipped inside a folder.

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


def find_texts(paths: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """List the files that paths name as `find_files` does, and apart from them binary files.

    A binary file that is named itself counts as a text; reading it says what is wrong with it.

    Raises:
        CorpusError: as `find_files` does, or if a file cannot be read.
    """
    named, texts, binary = set(paths), list[Path](), list[Path]()
    for path in find_files(paths):
        (binary if path not in named and _is_binary(path) else texts).append(path)
    return texts, binary


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
    """Yield the text of a file in chunks of at most 1 MiB, without a BOM and with LF for CRLF.

    Raises:
        CorpusError: if the file cannot be read or is not UTF-8; the message names the line and the
            byte.
    """
    try:
        with path.open("rb") as file:
            yield from decode_chunks(file, path)
    except OSError as error:
        raise CorpusError(path, _reason(error)) from error


def decode_chunks(file: BinaryIO, path: Path | str) -> Iterator[str]:
    """Yield the text of an open file as `read_chunks` does.

    Args:
        file: for example standard input. It must be buffered: only the last read may return fewer
            bytes than asked for.
        path: its name in messages.

    Raises:
        CorpusError: if it is not UTF-8; the message names the line and the byte.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    bytes_before = lines_before = 0
    held, first, head = "", True, b""
    while True:
        data = file.read(CHUNK_BYTES)
        # A short read is the last one. Reading on would make a terminal wait for new input.
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
        # A carriage return at the end of a chunk may belong to a line feed in the next chunk.
        held = "\r" if not is_last and text.endswith("\r") else ""
        text = text.removesuffix(held).replace("\r\n", "\n")
        if text:
            yield text
        if is_last:
            return


def check_text(path: Path) -> None:
    """Check that a path names a regular file.

    Raises:
        CorpusError: if it is missing, a folder, a device or a pipe.
    """
    if path.is_dir():
        raise CorpusError(path, "it is a folder, not a file")
    find_files([path])


def load_text(path: Path) -> str:
    """Return the text of a file of at most 64 Mi characters, as `read_chunks` reads it.

    Raises:
        CorpusError: if it is not a regular file, cannot be read, is not UTF-8 or is longer.
    """
    check_text(path)
    chunks, length = [], 0
    for chunk in read_chunks(path):
        length += len(chunk)
        if length > MAX_TEXT:
            raise CorpusError(
                path, f"the file has more than {MAX_TEXT:,} characters; use a shorter one"
            )
        chunks.append(chunk)
    return "".join(chunks)


def scan_corpus(paths: Sequence[Path]) -> Corpus:
    """Read all files once and report what is in them.

    Binary files inside a folder are skipped; a file that is named is always read.

    Raises:
        CorpusError: if a file cannot be read, a named file is empty, or the text is too short or
            has too many different characters.
    """
    named = set(paths)
    files: list[Path] = []
    lengths: list[int] = []
    stamps: list[tuple[int, int]] = []
    alphabet: set[str] = set()
    digest = hashlib.sha256()
    texts, skipped = find_texts(paths)
    for path in texts:
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
        raise CorpusError(paths[0], "the folder holds no text")
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
        problem = f"{len(alphabet):,} different characters; at most {MAX_CHARACTERS:,} are allowed"
        raise CorpusError(paths[0], problem)
    if corpus.characters < MIN_CHARACTERS:
        raise CorpusError(
            paths[0],
            f"only {corpus.characters} characters; at least {MIN_CHARACTERS} are needed",
        )
    return corpus


def read_part(corpus: Corpus, part: Part) -> Iterator[str]:
    """Yield the text of the training or the validation part, with files joined by newlines.

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
            text = chunk[:cut] if part == "training" else chunk[cut:]
            position += len(chunk)
            if text:
                yield text
        if position != length or _stamp(path) != stamp:
            raise CorpusError(path, "the file changed while it was read; try again")


def _advice(head: bytes) -> str:
    """Return what to do about a file that is not UTF-8, judging by its first bytes."""
    known = (advice for signature, advice in SIGNATURES.items() if head.startswith(signature))
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
    return reason(error) if isinstance(error, OSError) else str(error)
