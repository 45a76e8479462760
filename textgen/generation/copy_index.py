"""The table of a training text that limits copies: made once, and kept with the run."""

import warnings
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import numpy as np

from textgen.data.tokens import Tokens
from textgen.errors import DamagedError, StorageError, TextgenWarning
from textgen.generation.copies import (
    CopyTable,
    empty_copy_table,
    forbidden_wrongly,
    make_copy_table,
)
from textgen.runs.kept_index import COPIES, read_kept, write_kept
from textgen.runs.run import Run

VERSION = 2
# Shortest training text whose table is kept, in characters. For a shorter one it is made in a
# fraction of a second.
LEAST_KEPT = 2**20
# Share of characters that may be forbidden without need before it is told.
MOST_FORBIDDEN = 0.005


class CopyIndex:
    """Opens the table of a training text for each limit of copies."""

    def __init__(
        self, training: Callable[[], Tokens | None], vocab_size: int, run: Run | None = None
    ) -> None:
        """Prepare to open tables; nothing is read yet.

        Args:
            training: returns the ids of the training text, or None if it was not kept.
            vocab_size: number of ids V.
            run: the run whose text it is, in which the tables of long texts are kept; None to keep
                none.
        """
        self._training, self._vocab_size, self._run = training, vocab_size, run
        # What `prepare` has opened for the next call of `table`.
        self._prepared: tuple[int, CopyTable | None] | None = None

    def prepare(self, length: int) -> Generator[float, None, None]:
        """Open a table, which the next call of `table` returns.

        Args:
            length: largest number of characters that may be copied, at least 1.

        Yields:
            The share of the work that is done, in [0, 1), if the table has to be made.

        Raises:
            DamagedError: if the training text is damaged.
        """
        if self._prepared is None or self._prepared[0] != length:
            self._prepared = None
            self._prepared = length, (yield from self._open(length))

    def table(self, length: int) -> CopyTable | None:
        """Return the table for a limit; None if the training text was not kept.

        Args:
            length: largest number of characters that may be copied, at least 1.

        Raises:
            DamagedError: if the training text is damaged.
        """
        for _ in self.prepare(length):
            pass
        assert self._prepared is not None
        # It takes much memory, so that only those keep it who use it.
        table, self._prepared = self._prepared[1], None
        return table

    def _open(self, length: int) -> Generator[float, None, CopyTable | None]:
        training = self._training()
        if training is None:
            return None
        if self._run is None or len(training) < LEAST_KEPT:
            return (yield from make_copy_table(training, self._vocab_size, length))
        path, header = self._run.path / COPIES, self._header(self._run, len(training), length)
        try:
            table = self._read(header, len(training), length)
        except DamagedError:  # it is missing, or that of another text or limit: it is made anew
            table = yield from make_copy_table(training, self._vocab_size, length)
            self._keep(path, header, table)
        if (share := forbidden_wrongly(table)) > MOST_FORBIDDEN:
            told = (
                "the index for max-copy is full, since the training text is so long: it forbids "
                f"{share:.1%} of all characters without need"
            )
            warnings.warn(told, TextgenWarning, stacklevel=2)
        return table

    @staticmethod
    def _keep(path: Path, header: dict[str, Any], table: CopyTable) -> None:
        """Keep a table, and say so if that fails."""
        try:
            write_kept(path, header, table.bits.reshape(-1))
        except StorageError as error:
            told = f"the index for max-copy is not kept for the next time: {error}"
            warnings.warn(told, TextgenWarning, stacklevel=2)

    def _header(self, run: Run, size: int, length: int) -> dict[str, Any]:
        text = run.record().corpus.tokens_sha256
        return {
            "version": VERSION,
            "text": text,
            "ids": size,
            "vocab_size": self._vocab_size,
            "max_copy": length,
        }

    def _read(self, header: dict[str, Any], size: int, length: int) -> CopyTable:
        assert self._run is not None
        path = self._run.path / COPIES
        table = empty_copy_table(size, self._vocab_size, length)
        # It is held in memory, as a table is that was just made.
        _, words = read_kept(path, header, most_held=table.bits.nbytes)
        if len(words) != table.bits.size:
            raise DamagedError(path, "its size does not fit the text")
        return table._replace(bits=words.astype(np.uint32, copy=False).reshape(table.bits.shape))
