"""Batches of two texts, a share of the sequences of each."""

from typing import Protocol

import numpy as np

from textgen.data.streams import Batch


class Readers(Protocol):
    """Readers of a text, such as `Streams`."""

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0, a pure function of the step."""
        ...

    def part(self, begin: int, end: int) -> "Readers":
        """Return the readers from number `begin` to `end` alone; their batches have those rows."""
        ...


class MixedStreams:
    """The readers of one text, and after them those of another, whose documents have no labels."""

    def __init__(self, first: Readers, second: Readers, first_rows: int) -> None:
        """Put the readers of two texts side by side.

        Args:
            first: readers of the first text.
            second: readers of the second text.
            first_rows: number of the first readers.
        """
        self._first, self._second, self._first_rows = first, second, first_rows

    def part(self, begin: int, end: int) -> "MixedStreams":
        """Return the readers from number `begin` to `end` alone; see `Streams.part`."""
        split = self._first_rows
        first = self._first.part(min(begin, split), min(end, split))
        second = self._second.part(max(begin - split, 0), max(end - split, 0))
        return MixedStreams(first, second, min(end, split) - min(begin, split))

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0."""
        first, second = self._first.batch(step), self._second.batch(step)
        labels = first.labels
        if labels is not None:
            none = np.zeros((len(second.inputs), *labels.shape[1:]), labels.dtype)
            labels = np.concatenate([labels, none])
        return Batch(
            np.concatenate([first.inputs, second.inputs]),
            np.concatenate([first.targets, second.targets]),
            np.concatenate([first.resets, second.resets]),
            labels,
        )
