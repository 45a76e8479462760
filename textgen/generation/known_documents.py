"""Whether a document stands in the training text as a whole."""

import numpy as np
from numpy.typing import NDArray

from textgen.data.span_hashes import span_hashes
from textgen.data.tokens import Tokens, positions_of


class KnownDocuments:
    """The documents of a training text, to look others up among them."""

    def __init__(self, training: Tokens, end_id: int, vocab_size: int) -> None:
        """Find the documents.

        Args:
            training: ids: the end symbol, then each document with an end symbol, [N].
            end_id: id of the end symbol.
            vocab_size: number of ids V.
        """
        symbols = positions_of(training, end_id)
        spans = np.stack([symbols[:-1] + 1, symbols[1:]], axis=1)
        hashes = span_hashes(training, spans, vocab_size)
        order = np.argsort(hashes, kind="stable")
        self._training, self._vocab_size = training, vocab_size
        self._hashes, self._spans = hashes[order], spans[order]

    def __contains__(self, document: NDArray[np.int32]) -> bool:
        """Return whether a document, ids int32 [T] without the end symbol, is one of them."""
        whole = np.array([[0, len(document)]])
        wanted = span_hashes(document, whole, self._vocab_size)[0]
        first = int(np.searchsorted(self._hashes, wanted, "left"))
        last = int(np.searchsorted(self._hashes, wanted, "right"))
        return any(
            np.array_equal(self._training[begin:end], document)
            for begin, end in self._spans[first:last].tolist()
        )
