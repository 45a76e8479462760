"""Batches of two texts, a share of the sequences of each."""

from typing import Protocol

import numpy as np

from textgen.data.streams import Batch


class Readers(Protocol):
    """Readers of a text, such as `Streams`."""

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0, a pure function of the step."""
        ...


class MixedStreams:
    """The readers of one text, and after them those of another, whose documents have no labels."""

    def __init__(self, first: Readers, second: Readers) -> None:
        self._first, self._second = first, second

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
