"""Batches of contiguous text, each a pure function of the seed and the step."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.errors import SettingError

# Sets the draws of resets apart from the others of a seed.
FORGOTTEN = 1


class Batch(NamedTuple):
    """What one training step reads.

    Attributes:
        inputs: ids, int32 [B, T].
        targets: the id that follows each input, int32 [B, T].
        resets: bool [B], true where a row does not follow on from that row of the batch before.
    """

    inputs: NDArray[np.int32]
    targets: NDArray[np.int32]
    resets: NDArray[np.bool_]


class Streams:
    """B readers that go round a text, each starting at a place of its own.

    The text is cut into U windows of T characters. Reader b begins b * (U // B) windows after the
    first and moves on by one window a step, so that a state carried from step to step always fits
    the text; after the last window it starts a new round at the first, with a reset. The windows of
    each round lie a little differently, so that no character at either end is left out for good.
    Now and then a reader is reset in the middle of the text as well, so that a network learns to
    read from the zero state on.
    """

    def __init__(
        self,
        tokens: Tokens,
        batch_size: int,
        sequence_length: int,
        seed: int,
        reset_rate: float = 0.0,
    ) -> None:
        """Cut a text into windows.

        Args:
            tokens: ids, unsigned [N].
            batch_size: readers B.
            sequence_length: characters T of a window, in [1, N).
            seed: decides where reading begins, where the windows of each round lie and the resets.
            reset_rate: the chance in [0, 1] that a window begins with a reset.

        Raises:
            SettingError: if the text is too short for one window.
        """
        self.windows = (len(tokens) - 1) // sequence_length
        if self.windows < 1:
            raise SettingError(
                "sequence_length", sequence_length, f"shorter than the text of {len(tokens)}"
            )
        self._tokens = tokens
        self._length, self._seed, self._reset_rate = sequence_length, seed, reset_rate
        self._remainder = (len(tokens) - 1) % sequence_length
        spacing = max(self.windows // batch_size, 1)
        begin = int(np.random.default_rng(seed).integers(self.windows))
        self._begins = begin + spacing * np.arange(batch_size)

    def batch(self, step: int) -> Batch:
        """Return batch number `step`, counted from 0."""
        rounds, windows = np.divmod(self._begins + step, self.windows)
        starts = windows * self._length + self._offsets(rounds)
        ids = self._tokens[starts[:, None] + np.arange(self._length + 1)].astype(np.int32)
        resets = (windows == 0) | (step == 0) | self._forgotten(step)
        return Batch(ids[:, :-1], ids[:, 1:], resets)

    def _forgotten(self, step: int) -> NDArray[np.bool_]:
        """Return which readers are reset at a step by chance, bool [B]."""
        if not self._reset_rate:
            return np.zeros(len(self._begins), bool)
        source = np.random.default_rng([self._seed, step, FORGOTTEN])
        return source.random(len(self._begins)) < self._reset_rate

    def _offsets(self, rounds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return where the first window of each round begins, in [0, remainder]."""
        distinct, places = np.unique(rounds, return_inverse=True)
        random = (np.random.default_rng([self._seed, number]) for number in distinct.tolist())
        offsets = [int(source.integers(self._remainder + 1)) for source in random]
        return np.array(offsets)[places]
