"""The labels of the documents of a training text: which values are trained, and their ids."""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.gather import Gathered
from textgen.data.labels import LABEL_DTYPE, LabelField, Labels, SplitLabels, listed_counts, named
from textgen.data.source_rules import SourceRules
from textgen.data.split import Spans, is_list
from textgen.data.text_rules import DocumentUnit
from textgen.errors import UsageError, storage_errors


class DocumentLabels(NamedTuple):
    """The labels of documents.

    Attributes:
        fields: the fields and their values.
        training: ids of the labels of the training documents, int [D, K].
        validation: ids of those of the validation documents, int [D, K].
        notes: what a user should know about them, one line for each.
    """

    fields: tuple[LabelField, ...]
    training: Labels
    validation: Labels
    notes: tuple[str, ...]

    @property
    def split(self) -> SplitLabels:
        """The ids of both parts."""
        return SplitLabels(self.training, self.validation)


def unit_of_labels(gathered: Gathered, rules: SourceRules, unit: DocumentUnit) -> DocumentUnit:
    """Return what a document is where documents have labels: what was asked for, unless `whole`.

    Otherwise it is a record where records have labels, a file where folders are labels, and a line
    or a paragraph where files are.

    Raises:
        UsageError: if records have labels, and all records of a file were to be one document.
    """
    if rules.labels and unit == "file":
        raise UsageError(
            "the records of a file have labels of their own; leave --documents file out, or take "
            "--documents row"
        )
    if unit != "whole":
        return unit
    if rules.labels:
        return "row"
    if rules.label_from == "folder":
        return "file"
    return "line" if is_list(gathered) else "paragraph"


def number_labels(
    training: tuple[Gathered, Spans], validation: tuple[Gathered, Spans]
) -> DocumentLabels:
    """Number the labels of documents.

    Only values that a training document has get an id. In validation documents, any other value is
    left out.

    Args:
        training: the texts, and the begin and end of each document to train on, int64 [D, 2].
        validation: the same of the documents to validate on.
    """
    fields, notes, columns = list[LabelField](), list[str](), list[list[NDArray[np.int64]]]([])
    found, held = _numbers(*training), _numbers(*validation)
    first = 1
    for column, name in enumerate(training[0].labels.names):
        values = training[0].labels.values[column]
        counts = np.bincount(found[:, column], minlength=len(values) + 1)
        trained = sorted(value for value, number in values.items() if counts[number])
        ids = {value: first + rank for rank, value in enumerate(trained)}
        columns.append(
            [_ids(texts.labels.values[column], ids)[numbers[:, column]]
             for (texts, _), numbers in ((training, found), (validation, held))]
        )  # fmt: skip
        documents = tuple(int(counts[values[value]]) for value in trained)
        fields.append(LabelField(name, tuple(trained), documents))
        first += len(trained)
        notes += _notes(fields[-1], int(counts[0]), _left_out(validation[0], column, held, ids))
    parts = [np.stack(part, axis=1).astype(LABEL_DTYPE) for part in zip(*columns, strict=True)]
    return DocumentLabels(tuple(fields), parts[0], parts[1], tuple(notes))


def _numbers(gathered: Gathered, documents: Spans) -> NDArray[np.int32]:
    """Return the numbers of the values of each document: those of the text that it stands in."""
    texts = np.searchsorted(gathered.ends, documents[:, 0], side="right")
    return gathered.labels.numbers()[texts]


def _ids(values: dict[str, int], ids: dict[str, int]) -> NDArray[np.int64]:
    """Return the id for each number of a value; 0 for the number 0 and values without an id."""
    return np.array([0, *(ids.get(value, 0) for value in values)])


def _left_out(
    validation: Gathered, column: int, held: NDArray[np.int32], ids: dict[str, int]
) -> list[str]:
    """Return the values that only validation documents have."""
    numbers = {*held[:, column].tolist()}
    values = validation.labels.values[column].items()
    return sorted(value for value, number in values if number in numbers and value not in ids)


def _notes(field: LabelField, unlabelled: int, left_out: list[str]) -> list[str]:
    values = f"{len(field.values):,} value{'' if len(field.values) == 1 else 's'}"
    notes = [f"label {field.name}: {values} (training documents): {listed_counts(field)}"]
    if unlabelled:
        notes.append(f"label {field.name}: {unlabelled:,} documents have no value")
    if single := [v for v, n in zip(field.values, field.documents, strict=True) if n == 1]:
        notes.append(
            f"label {field.name}: too little to learn from one document each: {named(single)}"
        )
    if left_out:
        notes.append(
            f"label {field.name}: not trained, since all of its documents are held out: "
            f"{named(left_out)}"
        )
    return notes


def write_labels(path: Path, labels: DocumentLabels) -> str:
    """Write the labels of all documents, the training documents first; return their SHA-256.

    Raises:
        StorageError: if the file cannot be written.
    """
    data = np.concatenate([labels.training, labels.validation]).tobytes()
    with storage_errors(path), path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hashlib.sha256(data).hexdigest()
