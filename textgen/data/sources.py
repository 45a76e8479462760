"""Read texts as people have them: files of any format, folders, archives, standard input."""

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, BinaryIO

from textgen.data.folders import BACKUPS, files_of, reason_of, stamp_of
from textgen.data.formats.archives import members
from textgen.data.formats.compressed import unpacked
from textgen.data.formats.decoding import looks_binary
from textgen.data.formats.heads import with_head
from textgen.data.formats.kinds import (
    ARCHIVES,
    COMPRESSED,
    DOCUMENTS,
    Kind,
    kind_of,
    unreadable,
)
from textgen.data.pieces import STANDARD_INPUT_NAME, Piece, pieces_of
from textgen.data.read_report import FileReport, ReadReport, left_out
from textgen.data.source_rules import SourceRules
from textgen.errors import CorpusError, UsageError

STANDARD_INPUT = "-"
# Largest text read into memory at once, in characters.
MAX_TEXT = 2**26
# Most times that a file is unpacked. A file can be made that unpacks into itself.
MOST_UNPACKED = 3
# Number of files of which an error tells the problem; more are counted.
TOLD_FILES = 5
# What to do about files in other encodings than UTF-8 beside others that are in it.
MIXED_ADVICE = (
    "; other files are in UTF-8: --encoding guess reads each file in the encoding it looks like"
)


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


def source_chunks(
    paths: Sequence[Path], rules: SourceRules, report: ReadReport
) -> Iterator[tuple[str, str]]:
    """Yield the text of sources in pieces, each with the name of its file.

    A newline stands between two files or records; it belongs to the one before it. The arguments
    and errors are those of `read_sources`.
    """
    is_inside, last = True, ""
    for file, pieces in read_sources(paths, rules, report):
        for piece in pieces:
            if piece.text:
                if not is_inside and last:
                    yield last, "\n"
                is_inside, last = True, file.name
                yield last, piece.text
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
    for _, chunk in source_chunks([path], rules, ReadReport()):
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
            yield from self._stream(sys.stdin.buffer, STANDARD_INPUT_NAME, is_named=True)
            return
        check_source(path)
        try:
            if path.is_dir():
                for file in files_of(path, self._report):
                    yield from self._file(file, is_named=False)
            else:
                yield from self._file(str(path), is_named=True)
        except (OSError, ValueError) as error:
            raise CorpusError(path, reason_of(error)) from error

    def finish(self, paths: Sequence[Path]) -> None:
        """Raise the problems of the files, if there are any."""
        # One encoding for all would change the files that are in UTF-8.
        is_mixed = any(one.findings.encoding == "utf-8" for one in self._report.files)
        advice = MIXED_ADVICE if is_mixed else ""
        if len(self._problems) == 1:
            alone = self._problems[0]
            has_advice = "--encoding" in alone.problem
            raise CorpusError(alone.path, alone.problem + advice) if has_advice else alone
        if self._problems:
            told = "; ".join(f"{one.path}: {one.problem}" for one in self._problems[:TOLD_FILES])
            more = len(self._problems) - TOLD_FILES
            rest = f"; and {more:,} more" if more > 0 else ""
            count = len(self._problems)
            raise CorpusError(paths[0], f"{count:,} files cannot be read: {told}{rest}{advice}")
        if not self._report.files:
            reasons = sorted({reason for _, reason in self._report.passed_over})
            problem = f"there is no text in it; passed over: {', '.join(reasons)}"
            raise CorpusError(paths[0], problem if reasons else "the folder holds no files")

    def _file(self, path: str, *, is_named: bool) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        before = stamp_of(path)
        with open(path, "rb") as file:
            self._report.current = file
            is_fifo = stat.S_ISFIFO(os.fstat(file.fileno()).st_mode)
            try:
                yield from self._stream(file, path, is_named=is_named)
            finally:
                self._report.current = None
        self._report.finished_bytes += before[0]
        if not is_fifo and stamp_of(path) != before:
            raise CorpusError(path, "the file changed while it was read; try again")

    def _stream(
        self,
        file: IO[bytes],
        name: str,
        *,
        is_named: bool,
        is_packed: bool = False,
        bare_name: str | None = None,
        depth: int = 0,
    ) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        """Read a stream of any kind.

        Args:
            file: the bytes.
            name: name in messages and reports.
            is_named: whether the user has named the file, and so wants it read.
            is_packed: whether the stream is inside an archive.
            bare_name: the name without the suffix of compression; None if it has none.
            depth: how many times the stream was unpacked.
        """
        head, whole = with_head(file, is_packed=is_packed)
        kind = self._rules.format or kind_of(head, bare_name or name)
        if kind in COMPRESSED and depth == MOST_UNPACKED:
            raise CorpusError(name, f"it is compressed more than {MOST_UNPACKED} times over")
        if kind in COMPRESSED:
            inner = unpacked(whole, kind, name)
            bare_name = str(Path(bare_name or name).with_suffix(""))
            try:
                yield from self._stream(
                    inner,
                    name,
                    is_named=is_named,
                    is_packed=is_packed,
                    bare_name=bare_name,
                    depth=depth + 1,
                )
            except CorpusError as error:
                self._problems.append(error)
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
            pieces = pieces_of(whole, kind, self._rules, self._report, report)
            yield report, self._counted(pieces, report, is_named=is_named)

    def _archive(
        self, file: BinaryIO, kind: str, name: str
    ) -> Iterator[tuple[FileReport, Iterator[Piece]]]:
        for member in members(file, kind, name):
            path = f"{name}/{member.name}"
            parts = member.name.split("/")
            is_hidden = any(one.startswith(".") and one not in (".", "..") for one in parts)
            if is_hidden or member.name.startswith("__MACOSX/"):
                continue
            if member.file is None:
                self._pass_over(path, member.reason)
            elif parts[-1].endswith(BACKUPS):
                self._pass_over(path, "a backup")
            else:
                yield from self._stream(member.file, path, is_named=False, is_packed=True)

    def _counted(
        self, pieces: Iterator[Piece], report: FileReport, *, is_named: bool
    ) -> Iterator[Piece]:
        """Pass on the pieces of a file, count them, and keep a problem for the end."""
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
                broken = left_out(report.broken, report.first_broken)
                why = f"; {broken}" if report.broken else ""
                self._problems.append(CorpusError(report.name, f"the text is empty{why}"))
            else:
                self._pass_over(report.name, "without text")

    def _pass_over(self, name: str, reason: str) -> None:
        self._report.passed_over.append((name, reason))


def _not_text(head: bytes, kind: Kind) -> str | None:
    """Return why a file that nobody has named is not read; None if it is."""
    if kind in DOCUMENTS or kind == "parquet":
        return None
    return unreadable(head) or ("binary" if looks_binary(head) else None)
