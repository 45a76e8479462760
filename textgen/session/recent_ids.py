"""The last ids of the states of a session, which turns that follow each other share."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from textgen.generation.writing import GenerationState
from textgen.settings import MAX_WINDOW

# Ids of an array that is begun. What a state looks back on is a quarter of it.
SIZE = 4 * MAX_WINDOW


class RecentIds:
    """Keeps the ids that states look back on in long arrays, of which each state has a part.

    A state by itself holds the ids of thousands of characters. A turn adds a few dozen.
    """

    def __init__(self) -> None:
        """Begin without ids."""
        self._ids, self._end = np.zeros(0, np.int32), 0
        # The part that ends where the ids end.
        self._last: NDArray[np.int32] | None = None

    def shared(self, state: GenerationState, before: GenerationState) -> GenerationState:
        """Return a state whose recent ids are a part of a common array.

        Args:
            state: the state.
            before: a state that the text of the other goes on from.
        """
        if state.recent is before.recent:
            return state
        size, new = len(state.recent), state.characters - before.characters
        if self._last is not before.recent or self._end + new > len(self._ids) or new > size:
            self._ids, self._end, new = np.empty(SIZE, np.int32), 0, size
        self._ids[self._end : self._end + new] = state.recent[size - new :]
        self._end += new
        self._last = self._ids[self._end - size : self._end]
        self._last.flags.writeable = False
        return replace(state, recent=self._last)
