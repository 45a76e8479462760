"""The labels of texts while they are read: which values there are, and which each text has."""

import unicodedata
from array import array
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import LONGEST_VALUE, LabelField
from textgen.errors import CorpusError
from textgen.settings import MAX_LABELS


class TextLabels:
    """Collects the labels of texts. The values of a field are numbered as they appear, from 1.

    Attributes:
        names: names of the K fields.
        values: for each field its values, in the order of their numbers.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.values: tuple[dict[str, int], ...] = tuple({} for _ in names)
        self._numbers = array("i")

    def add(self, labels: Sequence[str], name: str) -> None:
        """Add the labels of the next text.

        Args:
            labels: value of each field; empty for a value that is left out.
            name: name of the file in messages.

        Raises:
            CorpusError: if a value is too long, or there are too many different values.
        """
        for field, values, given in zip(self.names, self.values, labels, strict=True):
            value = unicodedata.normalize("NFC", " ".join(given.split()))
            if len(value) > LONGEST_VALUE:
                problem = (
                    f"the label {field!r} has a value of {len(value):,} characters, at most "
                    f"{LONGEST_VALUE} are allowed: {value[:40]!r}; name a field with short values"
                )
                raise CorpusError(name, problem)
            number = values.setdefault(value, len(values) + 1) if value else 0
            self._numbers.append(number)
            if number and sum(map(len, self.values)) > MAX_LABELS:
                problem = (
                    f"the label {field!r} has {len(values):,} different values, and all labels "
                    f"together may have {MAX_LABELS:,}; name a field with fewer"
                )
                raise CorpusError(name, problem)

    def only(self, texts: NDArray[np.int64]) -> "TextLabels":
        """Return the labels of some of the texts alone, int64 [D]."""
        kept = TextLabels(self.names)
        kept.values = self.values
        if self.names:
            kept._numbers = array("i", self.numbers()[texts].tobytes())
        return kept

    def fields(self) -> tuple[LabelField, ...]:
        """Return the fields with their values, and how many texts have each value."""
        found = []
        columns = self.numbers().T
        for name, values, numbers in zip(self.names, self.values, columns, strict=True):
            counts = np.bincount(numbers, minlength=len(values) + 1)[1:].tolist()
            pairs = sorted(zip(values, counts, strict=True))
            found.append(LabelField(name, tuple(v for v, _ in pairs), tuple(n for _, n in pairs)))
        return tuple(found)

    def numbers(self) -> NDArray[np.int32]:
        """Return the number of the value of each field for each text, int32 [D, K].

        Without fields it is empty.
        """
        count = len(self._numbers) // max(len(self.names), 1)
        return np.array(self._numbers, np.int32).reshape(count, len(self.names))
