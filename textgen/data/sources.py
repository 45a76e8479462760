"""Read texts as people have them: files of any format, folders, archives, standard input."""

import io
import os
import stat
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple, get_args

from textgen.data.formats.archives import members
from textgen.data.formats.compressed import unpacked
from textgen.data.formats.decoding import (
    CHUNK_BYTES,
    Findings,
    Normalization,
    check_encoding,
    cleaned,
    decode,
    looks_binary,
)
from textgen.data.formats.kinds import (
    ARCHIVES,
    COMPRESSED,
    DOCUMENTS,
    HEAD_BYTES,
    KINDS,
    RECORDS,
    Kind,
    kind_of,
    unreadable,
)
from textgen.data.formats.office import LARGE_BYTES, document_text
from textgen.data.formats.records import (
    RecordRules,
    json_line_records,
    json_records,
    parquet_records,
    table_records,
    texts_of,
)
from textgen.errors import CorpusError, SettingError, UsageError, reason

STANDARD_INPUT = "-"
# Names of copies that editors leave beside a file.
BACKUPS = ("~", ".bak", ".orig", ".swp", ".tmp")
# Largest text read into memory at once, in characters.
MAX_TEXT = 2**26
# Number of files of which an error tells the problem; more are counted.
TOLD_FILES = 5


@dataclass(frozen=True, kw_only=True)
class SourceRules:
    """How sources are read.

    Attributes:
        format: kind of all files; None for that of each file's content and name.
        field: field of a record that holds the text; see `RecordRules`.
        encoding: encoding of all texts; `guess` to guess; None for a byte order mark's, or UTF-8.
        normalization: Unicode normal form into which texts are brought.
        skip_broken: whether to leave out broken records.
    """

    format: Kind | None = None
    field: str | None = None
    encoding: str | None = None
    normalization: Normalization = "nfc"
    skip_broken: bool = False

    def __post_init__(self) -> None:
        if self.format not in (None, *KINDS):
            raise SettingError("format", self.format, "one of " + ", ".join(KINDS))
        if self.normalization not in get_args(Normalization):
            raise SettingError("normalize", self.normalization, "none, nfc or nfkc")
        if self.encoding is not None:
            check_encoding(self.encoding)
        if not isinstance(self.field, str | None):
            raise SettingError("field", self.field, "the name of a field")
        if not isinstance(self.skip_broken, bool):
            raise SettingError("skip_broken", self.skip_broken, "true or false")


class Piece(NamedTuple):
    """A piece of a source's text.

    Attributes:
        text: the piece; it may be empty.
        is_end: whether a record or a file ends after it.
    """

    text: str
    is_end: bool = False


@dataclass
class FileReport:
    """What was read of a file.

    Attributes:
        name: path of the file; inside an archive, the archive's path and the name in it.
        kind: its kind.
        characters: length of its text.
        findings: what decoding changed or noticed.
    """

    name: str
    kind: str
    characters: int = 0
    findings: Findings = field(default_factory=Findings)


@dataclass
class ReadReport:
    """What was read of some sources, and what was not.

    Attributes:
        files: the files that were read, in order.
        passed_over: name and reason of each file that was not read.
        notes: remarks for the user, one sentence each.
        broken: number of broken records left out.
    """

    files: list[FileReport] = field(default_factory=list)
    passed_over: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    broken: int = 0

    def summary(self) -> str:
        """Say in one sentence what was read and what was not."""
        characters = sum(file.characters for file in self.files)
        count = f"{len(self.files):,} file{'' if len(self.files) == 1 else 's'}, "
        parts = [f"read {count if len(self.files) > 1 else ''}{characters:,} characters"]
        if self.passed_over:
            reasons = Counter(reason for _, reason in self.passed_over)
            listed = ", ".join(f"{count:,} ({reason})" for reason, count in reasons.most_common())
            parts.append(f"passed over: {listed}")
        if self.broken:
            parts.append(f"left out: {self.broken:,} broken records")
        return "; ".join(parts)

    def changes(self) -> Iterator[str]:
        """Give the remarks, and say what decoding changed, one sentence for each kind of change."""
        yield from self.notes
        found = [file.findings for file in self.files]
        encodings = Counter(one.encoding for one in found if one.encoding not in ("", "utf-8"))
        for encoding, count in encodings.items():
            yield f"{count:,} file{'' if count == 1 else 's'} read as {encoding}"
        if marks := sum(one.marks for one in found):
            yield f"left out {marks:,} byte order marks inside the text"
        if doubled := sum(one.double_returns for one in found):
            yield f"{doubled:,} lines ended in CR CR LF; each counts as one line end"
        if any(one.is_normalized for one in found):
            yield "brought letters with accents into one form; --normalize none leaves them as is"


def read_sources(
    paths: Sequence[Path], rules: SourceRules, report: ReadReport
) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
    """Read texts one file after the other.

    Args:
        paths: files, folders, archives, or `-` for standard input. The files of a folder are read
            in the order of their paths, without hidden files, backups and runs of textgen.
        rules: how to read them.
        report: what was read and what was not is noted here.

    Yields:
        Each file with its pieces, which must be read before the next file is asked for.

    Raises:
        CorpusError: if a source is missing, empty or unreadable. All files that cannot be decoded
            are named in one error, after the others are read.
        UsageError: if standard input is named twice.
    """
    if [str(path) for path in paths].count(STANDARD_INPUT) > 1:
        raise UsageError("standard input can be read only once; name it once")
    reader = _Reader(rules, report)
    for path in paths:
        yield from reader.read(path)
    reader.finish(paths)


def source_chunks(paths: Sequence[Path], rules: SourceRules, report: ReadReport) -> Iterator[str]:
    """Yield the text of sources in pieces, with a newline between two files or records.

    The arguments and errors are those of `read_sources`.
    """
    is_first = is_inside = True
    for _, pieces in read_sources(paths, rules, report):
        for piece in pieces:
            if piece.text:
                if not is_inside and not is_first:
                    yield "\n"
                is_inside, is_first = True, False
                yield piece.text
            is_inside = is_inside and not piece.is_end


def check_source(path: Path) -> None:
    """Check that a source is there, without reading it.

    Raises:
        CorpusError: if it is missing, or is none of a file, a folder and a pipe.
    """
    if str(path) == STANDARD_INPUT:
        return
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise CorpusError(path, reason_of(error)) from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        problem = "neither a file nor a folder; give its text on standard input, with -"
        raise CorpusError(path, problem)


def is_read_once(path: Path) -> bool:
    """Return whether a source is gone once it is read: standard input, or a pipe with a name."""
    return str(path) == STANDARD_INPUT or path.is_fifo()


def check_has_fields(rules: SourceRules, report: ReadReport) -> None:
    """Check that options for records were given for records, once the sources are read.

    Raises:
        UsageError: if a field is named, or broken records are to be left out, but nothing that was
            read has records.
    """
    if any(file.kind in RECORDS for file in report.files):
        return
    option = "field" if rules.field is not None else "skip-broken" if rules.skip_broken else None
    if option:
        raise UsageError(
            f"--{option} is for records, but the text is none of {', '.join(RECORDS)}; "
            "leave it out, or say what the text is with --format"
        )


def load_text(path: Path) -> str:
    """Return the text of a file of at most 64 Mi characters, such as a prompt or a list of words.

    Raises:
        CorpusError: if it is neither a file nor a pipe, cannot be read, is not UTF-8 or is longer.
    """
    check_source(path)
    if path.is_dir():
        raise CorpusError(path, "it is a folder, not a file")
    chunks, length = [], 0
    rules = SourceRules(format="text", normalization="none")
    for chunk in source_chunks([path], rules, ReadReport()):
        length += len(chunk)
        if length > MAX_TEXT:
            problem = f"the file has more than {MAX_TEXT:,} characters; use a shorter one"
            raise CorpusError(path, problem)
        chunks.append(chunk)
    return "".join(chunks)


class _Reader:
    """Reads sources, and collects the problems of their files."""

    def __init__(self, rules: SourceRules, report: ReadReport) -> None:
        self._rules, self._report = rules, report
        self._problems: list[CorpusError] = []

    def read(self, path: Path) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        if str(path) == STANDARD_INPUT:
            yield from self._stream(sys.stdin.buffer, "standard input", is_named=True)
            return
        check_source(path)
        try:
            if path.is_dir():
                for file in self._files_of(path):
                    yield from self._file(file, is_named=False)
            else:
                yield from self._file(path, is_named=True)
        except (OSError, ValueError) as error:
            raise CorpusError(path, reason_of(error)) from error

    def finish(self, paths: Sequence[Path]) -> None:
        """Raise the problems of the files, if there are any."""
        if len(self._problems) == 1:
            raise self._problems[0]
        if self._problems:
            told = "; ".join(f"{one.path}: {one.problem}" for one in self._problems[:TOLD_FILES])
            more = len(self._problems) - TOLD_FILES
            rest = f"; and {more:,} more" if more > 0 else ""
            count = len(self._problems)
            raise CorpusError(paths[0], f"{count:,} files cannot be read: {told}{rest}")
        if not self._report.files:
            reasons = sorted({reason for _, reason in self._report.passed_over})
            problem = f"there is no text in it; passed over: {', '.join(reasons)}"
            raise CorpusError(paths[0], problem if reasons else "the folder holds no files")

    def _files_of(self, folder: Path) -> list[Path]:
        found: list[Path] = []

        def refuse(error: OSError) -> None:
            raise CorpusError(error.filename or folder, reason_of(error)) from error

        for parent, folders, names in os.walk(folder, onerror=refuse):
            for name in folders:
                path = Path(parent, name)
                if path.is_symlink():
                    self._pass_over(str(path), "a link to a folder")
            folders[:] = [
                name
                for name in folders
                if not name.startswith(".") and not Path(parent, name, "run.json").is_file()
            ]
            for name in names:
                path = Path(parent, name)
                if name.startswith(".") or not path.is_file():
                    continue
                if name.endswith(BACKUPS):
                    self._pass_over(str(path), "a backup")
                else:
                    found.append(path)
        return sorted(found, key=lambda path: path.relative_to(folder).as_posix())

    def _file(self, path: Path, *, is_named: bool) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        before = stamp_of(path)
        with path.open("rb") as file:
            yield from self._stream(file, str(path), is_named=is_named)
        if not path.is_fifo() and stamp_of(path) != before:
            raise CorpusError(path, "the file changed while it was read; try again")

    def _stream(
        self, file: IO[bytes], name: str, *, is_named: bool, is_packed: bool = False
    ) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        """Read a stream of any kind.

        Args:
            file: the bytes.
            name: name in messages and reports.
            is_named: whether the user has named the file, and so wants it read.
            is_packed: whether the stream is inside an archive.
        """
        head, whole = _with_head(file, is_packed=is_packed)
        kind = self._rules.format or kind_of(head, name)
        if kind in COMPRESSED:
            inner = unpacked(whole, kind, name)
            shown = name.rsplit(".", 1)[0] if "." in Path(name).name else name
            yield from self._unpacked(inner, name, shown, is_named=is_named, is_packed=is_packed)
        elif kind in ARCHIVES and is_packed:
            self._pass_over(name, "an archive within an archive")
        elif kind in ARCHIVES:
            yield from self._archive(whole, kind, name)
        elif not head:
            if is_named:
                raise CorpusError(name, "the text is empty")
            self._pass_over(name, "empty")
        elif not is_named and (what := _not_text(head, kind)):
            self._pass_over(name, what)
        elif is_named and kind == "text" and (what := unreadable(head)):
            raise CorpusError(name, f"it is {what}")
        else:
            report = FileReport(name, kind)
            pieces = self._pieces(whole, kind, report)
            yield report, self._counted(pieces, report, is_named=is_named)

    def _unpacked(
        self, file: BinaryIO, name: str, shown: str, *, is_named: bool, is_packed: bool
    ) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        """Read unpacked bytes under the name without the suffix of compression."""
        try:
            found = self._stream(file, shown, is_named=is_named, is_packed=is_packed)
            for report, pieces in found:
                report.name = name if report.name == shown else report.name
                yield report, pieces
        except CorpusError as error:
            self._problems.append(error)

    def _archive(
        self, file: BinaryIO, kind: str, name: str
    ) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        for member in members(file, kind, name):
            path = f"{name}/{member.name}"
            base = member.name.rsplit("/", 1)[-1]
            if member.file is None:
                self._pass_over(path, member.reason)
            elif base.startswith(".") or member.name.startswith("__MACOSX/"):
                continue
            elif base.endswith(BACKUPS):
                self._pass_over(path, "a backup")
            else:
                yield from self._stream(member.file, path, is_named=False, is_packed=True)

    def _counted(
        self, pieces: Iterator[Piece], report: FileReport, *, is_named: bool
    ) -> Iterator[Piece]:
        """Pass on the pieces of a file, count them, and keep a problem for the end."""
        before = self._report.broken
        try:
            for piece in pieces:
                report.characters += len(piece.text)
                yield piece
        except CorpusError as error:
            self._problems.append(error)
        except OSError as error:  # the disk failed, not the text
            raise CorpusError(report.name, reason_of(error)) from error
        else:
            if report.characters:
                self._report.files.append(report)
            elif is_named:
                broken = self._report.broken - before
                why = f"; left out: {broken:,} broken records" if broken else ""
                self._problems.append(CorpusError(report.name, f"the text is empty{why}"))
            else:
                self._pass_over(report.name, "without text")

    def _pieces(self, file: BinaryIO, kind: Kind, report: FileReport) -> Iterator[Piece]:
        rules, name = self._rules, report.name
        if kind in DOCUMENTS:
            data = file.read()
            self._remark_size(name, len(data))
            text = document_text(data, kind, name, encoding=rules.encoding)
            yield Piece(cleaned(text, rules.normalization, report.findings), True)
        elif kind in RECORDS:
            yield from self._record_pieces(file, kind, report)
        else:
            yield from map(Piece, self._decoded(file, report))
            yield Piece("", True)

    def _decoded(self, file: BinaryIO, report: FileReport) -> Iterator[str]:
        return decode(
            file,
            report.name,
            report.findings,
            encoding=self._rules.encoding,
            normalization=self._rules.normalization,
        )

    def _record_pieces(self, file: BinaryIO, kind: Kind, report: FileReport) -> Iterator[Piece]:
        records = RecordRules(field=self._rules.field, skip_broken=self._rules.skip_broken)
        name = report.name
        if kind == "parquet":
            whole = file if file.seekable() else io.BytesIO(file.read())
            rows = parquet_records(whole, name, records)
        else:
            chunks = self._decoded(file, report)
            if kind == "jsonl":
                rows = json_line_records(chunks, name, records)
            elif kind == "json":
                text = "".join(chunks)
                self._remark_size(name, len(text))
                rows = json_records(text, name, records)
            else:
                rows = table_records(chunks, kind, name, records)
        for text in texts_of(rows, name, records):
            if text:
                # What JSON escapes is brought into the same form as the rest.
                yield Piece(cleaned(text, self._rules.normalization, report.findings), True)
        self._report.broken += records.broken

    def _remark_size(self, name: str, size: int) -> None:
        """Say that a file is held in memory whole, if it is large."""
        if size > LARGE_BYTES:
            self._report.notes.append(f"{name!r} is held in memory whole: over {size:,} bytes")

    def _pass_over(self, name: str, reason: str) -> None:
        self._report.passed_over.append((name, reason))


def _not_text(head: bytes, kind: Kind) -> str | None:
    """Return why a file that nobody has named is not read; None if it is."""
    if kind in DOCUMENTS or kind == "parquet":
        return None
    return unreadable(head) or ("binary" if looks_binary(head) else None)


def _with_head(file: IO[bytes], *, is_packed: bool) -> tuple[bytes, BinaryIO]:
    """Return the first bytes of a stream, and a stream with all of its bytes.

    An entry of an archive cannot be sought, whatever it says.
    """
    if not is_packed and isinstance(file, io.BufferedReader) and file.seekable():
        head = file.read(HEAD_BYTES)
        file.seek(-len(head), io.SEEK_CUR)
        return head, file
    head = file.read(HEAD_BYTES)
    # A short read is the last one. Reading on would make a terminal wait for new input.
    rest = io.BytesIO() if len(head) < HEAD_BYTES else file
    return head, io.BufferedReader(_Prefixed(head, rest), CHUNK_BYTES)


class _Prefixed(io.RawIOBase):
    """A stream that begins with bytes that were read from it before."""

    def __init__(self, head: bytes, file: IO[bytes]) -> None:
        self._head, self._file = head, file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._head[: len(buffer)] or self._file.read(len(buffer))
        self._head = self._head[len(data) :]
        buffer[: len(data)] = data
        return len(data)


def stamp_of(path: Path) -> tuple[int, int]:
    """Return the size in bytes and the modification time in nanoseconds of a file.

    Raises:
        CorpusError: if the file is gone.
    """
    try:
        status = path.stat()
    except OSError as error:
        raise CorpusError(path, reason_of(error)) from error
    return status.st_size, status.st_mtime_ns


def reason_of(error: OSError | ValueError) -> str:
    """Return why a file cannot be read, and what to do about it."""
    return reason(error) if isinstance(error, OSError) else str(error)
