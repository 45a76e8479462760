"""How much of a text is copied from the training text, and how to keep a text from copying.

Runs of characters are compared by hashes: polynomials of random numbers, one for each character,
modulo a power of two. That two different runs have the same costs nothing but a character that is
forbidden without need, or a copy that is counted a little too long, and is rare.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = Any  # numpy.ndarray, jax.Array or a tracer
Tokens = NDArray[np.integer[Any]]

# Of the training text, characters at a time.
CHUNK = 2**20
# Odd, so that they can be divided by, and far from each other.
MULTIPLIERS = np.array([0x9E3779B1, 0x85EBCA77], np.uint32)
MULTIPLIER_64 = 0x9E3779B97F4A7C15
# Each context has a block of a cache line, and each fact in it three bits.
BLOCK_BITS = 512
SHIFTS = np.array([[23], [14], [5]], np.uint32)
BITS_PER_CONTEXT = 40
MAX_BLOCKS = 2**23  # half a GiB, and 2**32 bits


class CopyTable(NamedTuple):
    """What follows each N characters of the training text, as a Bloom filter in blocks.

    Two facts of each context are kept in the same block: that it occurs, and what follows. With one
    in ten bits set, a character that would make no copy is forbidden about once in a million.

    Attributes:
        bits: uint32 [M, 16], a block a row.
        shift: uint32, by which a hash is made one of the M rows.
        values: uint32 [2, V + 1], random numbers of the characters for both hashes; the last of the
            second row stands for the fact that a context occurs.
        leaving: uint32 [2], what the oldest of N characters is multiplied by.

    References:
        Bloom (1970), Space/Time Trade-offs in Hash Coding with Allowable Errors; Putze, Sanders and
        Singler (2007), Cache-, Hash- and Space-Efficient Bloom Filters.
    """

    bits: Array
    shift: Array
    values: Array
    leaving: Array

    def copies(self, state: "CopyState") -> Array:
        """Return which characters would end a run of the training text, bool [V]."""
        xp = self.bits.__array_namespace__()
        block = self.bits[state.hashes[0] >> self.shift]
        places = _places(state.hashes[1], self.values[1])
        found = block[places >> np.uint32(5)] >> (places & np.uint32(31)) & np.uint32(1)
        is_fact = xp.all(found == 1, axis=0)
        is_full = state.length >= state.recent.shape[0]
        return is_fact[:-1] & is_fact[-1] & is_full

    def advance(self, state: "CopyState", token: Array) -> "CopyState":
        """Return the state after one more character."""
        xp = self.bits.__array_namespace__()
        size = state.recent.shape[0]
        place = state.length % size
        oldest = self.values[:, state.recent[place]] * self.leaving
        hashes = (state.hashes - oldest) * MULTIPLIERS + self.values[:, token]
        is_place = xp.arange(size, dtype=np.int32) == place
        recent = xp.where(is_place, xp.astype(token, np.int32), state.recent)
        return CopyState(recent, state.length + np.int32(1), hashes)

    def begin(self, length: int) -> "CopyState":
        """Return the state before any text, for copies of at most `length` characters."""
        recent = np.zeros(length, np.int32)
        return CopyState(recent, np.zeros((), np.int32), np.zeros(2, np.uint32))


def _places(contexts: Array, facts: Array) -> Array:
    """Return the three bits of each fact in its context's block, uint32 [3, K]."""
    mixed = (contexts ^ facts) * MULTIPLIERS[0]
    return mixed >> SHIFTS & np.uint32(BLOCK_BITS - 1)


class CopyState(NamedTuple):
    """The last N characters of a text.

    Attributes:
        recent: int32 [N], character n of the text at place n mod N.
        length: int32, characters so far.
        hashes: uint32 [2], of the N.
    """

    recent: Array
    length: Array
    hashes: Array


def make_copy_table(training: Tokens, vocab_size: int, length: int) -> CopyTable:
    """Prepare the training text for copies of at most `length` characters.

    Args:
        training: its ids, [L]; read in chunks.
        vocab_size: number of ids V.
        length: N, at least 1.
    """
    random = np.random.default_rng(0)
    values = random.integers(0, 2**32, (2, vocab_size + 1), np.uint32)
    values[:, 0] = 0  # before the text there is nothing
    blocks = min(len(training) * BITS_PER_CONTEXT // BLOCK_BITS, MAX_BLOCKS - 1)
    exponent = max(blocks.bit_length(), 1)
    shift = np.uint32(32 - exponent)
    bits = np.zeros((2**exponent, BLOCK_BITS // 32), np.uint32)
    for chunk in _chunks(training, length + 1):
        first, second = (
            _hashes(values[row][chunk], MULTIPLIERS[row], length)[:-1] for row in range(2)
        )
        for facts in (values[1][chunk[length:]], values[1][-1:]):
            places = (first >> shift) * np.uint32(BLOCK_BITS) + _places(second, facts)
            _set_bits(bits.reshape(-1), places.reshape(-1))
    leaving = [pow(int(multiplier), length - 1, 2**32) for multiplier in MULTIPLIERS]
    return CopyTable(bits, shift, values, np.array(leaving, np.uint32))


def _set_bits(bits: NDArray[np.uint32], places: NDArray[np.uint32]) -> None:
    places.sort()
    words, marks = places >> np.uint32(5), np.uint32(1) << (places & np.uint32(31))
    begins = np.flatnonzero(np.diff(words, prepend=~words[:1]))
    bits[words[begins]] |= np.bitwise_or.reduceat(marks, begins)


def find_copies(training: Tokens, texts: Sequence[Tokens], length: int) -> list[NDArray[np.bool_]]:
    """Tell which runs of texts stand in the training text.

    Args:
        training: its ids, [L]; read in chunks.
        texts: the ids of each, [T].
        length: characters of a run.

    Returns:
        For each text bool [T - length + 1], for each run whether it is a copy; [0] if it is
        shorter than a run.
    """
    size = max((int(text.max()) for text in (training, *texts) if len(text)), default=0) + 1
    values = np.random.default_rng(1).integers(0, 2**64, size, np.uint64)
    multiplier = np.uint64(MULTIPLIER_64)
    wanted = [_hashes(values[text], multiplier, length) for text in texts]
    known, origins = np.unique(np.concatenate([values[:0], *wanted]), return_inverse=True)
    # A first look, which most runs of the training text do not pass.
    is_near = np.zeros(2**20, bool)
    is_near[known >> np.uint64(44)] = True
    is_copied = np.zeros(len(known), bool)
    for chunk in _chunks(training, length):
        hashes = _hashes(values[chunk], multiplier, length)
        hashes = hashes[is_near[hashes >> np.uint64(44)]]
        places = np.searchsorted(known, hashes).clip(max=max(len(known) - 1, 0))
        if len(known):
            is_copied[places[known[places] == hashes]] = True
    ends = np.cumsum([len(hashes) for hashes in wanted], dtype=int)
    return np.split(is_copied[origins], ends)[: len(wanted)]


def longest_copies(training: Tokens, texts: Sequence[Tokens]) -> list[int]:
    """Return the length of each text's longest run that stands in the training text.

    Args:
        training: its ids, [L].
        texts: the ids of each, [T].
    """
    # At least `low` characters in a row are copied, and fewer than `high`.
    bounds = [(0, min(len(text), len(training)) + 1) for text in texts]
    guess = 16
    while True:
        tried: dict[int, list[int]] = {}
        for number, (low, high) in enumerate(bounds):
            if high - low > 1:
                middle = (low + high) // 2
                tried.setdefault(guess if low < guess < high else middle, []).append(number)
        if not tried:
            return [low for low, _ in bounds]
        for length, numbers in tried.items():
            found = find_copies(training, [texts[number] for number in numbers], length)
            for number, copies in zip(numbers, found, strict=True):
                low, high = bounds[number]
                bounds[number] = (length, high) if copies.any() else (low, length)
        guess *= 2


def _chunks(tokens: Tokens, length: int) -> Iterator[Tokens]:
    # Each run of `length` characters lies in one of the chunks.
    for begin in range(0, max(len(tokens) - length + 1, 0), CHUNK):
        yield np.asarray(tokens[begin : begin + CHUNK + length - 1])


def _hashes(values: NDArray[Any], multiplier: Any, length: int) -> NDArray[Any]:
    """Return the hash of each run: the sum of its values times powers, the last one's times 1.

    With r = 1 / multiplier, the sums S of values v_j r^j give that of characters i to i + n - 1 as
    (S_{i+n} - S_i) times multiplier^{i+n-1}.
    """
    if len(values) < length:
        return values[:0]
    bits = 8 * values.itemsize
    inverse = values.dtype.type(pow(int(multiplier), -1, 2**bits))
    sums = np.zeros(len(values) + 1, values.dtype)
    np.cumsum(values * _powers(inverse, len(values)), out=sums[1:])
    hashes: NDArray[Any] = sums[length:] - sums[:-length]
    hashes *= _powers(multiplier, len(values))[length - 1 :]
    return hashes


def _powers(base: Any, count: int) -> NDArray[Any]:
    powers = np.full(count, base, type(base))
    powers[0] = 1
    return np.cumprod(powers, dtype=type(base))
