import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from textgen.data.formats.records import (
    RecordRules,
    json_line_records,
    json_records,
    parquet_records,
    table_records,
    texts_of,
)
from textgen.errors import CorpusError, UsageError

TEXT = st.text(st.characters(exclude_characters="\0\r", exclude_categories=["Cs"]))


def chunked(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def plain(records: Iterable[tuple[int, Mapping[str, Any]]], rules: RecordRules) -> list[str]:
    return [one.text for one in texts_of(records, "t", rules)]


def table(
    text: str, rules: RecordRules | None = None, kind: str = "csv", size: int = 7
) -> list[str]:
    rules = rules or RecordRules()
    return plain(table_records(chunked(text, size), kind, "t", rules), rules)


def json_lines(text: str, rules: RecordRules | None = None, size: int = 7) -> list[str]:
    rules = rules or RecordRules()
    return plain(json_line_records(chunked(text, size), "t", rules), rules)


def whole_json(text: str, rules: RecordRules | None = None) -> list[str]:
    rules = rules or RecordRules()
    return plain(json_records(text, "t", rules), rules)


@given(st.lists(TEXT, min_size=1), st.sampled_from(",;\t|"), st.integers(1, 50))
def test_a_table_gives_what_was_written_into_it(
    texts: list[str], delimiter: str, size: int
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["id", "tweet"])
    writer.writerows([number, text] for number, text in enumerate(texts))
    found = table(buffer.getvalue(), RecordRules(field="tweet"), size=size)
    assert found == texts


@given(st.lists(TEXT), st.integers(1, 50), st.booleans())
def test_json_lines_give_what_was_written_into_them(
    texts: list[str], size: int, ascii_only: bool
) -> None:
    lines = "".join(
        json.dumps({"n": 1, "a": {"b": text}}, ensure_ascii=ascii_only) + "\n" for text in texts
    )
    assert json_lines(lines, RecordRules(field="a.b"), size=size) == texts


@given(st.lists(TEXT))
def test_json_gives_what_was_written_into_it(texts: list[str]) -> None:
    items = [{"text": text} for text in texts]
    assert whole_json(json.dumps(items)) == texts
    assert whole_json(json.dumps({"meta": {"a": 1}, "items": items})) == texts
    assert whole_json(json.dumps(texts)) == texts


def test_the_only_text_field_or_the_one_called_text_need_not_be_named() -> None:
    assert table("id,tweet\n1,hello\n") == ["hello"]
    assert table("title,text\na,hello\n") == ["hello"]
    with pytest.raises(UsageError, match="--field NAME; its fields are title, body"):
        table("title,body\na,hello\n")


def test_a_field_that_does_not_exist_is_named_with_those_that_do() -> None:
    with pytest.raises(CorpusError, match=r"line 1 has no field 'b'; its fields are a, c\.d"):
        json_lines('{"a": 1, "c": {"d": "x"}}\n', RecordRules(field="b"))


def test_a_record_that_lacks_a_field_of_others_can_be_left_out() -> None:
    text = '{"text": "one"}\n{"a": 1}\n{"text": null}\n{"text": "two"}\n'
    with pytest.raises(CorpusError, match=r"line 2 has no field .text.; .* a; --skip-broken"):
        json_lines(text)
    with pytest.raises(CorpusError, match="in line 2 is not text: null; --skip-broken"):
        json_lines(text.replace('{"a": 1}\n', ""))
    assert json_lines(text, RecordRules(skip_broken=True)) == ["one", "two"]
    # The first record tells which fields there are.
    with pytest.raises(CorpusError) as found:
        json_lines(text, RecordRules(field="words"))
    assert str(found.value).endswith("line 1 has no field 'words'; its fields are text")


def test_records_without_lines_are_named_by_their_number() -> None:
    rows = list(json_records('["a",\n\n3]', "t", RecordRules(skip_broken=True)))
    assert rows == [(1, {"text": "a"})]
    rules = RecordRules()
    rows = list(json_records('[{"text": "a"}, {"text": 3}]', "t", rules))
    with pytest.raises(CorpusError, match="in record 2 is not text: 3; --skip-broken"):
        list(texts_of(rows, "t", rules, "record"))


def test_broken_records_are_named_by_line_or_left_out_and_counted() -> None:
    text = '{"text": "one"}\n{"text": oops}\n{"no": "text"}\n3\n{"text": 5}\n{"text": "two"}\n'
    with pytest.raises(CorpusError, match="line 2, column 10; --skip-broken"):
        json_lines(text)
    rules = RecordRules(field="text", skip_broken=True)
    assert json_lines(text, rules) == ["one", "two"]
    assert rules.broken == 4


def test_ragged_rows_are_named_or_left_out() -> None:
    text = 'id,tweet\n1,"two\nlines"\n2,a,b\n3,last\n'
    with pytest.raises(CorpusError, match="ends in line 4 has 3 fields"):
        table(text)
    rules = RecordRules(skip_broken=True)
    assert table(text, rules) == ["two\nlines", "last"]
    assert rules.broken == 1


def test_a_quote_that_does_not_end_is_one_error() -> None:
    with pytest.raises(CorpusError, match="broken table"):
        table('id,tweet\n1,"never ends\n2,x\n')


@pytest.mark.parametrize("text", ["", "3", '"x"', "[1", "{}", '{"a": [], "b": []}', "[" * 100_000])
def test_json_without_one_list_is_refused(text: str) -> None:
    with pytest.raises(CorpusError):
        whole_json(text)


def test_parquet_gives_the_text_of_its_column() -> None:
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()
    rows = pyarrow.table({"id": [1, 2], "words": ["one", "two\nlines"]})
    parquet.write_table(rows, buffer)
    rules = RecordRules()
    assert [one[:2] for one in texts_of(parquet_records(buffer, "t", rules), "t", rules)] == [
        ("one", 1),
        ("two\nlines", 2),
    ]
    with pytest.raises(CorpusError, match="Parquet file is damaged"):
        list(parquet_records(io.BytesIO(b"PAR1" + bytes(50)), "t", RecordRules()))


def test_the_number_of_a_row_is_the_line_in_which_it_begins() -> None:
    text = 'a,text\n1,one\n\n2,"two\nlines"\n3,three\n'
    rules = RecordRules()
    records = texts_of(table_records([text], "csv", "t", rules), "t", rules)
    assert [one[:2] for one in records] == [("one", 2), ("two\nlines", 4), ("three", 6)]


def test_the_number_of_an_object_is_its_line_or_its_place_in_the_list() -> None:
    rules = RecordRules()
    lines = json_line_records(['"one"\n\n"two"\n'], "t", rules)
    assert [one[:2] for one in texts_of(lines, "t", rules)] == [("one", 1), ("two", 3)]
    whole = json_records('["one",\n\n"two"]', "t", rules)
    assert [one[:2] for one in texts_of(whole, "t", rules)] == [("one", 1), ("two", 2)]
