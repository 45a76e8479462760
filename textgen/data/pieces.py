"""The text of a file of any kind that is no archive and not compressed, in pieces."""

import io
from collections.abc import Iterator
from pathlib import Path
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
from textgen.data.source_rules import LabelFrom, SourceRules
from textgen.errors import CorpusError

# Name in messages of a text that has no path.
STANDARD_INPUT_NAME = "standard input"
# Last suffixes of the names of compressed files.
PACKED_SUFFIXES = (".gz", ".bz2", ".xz", ".zst")


class Piece(NamedTuple):
    """A piece of a source's text.

    Attributes:
        text: the piece; it may be empty.
        is_end: whether a record or a file ends after it.
        number: number of the record as in `RecordText`; 1 if the text is no record.
        labels: at the end, the value of each field of labels; empty for a value that is left out.
    """

    text: str
    is_end: bool = False
    number: int = 1
    labels: tuple[str, ...] = ()


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
    if rules.labels and kind not in RECORDS:
        problem = f"it has no records, and so no field {rules.labels[0]!r} for a label"
        if kind == "text" and rules.format is None:
            problem += "; if it is a table or JSON, say so, as with --format csv"
        raise CorpusError(name, problem)
    from_path = _labels_of_path(name, rules.label_from)
    for piece in _unlabelled(file, kind, rules, report, of_file):
        yield piece._replace(labels=piece.labels + from_path) if piece.is_end else piece


def _labels_of_path(name: str, label_from: LabelFrom | None) -> tuple[str, ...]:
    """Return the label that the path of a file gives, or none.

    Raises:
        CorpusError: if the text has no path.
    """
    if label_from is None:
        return ()
    if name == STANDARD_INPUT_NAME:
        raise CorpusError(name, f"it stands in no {label_from}; leave --label-from out")
    path = Path(name).absolute()
    if label_from == "folder":
        return (path.parent.name,)
    return (Path(path.stem).stem if path.suffix in PACKED_SUFFIXES else path.stem,)


def _unlabelled(
    file: BinaryIO, kind: Kind, rules: SourceRules, report: ReadReport, of_file: FileReport
) -> Iterator[Piece]:
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
    records = RecordRules(field=rules.field, skip_broken=rules.skip_broken, labels=rules.labels)
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
    counted = "record" if kind in ("json", "parquet") else "line"
    for text, number, labels in texts_of(rows, name, records, counted):
        if text:
            # What JSON escapes is brought into the same form as the rest.
            whole_text = cleaned(text, rules.normalization, of_file.findings)
            yield Piece(whole_text, True, number, labels)
    if records.broken:
        of_file.broken, of_file.first_broken = records.broken, records.first_broken
        report.first_broken = report.first_broken or f"{name}: {records.first_broken}"
        report.broken += records.broken


def _remark_size(report: ReadReport, name: str, size: int) -> None:
    """Say that a file is held in memory whole, if it is large."""
    if size > LARGE_BYTES:
        report.notes.append(f"{name!r} is held in memory whole: over {size:,} bytes")
