"""The text of a field in each record of CSV, TSV, JSON, JSON Lines and Parquet files."""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from textgen.errors import CorpusError, UsageError
from textgen.extras import missing_extra

# Largest field of a table, in characters.
MAX_FIELD = 2**26
# Field that is taken without being named.
TEXT_FIELD = "text"
# Most fields that a message names.
NAMED_FIELDS = 12
# Longest part of a value that a message shows, in characters.
SHOWN_VALUE = 40
# Delimiters that a table may have; its first line decides.
DELIMITERS = ",;\t|"
# Characters that JSON can escape but no text holds.
_NOT_TEXT = re.compile("[\0\ud800-\udfff]")
JSON_FORMS = "JSON must be a list of objects, or an object with one list"


@dataclass
class RecordRules:
    """How the records of a file are read.

    Attributes:
        field: name of the field with the text: a column, or a dotted path in JSON; None for the
            only text field, or the one called `text`.
        skip_broken: whether to leave out records that are broken or lack a field.
        broken: number of records left out so far.
        first_broken: what is wrong with the first of them.
        labels: names of the fields with labels.
    """

    field: str | None = None
    skip_broken: bool = False
    broken: int = 0
    first_broken: str = ""
    labels: tuple[str, ...] = ()

    def skip(self, name: str, problem: str) -> None:
        """Count a broken record, or raise its problem if broken records are not left out.

        Raises:
            CorpusError: with the name of the file and the problem.
        """
        if not self.skip_broken:
            raise CorpusError(name, f"{problem}; --skip-broken leaves such records out")
        self.broken += 1
        self.first_broken = self.first_broken or problem


class RecordText(NamedTuple):
    """The text of a record.

    Attributes:
        text: the text.
        number: the line of the file in which the record begins; in JSON and Parquet files the
            number of the record.
        labels: value of each field of labels; empty for a field that is empty.
    """

    text: str
    number: int
    labels: tuple[str, ...] = ()


def texts_of(
    records: Iterable[tuple[int, Mapping[str, Any]]],
    name: str,
    rules: RecordRules,
    counted: str = "line",
) -> Iterator[RecordText]:
    """Yield the text of each record, and its labels.

    Args:
        records: number and fields of each record.
        name: name of the file in messages.
        rules: which field to read, and what to do with a broken record.
        counted: what the numbers count: lines or records.

    Raises:
        CorpusError: if a record lacks a field, its value is not text, or a label is neither text
            nor a number.
        UsageError: if no field is named and the first record does not tell which one is meant.
    """
    field, is_first = rules.field, True
    for number, record in records:
        if field is None:
            field = _only_text_field(record, name, rules.labels)
        problem = _problem(record, field, rules.labels, f"{counted} {number:,}")
        if problem and is_first and not rules.skip_broken:
            # The name of a field that no record had so far is more probably wrong than the record.
            raise CorpusError(name, problem)
        if problem:
            rules.skip(name, problem)
        else:
            is_first = False
            labels = tuple(_as_label(_value(record, label)) for label in rules.labels)
            yield RecordText(_value(record, field), number, labels)


def _problem(record: Mapping[str, Any], field: str, labels: Sequence[str], where: str) -> str:
    """Return why a record gives no text and labels; empty if it gives them."""
    for one in (field, *labels):
        if not _has(record, one):
            purpose = "" if one == field else " for a label"
            return f"{where} has no field {one!r}{purpose}; its fields are {_listed(record)}"
    value = _value(record, field)
    if not isinstance(value, str):
        return f"field {field!r} in {where} is not text: {_shown(value)}"
    if _NOT_TEXT.search(value):
        return f"field {field!r} in {where} holds a NUL or half a character"
    for one in labels:
        label = _value(record, one)
        if not isinstance(label, str | int | float | None):
            return f"field {one!r} in {where} is no label: {_shown(label)}"
    return ""


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)[:SHOWN_VALUE]


def _as_label(value: str | float | bool | None) -> str:
    """Return the value of a field of labels as text; it is empty if the field is."""
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _has(record: Mapping[str, Any], field: str) -> bool:
    """Return whether a record has a field, be its value null."""
    above, _, last = field.rpartition(".")
    inside = _value(record, above) if above else None
    return field in record or (isinstance(inside, dict) and last in inside)


def _only_text_field(record: Mapping[str, Any], name: str, labels: Sequence[str]) -> str:
    if isinstance(record.get(TEXT_FIELD), str):
        return TEXT_FIELD
    texts = [one for one, value in record.items() if one not in labels and _is_text(value)]
    if len(texts) == 1:
        return texts[0]
    raise UsageError(
        f"name the field of {name!r} that holds the text: --field NAME; "
        f"its fields are {_listed(record)}"
    )


def _is_text(value: Any) -> bool:
    """Return whether a value is text, and not a number as a table writes it."""
    try:
        float(value)
    except ValueError:
        return isinstance(value, str)
    except TypeError:
        return False
    return False


def _value(record: Mapping[str, Any], field: str) -> Any:
    """Return the value of a field; a dot leads into an object inside an object."""
    if field in record:
        return record[field]
    value: Any = record
    for part in field.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _listed(record: Mapping[str, Any]) -> str:
    names = list(_paths(record))
    more = f" and {len(names) - NAMED_FIELDS} more" if len(names) > NAMED_FIELDS else ""
    return (", ".join(names[:NAMED_FIELDS]) or "none") + more


def _paths(record: Mapping[str, Any], before: str = "") -> Iterator[str]:
    for name, value in record.items():
        if isinstance(value, dict) and value and before.count(".") < 4:
            yield from _paths(value, f"{before}{name}.")
        else:
            yield f"{before}{name}"


def table_records(
    chunks: Iterable[str], kind: str, name: str, rules: RecordRules
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line in which each row of a CSV or TSV file begins, and the fields of the row.

    The first row names the columns. A TSV file has tabs between its fields; the delimiter of a CSV
    file is the most frequent one in its first line.

    Raises:
        CorpusError: if there is no first row, a row has more or fewer fields than the first, or a
            quoted field does not end.
    """
    lines = _lines(chunks)
    first = next(lines, "")
    delimiter = "\t" if kind == "tsv" else max(DELIMITERS, key=first.count)
    csv.field_size_limit(MAX_FIELD)

    def whole() -> Iterator[str]:
        yield first
        yield from lines

    rows = csv.reader(whole(), delimiter=delimiter, strict=True)
    try:
        head = next(rows, [])
        if not any(head):
            raise CorpusError(name, "the table has no first row with the names of its columns")
        begin = rows.line_num
        for row in rows:
            begin, line = rows.line_num, begin + 1
            if not row:
                continue
            if len(row) == len(head):
                yield line, dict(zip(head, row, strict=True))
            else:
                problem = (
                    f"the row that ends in line {rows.line_num:,} has {len(row)} fields, but the "
                    f"first row names {len(head)}"
                )
                rules.skip(name, problem)
    except csv.Error as error:
        why = str(error).replace("unexpected end of data", "a quoted field does not end")
        raise CorpusError(name, f"broken table in line {rows.line_num:,}: {why}") from error


def json_line_records(
    chunks: Iterable[str], name: str, rules: RecordRules
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the line and the fields of each object of a JSON Lines file.

    Raises:
        CorpusError: if a line is not a JSON object; it names the line and the column.
    """
    for number, line in enumerate(_lines(chunks), 1):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = f", column {error.colno:,}" if isinstance(error, json.JSONDecodeError) else ""
            rules.skip(name, f"broken JSON in line {number:,}{column}")
            continue
        if isinstance(record, dict):
            yield number, record
        elif isinstance(record, str) and rules.field is None:
            yield number, {TEXT_FIELD: record}
        else:
            rules.skip(name, f"line {number:,} is not a JSON object")


def json_records(text: str, name: str, rules: RecordRules) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the fields of each object in a JSON file: a list, or an object with one.

    Raises:
        CorpusError: if it is not JSON, or holds no list or several lists of objects.
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        where = (
            f" in line {error.lineno:,}, column {error.colno:,}"
            if isinstance(error, json.JSONDecodeError)
            else ""
        )
        raise CorpusError(name, f"broken JSON{where}") from error
    if isinstance(content, dict):
        lists = {key: value for key, value in content.items() if isinstance(value, list)}
        if len(lists) != 1:
            found = f"{len(lists)} lists: {_listed(lists)}" if lists else "none"
            problem = (
                f"JSON must be a list of objects, or an object with one list; it holds {found}"
            )
            raise CorpusError(name, problem)
        content = next(iter(lists.values()))
    if not isinstance(content, list):
        raise CorpusError(name, JSON_FORMS)
    for number, record in enumerate(content, 1):
        if isinstance(record, dict):
            yield number, record
        elif isinstance(record, str) and rules.field is None:
            yield number, {TEXT_FIELD: record}
        else:
            rules.skip(name, f"item {number:,} of the list is not an object")


def parquet_records(
    file: BinaryIO, name: str, rules: RecordRules
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the number and the fields of each row of a Parquet file.

    Raises:
        UsageError: if the reader of Parquet files is not installed.
        CorpusError: if the file is damaged.
    """
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError as error:
        raise missing_extra(f"reading {name!r}", "parquet", error) from error
    try:
        table = parquet.ParquetFile(file)
        wanted = [one.split(".")[0] for one in (rules.field, *rules.labels) if one]
        is_known = rules.field is not None and {*wanted} <= {*table.schema_arrow.names}
        columns = wanted if is_known else None
        number = 0
        for batch in table.iter_batches(batch_size=1024, columns=columns):
            for record in batch.to_pylist():
                number += 1
                yield number, record
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise CorpusError(name, "the Parquet file is damaged") from error


def _lines(chunks: Iterable[str]) -> Iterator[str]:
    """Yield lines with their line feeds."""
    held = ""
    for chunk in chunks:
        lines = (held + chunk).split("\n")
        held = lines.pop()
        for line in lines:
            yield line + "\n"
    if held:
        yield held
