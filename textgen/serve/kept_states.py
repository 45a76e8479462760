"""The states after the last texts that were read or written, found by the beginning of a prompt.

A client sends its whole text again each time. The state after what it sent before is the context of
the network, so only the characters after it have to be read.
"""

from collections import Counter, OrderedDict
from collections.abc import Hashable
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.network.inference import States


class Kept(NamedTuple):
    """A state, and some characters that are still to be read from there.

    Attributes:
        recurrent: state of each layer, members float32 [H].
        rest: ids, int32 [R]: a text that ended within a piece was not read up to its end. The
            characters after the piece before are read when the state is used.
        length: number of ids of the text, those of `rest` included.
    """

    recurrent: States
    rest: NDArray[np.int32]
    length: int


class KeptStates:
    """The states after the last texts; the one that was not used for the longest time goes first.

    A text is known by its hash. To find the longest beginning of a prompt that is kept, the prompt
    is hashed once, and the hash is compared at those lengths that kept texts have.
    """

    def __init__(self, size: int) -> None:
        """Begin with no states.

        Args:
            size: largest number of states; 0 to keep none.
        """
        self._size = size
        self._states: OrderedDict[tuple[Hashable, bytes], Kept] = OrderedDict()
        self._lengths: dict[Hashable, Counter[int]] = {}

    def __len__(self) -> int:
        """Return the number of states."""
        return len(self._states)

    def keep(
        self,
        network: Hashable,
        tokens: NDArray[np.int32],
        recurrent: States,
        rest: NDArray[np.int32] | None = None,
    ) -> None:
        """Keep the state after a text.

        Args:
            network: what the state belongs to; a state is found only with the same.
            tokens: ids of the whole text, int32 [T].
            recurrent: state of each layer after them, or after all but the last R of them.
            rest: those last R ids.
        """
        if not self._size or not len(tokens):
            return
        rest = np.zeros(0, np.int32) if rest is None else rest.copy()
        # The members may be rows of a large array, which would be kept with them.
        own = tuple(type(layer)(*map(np.array, layer)) for layer in recurrent)
        key = network, _hash(tokens).digest()
        self._forget(key)
        self._states[key] = Kept(own, rest, len(tokens))
        self._lengths.setdefault(network, Counter())[len(tokens)] += 1
        if len(self._states) > self._size:
            self._forget(next(iter(self._states)))

    def find(self, network: Hashable, tokens: NDArray[np.int32]) -> Kept | None:
        """Return the state after the longest beginning of a text that is kept, or None."""
        hashed, begin, found = _hash(tokens[:0]), 0, None
        for length in sorted(self._lengths.get(network, ())):
            if length > len(tokens):
                break
            hashed.update(_bytes(tokens[begin:length]))
            begin, key = length, (network, hashed.digest())
            if key in self._states:
                found = key
        if found is None:
            return None
        self._states.move_to_end(found)
        return self._states[found]

    def _forget(self, key: tuple[Hashable, bytes]) -> None:
        kept = self._states.pop(key, None)
        if kept is not None:
            lengths = self._lengths[key[0]]
            lengths[kept.length] -= 1
            if not lengths[kept.length]:
                del lengths[kept.length]
            if not lengths:
                del self._lengths[key[0]]


def _hash(tokens: NDArray[np.int32]) -> "blake2b":
    return blake2b(_bytes(tokens), digest_size=16)


def _bytes(tokens: NDArray[np.int32]) -> bytes:
    return np.ascontiguousarray(tokens, np.int32).tobytes()
