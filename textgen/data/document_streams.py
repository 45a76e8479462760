"""Batches of documents whose order is drawn anew each epoch, a pure function of seed and step."""

from copy import copy
from functools import lru_cache
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import Labels
from textgen.data.streams import Batch, inputs_of, random_resets
from textgen.data.tokens import Tokens, positions_of
from textgen.errors import SettingError

# Last part of the random seed of an epoch's order. It keeps the order independent of the offsets.
ORDER_SEED = 2
# Last part of the random seed of the labels that an epoch leaves out, and the share of them. The
# network learns to write without a label from these.
LABEL_SEED, LEFT_OUT = 3, 0.1


class _Epoch(NamedTuple):
    """An epoch of D documents.

    Attributes:
        order: number of each document in the order of the epoch, int64 [D].
        offsets: where each of them begins and where the last has ended, int64 [D + 1].
        shift: index of the first id of the first window.
        labels: ids of the labels of each document as the epoch reads them, int [D, K]; None if
            documents have none.
    """

    order: NDArray[np.int64]
    offsets: NDArray[np.int64]
    shift: int
    labels: Labels | None


class DocumentStreams:
    """B readers of one set of documents, each document after another and its end symbol after it.

    In each epoch the documents stand in an order of their own, and each begins with the end symbol
    of the one before it, which is read with the labels of the document that it begins. As in
    `Streams`, the text of an epoch is cut into U windows of T ids, and reader b starts b * (U // B)
    windows after reader 0 and moves on by one window per step. After the last window a reader
    starts the next epoch, with a reset.
    """

    def __init__(
        self,
        tokens: Tokens,
        end_id: int,
        batch_size: int,
        sequence_length: int,
        seed: int,
        reset_rate: float = 0.0,
        labels: Labels | None = None,
        lookahead: int = 0,
    ) -> None:
        """Find the documents.

        Args:
            tokens: ids, unsigned [N]: the end symbol, then each document with an end symbol.
            end_id: id of the end symbol.
            batch_size: number of readers B.
            sequence_length: length T of a window in ids, in [1, N).
            seed: seed of the first start, of the orders, the offsets and the resets.
            reset_rate: probability that a window begins with a reset, in [0, 1].
            labels: ids of the labels of each document, int [D, K]; 0 for a label that is left out.
            lookahead: number L of ids behind the last target that are read too; see `Streams`.

        Raises:
            SettingError: if the documents are too short for one window.
        """
        self.windows = (len(tokens) - 1) // sequence_length
        if self.windows < 1:
            allowed = f"shorter than the text of {len(tokens)} characters"
            raise SettingError("sequence_length", sequence_length, allowed)
        symbols = positions_of(tokens, end_id)
        # Each document begins with an end symbol, and the last end symbol belongs to none.
        self._starts, self._sizes = symbols[:-1], np.diff(symbols)
        self._tokens, self._end_id, self._labels = tokens, end_id, labels
        self._length, self._seed, self._reset_rate = sequence_length, seed, reset_rate
        self._lookahead = lookahead
        self._remainder = (len(tokens) - 1) % sequence_length
        spacing = max(self.windows // batch_size, 1)
        begin = int(np.random.default_rng(seed).integers(self.windows))
        self._begins = begin + spacing * np.arange(batch_size)
        self._rows, self._readers = slice(None), batch_size
        # Readers are in at most two epochs at once, unless there are more readers than windows.
        self._epoch = lru_cache(maxsize=4)(self._make_epoch)

    def part(self, begin: int, end: int) -> Self:
        """Return the readers from number `begin` to `end` alone; see `Streams.part`."""
        part = copy(self)
        part._begins, part._rows = self._begins[begin:end], slice(begin, end)
        return part

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0."""
        epochs, windows = np.divmod(self._begins + step, self.windows)
        columns = np.arange(self._length + 1 + self._lookahead)
        ids = np.empty((len(epochs), len(columns)), np.int32)
        labels = None
        if self._labels is not None:
            labels = np.zeros((*ids.shape, self._labels.shape[1]), np.int32)
        for epoch in np.unique(epochs).tolist():
            rows = np.flatnonzero(epochs == epoch)
            order, offsets, shift, epoch_labels = self._epoch(epoch)
            index = (windows[rows] * self._length + shift)[:, None] + columns
            rank = np.searchsorted(offsets, index, side="right") - 1
            # After the last document comes its end symbol alone.
            is_end = rank == len(order)
            document = order[np.minimum(rank, len(order) - 1)]
            place = self._starts[document] + index - offsets[np.minimum(rank, len(order) - 1)]
            ids[rows] = np.where(is_end, self._end_id, self._tokens[np.where(is_end, 0, place)])
            # What comes behind the epoch is unknown.
            ids[rows] *= index <= offsets[-1]
            if labels is not None and epoch_labels is not None:
                labels[rows] = np.where(is_end[..., None], 0, epoch_labels[document])
        resets = random_resets(self._seed, step, self._readers, self._reset_rate)[self._rows]
        resets |= (windows == 0) | (step == 0)
        read = None if labels is None else inputs_of(labels, self._length)
        return Batch(inputs_of(ids, self._length), ids[:, 1 : self._length + 1], resets, read)

    def _make_epoch(self, epoch: int) -> _Epoch:
        """Draw the order of the documents of an epoch, its shift, and the labels it leaves out."""
        random = np.random.default_rng([self._seed, epoch, ORDER_SEED])
        order = random.permutation(len(self._starts))
        offsets = np.append(0, np.cumsum(self._sizes[order]))
        labels = self._labels
        if labels is not None:
            draws = np.random.default_rng([self._seed, epoch, LABEL_SEED]).random(labels.shape)
            labels = np.where(draws < LEFT_OUT, 0, labels)
        return _Epoch(order, offsets, int(random.integers(self._remainder + 1)), labels)
