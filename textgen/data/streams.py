"""Batches of contiguous text, each a pure function of the seed and the step."""

from copy import copy
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.data.vocabulary import UNKNOWN_ID
from textgen.errors import SettingError

# Last part of the random seed of the resets. It keeps them independent of the offsets.
RESET_SEED = 1


class Batch(NamedTuple):
    """What one training step reads.

    Attributes:
        inputs: ids, int32 [B, T]. With L ids of lookahead they are int32 [B, T + 1 + L]: the last
            target and L ids behind it are read too, and an id behind the end of the text is 0.
        targets: the id that follows each of the first T inputs, int32 [B, T].
        resets: bool [B], true where a row does not continue the same row of the batch before.
        labels: ids of the labels at each input, int32 [B, T, K]; None if documents have none.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    resets: NDArray[np.bool_]
    labels: NDArray[np.int32] | None = None


def random_resets(seed: int, step: int, readers: int, rate: float) -> NDArray[np.bool_]:
    """Return which of B readers are reset at random at a step, bool [B]."""
    if not rate:
        return np.zeros(readers, bool)
    return np.random.default_rng([seed, step, RESET_SEED]).random(readers) < rate


def inputs_of(ids: NDArray[np.int32], length: int) -> NDArray[np.int32]:
    """Return what is read of windows of T + 1 + L ids, int32 [B, T + 1 + L, ...]; see `Batch`."""
    return ids if ids.shape[1] > length + 1 else ids[:, :-1]


class Streams:
    """B readers of one text, each starting at a different window.

    The text is cut into U windows of T characters. Reader b starts b * (U // B) windows after
    reader 0, whose start is random, and moves on by one window per step. A state carried from step
    to step therefore always fits the text. After the last window a reader starts a new round at the
    first, with a reset.

    The windows of each round are shifted by a random offset, so that no character at either end is
    left out of every round. At each step a reader is also reset with a given probability, so that
    the network learns to start from the zero state.
    """

    def __init__(
        self,
        tokens: Tokens,
        batch_size: int,
        sequence_length: int,
        seed: int,
        reset_rate: float = 0.0,
        lookahead: int = 0,
    ) -> None:
        """Cut a text into windows.

        Args:
            tokens: ids, unsigned [N].
            batch_size: number of readers B.
            sequence_length: length T of a window in characters, in [1, N).
            seed: seed of the first start, of the offset of each round and of the resets.
            reset_rate: probability that a window begins with a reset, in [0, 1].
            lookahead: number L of ids behind the last target that are read too; 0 reads neither
                them nor the last target.

        Raises:
            SettingError: if the text is too short for one window.
        """
        self.windows = (len(tokens) - 1) // sequence_length
        if self.windows < 1:
            allowed = f"shorter than the text of {len(tokens)} characters"
            raise SettingError("sequence_length", sequence_length, allowed)
        self._tokens = tokens
        self._length, self._seed, self._reset_rate = sequence_length, seed, reset_rate
        self._lookahead = lookahead
        self._remainder = (len(tokens) - 1) % sequence_length
        spacing = max(self.windows // batch_size, 1)
        begin = int(np.random.default_rng(seed).integers(self.windows))
        self._begins = begin + spacing * np.arange(batch_size)
        self._rows, self._readers = slice(None), batch_size

    def part(self, begin: int, end: int) -> Self:
        """Return the readers from number `begin` to `end` alone; their batches have those rows."""
        part = copy(self)
        part._begins, part._rows = self._begins[begin:end], slice(begin, end)
        return part

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0."""
        rounds, windows = np.divmod(self._begins + step, self.windows)
        starts = windows * self._length + self._offsets(rounds)
        index = starts[:, None] + np.arange(self._length + 1 + self._lookahead)
        ids = self._tokens[np.minimum(index, len(self._tokens) - 1)].astype(np.int32)
        ids[index >= len(self._tokens)] = UNKNOWN_ID
        resets = (
            (windows == 0)
            | (step == 0)
            | random_resets(self._seed, step, self._readers, self._reset_rate)[self._rows]
        )
        return Batch(inputs_of(ids, self._length), ids[:, 1 : self._length + 1], resets)

    def _offsets(self, rounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the first character of each round, in [0, remainder]."""
        distinct, indices = np.unique(rounds, return_inverse=True)
        random = (np.random.default_rng([self._seed, number]) for number in distinct.tolist())
        offsets = [int(source.integers(self._remainder + 1)) for source in random]
        return np.array(offsets, np.int64)[indices]
