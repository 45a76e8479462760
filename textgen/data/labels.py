"""Labels of documents: their fields and values, and what a text is to be written as.

Each document has at most one value of each field. The values of all fields are numbered from 1 to L
in the order of the fields and of their values; 0 stands for a value that is left out.
"""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens, positions_of
from textgen.errors import DamagedError, UsageError, reading_errors
from textgen.storage import open_regular

# Largest number of characters of a value.
LONGEST_VALUE = 100
LABEL_DTYPE = np.dtype("<u2")
# Most values or fields that a message names.
NAMED = 8

Labels = NDArray[np.integer[Any]]
# For each field that is asked for, the share of each of its values.
LabelShares = Mapping[str, Mapping[str, float]]
# What a user may ask for: a value of a field, or shares of several.
AskedLabels = Mapping[str, str | Mapping[str, float]]


@dataclass(frozen=True)
class LabelField:
    """A field of labels.

    Attributes:
        name: its name.
        values: its values in the order of their ids.
        documents: for each value the number of documents of the training part that have it.
    """

    name: str
    values: tuple[str, ...]
    documents: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the field as JSON can hold it."""
        return {"name": self.name, "values": [*self.values], "documents": [*self.documents]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned.

        Raises:
            ValueError: if the content is not that of a field.
            LookupError, TypeError: if it has another form.
        """
        name, values, counts = content["name"], content["values"], content["documents"]
        texts_fit = all(isinstance(one, str) for one in (name, *values))
        counts_fit = all(type(count) is int and count >= 0 for count in counts)
        if not (texts_fit and counts_fit and len({*values}) == len(values) == len(counts)):
            raise ValueError(f"bad labels of the field {name!r}")
        return cls(name, tuple(values), tuple(counts))


class SplitLabels(NamedTuple):
    """The ids of the labels of all documents; K is the number of fields.

    Attributes:
        training: ids of the training part, int [D, K].
        validation: ids of the validation part, int [D, K].
    """

    training: Labels
    validation: Labels


class PlacedLabels:
    """The labels at each position of a text of documents.

    A document begins with the end symbol before it.
    """

    def __init__(self, tokens: Tokens, end_id: int, labels: Labels) -> None:
        """Find the documents.

        Args:
            tokens: ids, unsigned [N]: the end symbol, then each document with an end symbol.
            end_id: id of the end symbol.
            labels: ids of the labels of each document, int [D, K].
        """
        self._starts = positions_of(tokens, end_id)
        # Nothing follows the last end symbol, so that its labels have no effect.
        self._labels = np.concatenate([labels, np.zeros((1, labels.shape[1]))]).astype(np.int32)

    def at(self, positions: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
        """Return the labels at some positions, int32 [..., K]."""
        documents = np.searchsorted(self._starts, positions, side="right") - 1
        found: NDArray[np.int32] = self._labels[documents]
        return found


def label_count(fields: Sequence[LabelField]) -> int:
    """Return L, the number of values of all fields."""
    return sum(len(field.values) for field in fields)


def find_field(fields: Sequence[LabelField], name: str) -> LabelField:
    """Return the field of a name.

    Raises:
        UsageError: if there is none; it names those there are.
    """
    if not fields:
        raise UsageError("this run was trained without labels; train with --label or --label-from")
    for field in fields:
        if field.name == name:
            return field
    known = named([field.name for field in fields], name)
    raise UsageError(f"there is no label {name[:LONGEST_VALUE]!r}; this run has {known}")


def label_shares(fields: Sequence[LabelField], asked: AskedLabels) -> LabelShares:
    """Return the shares of the values that are asked for, which add up to 1 in each field.

    Args:
        fields: the fields that there are.
        asked: for each field a value, or the weights of several, of which only the proportions
            count.

    Raises:
        UsageError: if there is no such field or value, or the weights are not proportions.
    """
    shares = {}
    for name, value in asked.items():
        field = find_field(fields, name)
        given = {value: 1.0} if isinstance(value, str) else dict(value)
        for one in given:
            if one not in field.values:
                known, what = named(field.values, one), f"{one[:LONGEST_VALUE]!r}"
                raise UsageError(f"{name} has no value {what}; this run was trained with {known}")
        total = sum(given.values())
        is_sound = all(np.isfinite(weight) and weight >= 0 for weight in given.values())
        if not (is_sound and 0 < total < np.inf):
            raise UsageError(f"the weights of {name} must be at least 0, and one of them above 0")
        shares[name] = {one: float(weight / total) for one, weight in given.items() if weight}
    return shares


def label_weights(fields: Sequence[LabelField], shares: LabelShares) -> NDArray[np.float32]:
    """Return the share of each label in the order of their ids, float32 [L].

    A field that is left out has only zeros.
    """
    weights = [
        shares.get(field.name, {}).get(value, 0.0) for field in fields for value in field.values
    ]
    return np.array(weights, np.float32)


def typed_labels(fields: Sequence[LabelField], typed: Sequence[str]) -> LabelShares:
    """Read labels as they are typed: `FIELD=VALUE`, or `FIELD=VALUE:WEIGHT,VALUE:WEIGHT`.

        >>> field = LabelField("author", ("austen", "melville"), (5, 5))
        >>> typed_labels([field], ["author=austen:3,melville:1"])
        {'author': {'austen': 0.75, 'melville': 0.25}}

    Raises:
        UsageError: if a text has another form, a field is named twice, or as `label_shares`.
    """
    asked: dict[str, str | Mapping[str, float]] = {}
    for text in typed:
        name, equals, value = text.partition("=")
        if not (equals and value):
            raise UsageError(f"a label is written FIELD=VALUE, got {text[:LONGEST_VALUE]!r}")
        if name in asked:
            raise UsageError(f"the label {name!r} is given twice; mix values as in {name}=A:1,B:1")
        asked[name] = typed_value(find_field(fields, name), value)
    return label_shares(fields, asked)


def typed_value(field: LabelField, text: str) -> str | dict[str, float]:
    """Read a value of a field, or a mixture of values, as it is typed.

    Raises:
        UsageError: if a value is named twice.
    """
    if text in field.values:
        return text
    weights: dict[str, float] = {}
    for part in text.split(","):
        value, weight = part, 1.0
        found = re.fullmatch(r"(.+):\s*([0-9]*\.?[0-9]+)", part, re.DOTALL)
        if found and part not in field.values:
            value, weight = found[1], float(found[2])
        value = value if value in field.values else value.strip()
        if value in weights:
            raise UsageError(f"the value {value!r} of {field.name} is given twice")
        weights[value] = weight
    return weights


def fitting_labels(fields: Sequence[LabelField], shares: LabelShares) -> LabelShares:
    """Return the labels that fields have too; a field of which a value is missing is left out."""
    known = {field.name: {*field.values} for field in fields}
    return {name: values for name, values in shares.items() if {*values} <= known.get(name, {*()})}


def format_shares(shares: LabelShares) -> list[str]:
    """Return labels for people, with the shares of values that are mixed.

    >>> format_shares({"kind": {"tale": 1.0}, "author": {"anna": 2 / 3, "bert": 1 / 3}})
    ['kind=tale', 'author=anna 66.7 %, bert 33.3 %']
    """
    return [
        f"{name}={next(iter(values))}"
        if len(values) == 1
        else f"{name}="
        + ", ".join(f"{value} {100 * share:.3g} %" for value, share in values.items())
        for name, values in shares.items()
    ]


def named(names: Sequence[str], near: str = "") -> str:
    """List names for a message: those near to a word first, and the number of the rest."""
    nearest = get_close_matches(near.lower(), [name.lower() for name in names], NAMED, 0.5)
    ranks = {name: rank for rank, name in enumerate(nearest)}
    ordered = sorted(names, key=lambda name: ranks.get(name.lower(), len(ranks)))
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(ordered[:NAMED]) + more


def listed_counts(field: LabelField, most: int = NAMED) -> str:
    """List the values of a field with their numbers of documents, the most frequent first."""
    counts = sorted(zip(field.values, field.documents, strict=True), key=lambda pair: -pair[1])
    shown = ", ".join(f"{value} ({count:,})" for value, count in counts[:most])
    return shown + (f" and {len(counts) - most:,} more" if len(counts) > most else "")


def labels_path(tokens: Path) -> Path:
    """Return the file of the labels that belongs to a file of ids."""
    return tokens.with_suffix(".labels")


def open_labels(path: Path, documents: int, fields: Sequence[LabelField], sha256: str) -> Labels:
    """Read a file of labels.

    Args:
        path: the file.
        documents: number of documents D.
        fields: the K fields.
        sha256: SHA-256 that its bytes must have, in hexadecimal.

    Returns:
        Ids in [0, L], uint16 [D, K].

    Raises:
        DamagedError: if the file is missing, or has changed since it was written.
    """
    expected = documents * len(fields) * LABEL_DTYPE.itemsize
    with reading_errors(path), open_regular(path) as file:
        if (size := os.fstat(file.fileno()).st_size) != expected:
            raise DamagedError(path, f"{size} bytes, expected {expected}")
        data = file.read(size)
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DamagedError(path, "its SHA-256 differs from the recorded one")
    labels = np.frombuffer(data, LABEL_DTYPE).reshape(documents, len(fields))
    if labels.size and labels.max() > label_count(fields):
        raise DamagedError(path, "it holds a label that the run does not have")
    return labels
