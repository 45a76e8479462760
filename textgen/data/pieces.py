"""The text of a file of any kind that is no archive and not compressed, in pieces."""

import io
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from textgen.data.formats.decoding import cleaned, decode
from textgen.data.formats.kinds import DOCUMENTS, RECORDS, Kind
from textgen.data.formats.office import LARGE_BYTES, document_text
from textgen.data.formats.records import (
    RecordRules,
    json_line_records,
    json_records,
    parquet_records,
    table_records,
    texts_of,
)
from textgen.data.read_report import FileReport, ReadReport
from textgen.data.source_rules import SourceRules


class Piece(NamedTuple):
    """A piece of a source's text.

    Attributes:
        text: the piece; it may be empty.
        is_end: whether a record or a file ends after it.
    """

    text: str
    is_end: bool = False


def pieces_of(
    file: BinaryIO, kind: Kind, rules: SourceRules, report: ReadReport, of_file: FileReport
) -> Iterator[Piece]:
    """Yield the text of a file in pieces.

    Args:
        file: its bytes, buffered.
        kind: its kind.
        rules: how to read it.
        report: remarks, and the number of broken records, are noted here.
        of_file: name of the file; what decoding changes is noted here.

    Raises:
        CorpusError: if the file is damaged, or holds something else than its kind.
        UsageError: if the field with the text is not known, or a reader is not installed.
    """
    name = of_file.name
    if kind in DOCUMENTS:
        data = file.read()
        _remark_size(report, name, len(data))
        text = document_text(data, kind, name, encoding=rules.encoding)
        yield Piece(cleaned(text, rules.normalization, of_file.findings), True)
    elif kind in RECORDS:
        yield from _record_pieces(file, kind, rules, report, of_file)
    else:
        yield from map(Piece, _decoded(file, rules, of_file))
        yield Piece("", True)


def _decoded(file: BinaryIO, rules: SourceRules, of_file: FileReport) -> Iterator[str]:
    return decode(
        file,
        of_file.name,
        of_file.findings,
        encoding=rules.encoding,
        normalization=rules.normalization,
    )


def _record_pieces(
    file: BinaryIO, kind: Kind, rules: SourceRules, report: ReadReport, of_file: FileReport
) -> Iterator[Piece]:
    records = RecordRules(field=rules.field, skip_broken=rules.skip_broken)
    name = of_file.name
    if kind == "parquet":
        whole = file if file.seekable() else io.BytesIO(file.read())
        rows = parquet_records(whole, name, records)
    else:
        chunks = _decoded(file, rules, of_file)
        if kind == "jsonl":
            rows = json_line_records(chunks, name, records)
        elif kind == "json":
            text = "".join(chunks)
            _remark_size(report, name, len(text))
            rows = json_records(text, name, records)
        else:
            rows = table_records(chunks, kind, name, records)
    for text in texts_of(rows, name, records):
        if text:
            # What JSON escapes is brought into the same form as the rest.
            yield Piece(cleaned(text, rules.normalization, of_file.findings), True)
    report.broken += records.broken


def _remark_size(report: ReadReport, name: str, size: int) -> None:
    """Say that a file is held in memory whole, if it is large."""
    if size > LARGE_BYTES:
        report.notes.append(f"{name!r} is held in memory whole: over {size:,} bytes")
