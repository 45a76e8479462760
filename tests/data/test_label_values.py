import json
from pathlib import Path

import numpy as np
import pytest

from textgen.data.labels import LABEL_DTYPE, label_weights, labels_path
from textgen.data.prepare import PreparedText, prepare_text
from textgen.data.source_rules import SourceRules
from textgen.data.text_rules import TextRules
from textgen.errors import CorpusError, SettingError, UsageError

LINES = [f"the {number % 7}th line of {number}" for number in range(60)]

RULES = ("labels", "label_from", "field", "skip_broken")


def prepare(folder: Path, sources: list[Path], **changes: object) -> PreparedText:
    source = {name: changes.pop(name) for name in RULES if name in changes}
    rules = TextRules(source=SourceRules(**source), **changes)  # type: ignore[arg-type]
    return prepare_text(sources, rules, folder / "corpus.tokens")


def records(folder: Path, rows: list[dict[str, object]]) -> Path:
    path = folder / "t.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def labelled_documents(folder: Path, prepared: PreparedText) -> list[tuple[str, list[str]]]:
    """Read the documents and the names of their labels back from the files."""
    assert prepared.labels is not None
    ids = np.fromfile(folder / "corpus.tokens", "u1")
    text = prepared.vocabulary.decode(ids)
    training = prepared.vocabulary.decode(ids[: prepared.training_ids]).split("\ud800")[1:-1]
    validation = prepared.vocabulary.decode(ids[prepared.training_ids :]).split("\ud800")[1:-1]
    assert len(text) == len(ids)
    names = ["", *(value for field in prepared.labels.fields for value in field.values)]
    kept = np.fromfile(labels_path(folder / "corpus.tokens"), LABEL_DTYPE)
    rows = kept.reshape(-1, len(prepared.labels.fields)).tolist()
    return [
        (document, [names[number] for number in row])
        for document, row in zip(training + validation, rows, strict=True)
    ]


@pytest.mark.parametrize("drop_repeats", [False, True])
def test_each_document_keeps_the_labels_of_its_record(tmp_path: Path, drop_repeats: bool) -> None:
    rows: list[dict[str, object]] = [
        {"text": line, "who": "abc"[number % 3], "year": 1800 + number % 2, "old": number % 2 == 0}
        for number, line in enumerate(LINES)
    ]
    path = records(tmp_path, [*rows, *rows[:5]] if drop_repeats else rows)
    fields = ("who", "year", "old")
    prepared = prepare(tmp_path, [path], labels=fields, drop_repeats=drop_repeats)
    assert prepared.unit == "row"
    expected = [
        (row["text"], [str(row["who"]), str(row["year"]), str(row["old"]).lower()]) for row in rows
    ]
    assert sorted(labelled_documents(tmp_path, prepared)) == sorted(expected)
    assert prepared.labels is not None
    training = prepared.labels.training
    for column, field in enumerate(prepared.labels.fields):
        assert field.name == fields[column]
        first = 1 + sum(len(one.values) for one in prepared.labels.fields[:column])
        counts = [int((training[:, column] == first + k).sum()) for k in range(len(field.values))]
        assert list(field.documents) == counts


def test_lines_and_paragraphs_of_a_record_have_its_labels(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"{line}\nmore of {number % 2}", "parity": number % 2}
        for number, line in enumerate(LINES)
    ]
    prepared = prepare(tmp_path, [records(tmp_path, rows)], labels=("parity",), documents="line")
    found = labelled_documents(tmp_path, prepared)
    assert len(found) == 2 * len(rows)
    assert all(labels == [text[-1]] for text, labels in found if text.startswith("more"))


def test_the_folder_and_the_file_of_a_text_are_labels(tmp_path: Path) -> None:
    for folder in ("austen", "melville"):
        (tmp_path / "books" / folder).mkdir(parents=True)
        for number in range(15):
            text = f"{folder} wrote {LINES[number]}\n\nin {number % 3}"
            (tmp_path / "books" / folder / f"b{number % 3}.{number}.txt").write_text(text)
    prepared = prepare(tmp_path, [tmp_path / "books"], label_from="folder")
    assert prepared.unit == "file"
    assert all(text.startswith(*labels) for text, labels in labelled_documents(tmp_path, prepared))
    prepared = prepare(tmp_path, [tmp_path / "books"], label_from="file")
    assert prepared.unit == "paragraph"
    ends = [(t, labels) for t, labels in labelled_documents(tmp_path, prepared) if t[:2] == "in"]
    assert len(ends) == 30
    assert all(labels[0].startswith(f"b{text[-1]}.") for text, labels in ends)


def test_a_list_of_lines_with_files_as_labels_has_lines_as_documents(tmp_path: Path) -> None:
    for name in ("one.txt", "two.txt"):
        (tmp_path / name).write_text("\n".join(f"{name[:3]} {k}" for k in range(150)) + "\n")
    sources = [tmp_path / "one.txt", tmp_path / "two.txt"]
    prepared = prepare(tmp_path, sources, label_from="file")
    assert prepared.unit == "line"
    assert any("each line is a document" in note for note in prepared.notes)
    assert all(text[:3] == labels[0] for text, labels in labelled_documents(tmp_path, prepared))


def test_values_that_only_validation_documents_have_are_left_out_there(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    path = records(tmp_path, [{"text": line, "who": "a"} for line in LINES])
    held = records(tmp_path / "v", [{"text": "1 the", "who": who} for who in ("a", "z", "")])
    prepared = prepare(tmp_path, [path], labels=("who",), validation=str(held))
    assert prepared.labels is not None
    assert prepared.labels.validation.tolist() == [[1], [0], [0]]
    assert any("not trained, since all of its documents are held out: z" in note
               for note in prepared.notes)  # fmt: skip
    assert label_weights(prepared.labels.fields, {"who": {"a": 1.0}}).tolist() == [1]


def test_values_with_one_document_and_documents_without_a_value_are_told(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": line, "who": "rare" if k == 7 else None if k < 5 else "a"}
        for k, line in enumerate(LINES)
    ]
    notes = " ".join(prepare(tmp_path, [records(tmp_path, rows)], labels=("who",), seed=1).notes)
    assert "who: 2 values (training documents): a (" in notes
    assert "documents have no value" in notes
    assert "too little to learn from one document each: rare" in notes


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"labels": ("wo",)}, CorpusError, "line 1 has no field 'wo' for a label; its fields are"),
        ({"labels": ("list",)}, CorpusError, "field 'list' in line 1 is no label"),
        ({"labels": ("who",), "documents": "file"}, UsageError, "records of a file have labels"),
        ({"labels": ("who", "who")}, SettingError, "label must be the names of different fields"),
        ({"labels": ("text",), "field": "text"}, SettingError, "names of different fields"),
        ({"labels": ("a=b",)}, SettingError, "names without an equals sign"),
        ({"label_from": "disk"}, SettingError, "label_from must be folder or file"),
    ],
)
def test_labels_that_cannot_be_are_refused(
    tmp_path: Path, change: dict[str, object], error: type[Exception], message: str
) -> None:
    rows: list[dict[str, object]] = [{"text": line, "who": "a", "list": [1]} for line in LINES]
    with pytest.raises(error, match=message):
        prepare(tmp_path, [records(tmp_path, rows)], **change)


def test_a_field_that_no_record_has_is_named_with_those_there_are(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": line, "who": "a"} for line in LINES]
    problem = f"left out: {len(LINES)} broken records, the first .line 1 has no field 'wo' for a "
    with pytest.raises(CorpusError, match=f"{problem}label; its fields are text, who"):
        prepare(tmp_path, [records(tmp_path, rows)], labels=("wo",), skip_broken=True)


def test_a_plain_text_has_no_field(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_text("\n".join(LINES))
    with pytest.raises(CorpusError, match=r"it has no records, .* 'who' .*; .* --format csv"):
        prepare(tmp_path, [path], labels=("who",))
