"""How much of a text is copied from the training text, and how to limit copying.

Runs of characters are compared by their hashes: polynomials of random numbers, one for each
character, modulo a power of two. Two different runs rarely have the same hash. If they do, a
character is forbidden although it makes no copy, or a copy is counted as a little too long.
"""

from collections.abc import Generator, Iterator, Sequence
from functools import lru_cache
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.aside import Follower
from textgen.data.tokens import Tokens
from textgen.generation.operations import PYTHON, Array, Flow, replaced

Ids = NDArray[np.integer[Any]]

# Characters of the training text that are read at a time: their hashes fit into the caches.
CHUNK = 2**16
# Contexts whose blocks are written at a time: few enough for their blocks to stay in the cache.
WRITTEN = 2**12
# Chunks between two reports of how far the work is.
CHUNKS_A_STEP = 8
# Multipliers of the two hashes: odd, so that they have an inverse, and far from each other.
MULTIPLIERS = np.array([0x9E3779B1, 0x85EBCA77], np.uint32)
MULTIPLIER_64 = 0x9E3779B97F4A7C15
# Each context has a block of one cache line, in which each fact sets three bits of one word.
BLOCK_WORDS = 16
# Shifts that make the number of the word and that of its bits from a hash.
WORD_SHIFT, MARK_SHIFT = np.uint32(16), np.uint32(20)
# Words of 32 bits with three bits set, no two of them alike: the marks of the facts.
MARKS = np.array(
    [sum(1 << bit for bit in bits) for bits in combinations(range(32), 3)][: 2**12], np.uint32
)
# Bits for each context, up to a table of this many bits. Of a longer text a context gets fewer, but
# not fewer than the least, up to the largest table: a GiB.
BITS_PER_CONTEXT, LEAST_BITS_PER_CONTEXT = 40, 16
ROOMY_BITS, MOST_BITS = 2**30, 2**33
# Contexts and characters that are drawn to measure how often a table is wrong.
MEASURED = 2**17


class CopyTable(NamedTuple):
    """Which character follows each run of N characters in the training text, as a Bloom filter.

    A run of N characters is a context. The block of a context holds two kinds of facts: that the
    context occurs, and which characters follow it. A character is forbidden if both hold. With one
    in ten bits set, one that makes no copy is forbidden about once in a million;
    `forbidden_wrongly` measures it.

    Attributes:
        bits: uint32 [M, 16], one block a row.
        shift: uint32, shift that makes the number of a row from a hash.
        values: uint32 [2, V + 1], random numbers of the characters for both hashes. The last number
            of the second row stands for the fact that a context occurs.
        leaving: uint32 [2], factor of the oldest of N characters in a hash.

    References:
        Bloom (1970), Space/Time Trade-offs in Hash Coding with Allowable Errors; Putze, Sanders and
        Singler (2007), Cache-, Hash- and Space-Efficient Bloom Filters.
    """

    bits: Array
    shift: Array
    values: Array
    leaving: Array

    def copies(self, state: "CopyState", flow: Flow = PYTHON) -> Array:
        """Return which characters would make a copy of N + 1 characters, bool [V].

        Most contexts do not occur in the training text. Then no character is looked up.
        """
        size = self.values.shape[1] - 1
        block, mark = self.bits[state.hashes[0] >> self.shift], state.hashes[1]
        is_full, occurs = state.length >= state.recent.shape[0], self.values[1, size]
        if isinstance(block, np.ndarray):
            is_known = is_full and _holds(block, int(mark ^ occurs))
        else:
            is_known = is_full & _facts(block, mark, occurs[None])[0]
        none = self.bits.__array_namespace__().zeros(size, bool)
        return flow.only_if(is_known, lambda: _facts(block, mark, self.values[1, :size]), none)

    def advance(self, state: "CopyState", token: Array) -> "CopyState":
        """Return the state after one more character."""
        size = state.recent.shape[0]
        index = state.length % size
        oldest = self.values[:, state.recent[index]] * self.leaving
        hashes = (state.hashes - oldest) * MULTIPLIERS + self.values[:, token]
        recent = replaced(state.recent, index, token)
        return CopyState(recent, state.length + np.int32(1), hashes)

    def begin(self, length: int) -> "CopyState":
        """Return the state before any text, if `length` characters may be copied."""
        recent = np.zeros(length, np.int32)
        return CopyState(recent, np.zeros((), np.int32), np.zeros(2, np.uint32))


def _facts(block: Array, context: Array, facts: Array) -> Array:
    """Return which facts about a context, uint32 [K], its block, uint32 [16], holds, bool [K]."""
    words, marks = _marks(context, facts)
    return block[words] & marks == marks


def _holds(block: NDArray[np.uint32], fact: int) -> bool:
    """Do what `_facts` does for one fact, with Python's numbers, in a tenth of the time."""
    mixed = fact * int(MULTIPLIERS[0]) & 2**32 - 1
    mark = int(MARKS[mixed >> int(MARK_SHIFT)])
    return int(block[mixed >> int(WORD_SHIFT) & BLOCK_WORDS - 1]) & mark == mark


def _marks(contexts: Array, facts: Array) -> tuple[Array, Array]:
    """Return the word of each fact in its context's block, and the bits in it, uint32 [K] both."""
    mixed = (contexts ^ facts) * MULTIPLIERS[0]
    namespace = mixed.__array_namespace__()
    marks = namespace.take(namespace.asarray(MARKS), mixed >> MARK_SHIFT, axis=0)
    return mixed >> WORD_SHIFT & np.uint32(BLOCK_WORDS - 1), marks


class CopyState(NamedTuple):
    """The last N characters of a text.

    Attributes:
        recent: ids, int32 [N]; character n of the text has the index n mod N.
        length: int32, number of characters so far.
        hashes: uint32 [2], both hashes of the last N characters.
    """

    recent: Array
    length: Array
    hashes: Array


def make_copy_table(
    training: Tokens, vocab_size: int, length: int
) -> Generator[float, None, CopyTable]:
    """Prepare the training text for a limit of copies.

    Args:
        training: ids of the training text, [L]; read in chunks.
        vocab_size: number of ids V.
        length: largest number N of characters that may be copied, at least 1.

    Yields:
        The share of the work that is done, in [0, 1), now and then.
    """
    table = empty_copy_table(len(training), vocab_size, length)
    values, words = table.values, table.bits.reshape(-1)
    # One thread computes what is written next while another one writes.
    writing = Follower()
    for number, chunk in enumerate(_chunks(training, length + 1)):
        first, second = (
            _hashes(values[row].take(chunk), MULTIPLIERS[row], length)[:-1] for row in range(2)
        )
        blocks = (first >> table.shift).astype(np.int64) * BLOCK_WORDS
        following = values[1].take(chunk[length:])
        facts = [_marks(second, each) for each in (following, values[1][-1:])]
        writing.call(_write, words, [(blocks + word, marks) for word, marks in facts])
        if number % CHUNKS_A_STEP == 0:
            yield number * CHUNK / len(training)
    writing.wait()
    return table


def forbidden_wrongly(table: CopyTable) -> float:
    """Return the share of characters that a table forbids although they make no copy.

    It is measured with contexts that do not occur in the training text, as almost all contexts of
    a new text do not.
    """
    random = np.random.default_rng(1)
    blocks = table.bits[random.integers(0, len(table.bits), MEASURED)]
    contexts = random.integers(0, 2**32, MEASURED, np.uint32)
    characters = random.integers(0, table.values.shape[1] - 1, MEASURED)
    is_forbidden, rows = np.ones(MEASURED, bool), np.arange(MEASURED)
    for facts in (table.values[1, -1:], table.values[1].take(characters)):
        words, marks = _marks(contexts, facts)
        is_forbidden &= blocks[rows, words] & marks == marks
    return float(is_forbidden.mean())


def empty_copy_table(size: int, vocab_size: int, length: int) -> CopyTable:
    """Return the table of a training text without any bits.

    Args:
        size: number of ids of the training text.
        vocab_size: number of ids V.
        length: largest number N of characters that may be copied, at least 1.
    """
    random = np.random.default_rng(0)
    values = random.integers(0, 2**32, (2, vocab_size + 1), np.uint32)
    values[:, 0] = 0  # what stands before the text does not count
    roomy = min(size * BITS_PER_CONTEXT, max(size * LEAST_BITS_PER_CONTEXT, ROOMY_BITS))
    blocks = min(roomy, MOST_BITS - 1) // (32 * BLOCK_WORDS)
    exponent = max(blocks.bit_length(), 1)
    bits = np.zeros((2**exponent, BLOCK_WORDS), np.uint32)
    leaving = [pow(int(multiplier), length - 1, 2**32) for multiplier in MULTIPLIERS]
    return CopyTable(bits, np.uint32(32 - exponent), values, np.array(leaving, np.uint32))


def _write(
    words: NDArray[np.uint32], facts: Sequence[tuple[NDArray[np.int64], NDArray[np.uint32]]]
) -> None:
    """Set the bits of some facts.

    Args:
        words: all words of the table, uint32 [W].
        facts: for each kind of facts the indices of their words and their bits, both [P].
    """
    for begin in range(0, len(facts[0][0]), WRITTEN):
        for where, marks in facts:
            _set_bits(words, where[begin : begin + WRITTEN], marks[begin : begin + WRITTEN])


def _set_bits(
    words: NDArray[np.uint32], where: NDArray[np.int64], marks: NDArray[np.uint32]
) -> None:
    """Set bits of some words, at their indices, int64 [P]."""
    while len(where):
        words[where] = words.take(where) | marks
        # NumPy keeps only the last of several marks that are written into one word.
        lost = np.flatnonzero((words.take(where) & marks) != marks)
        where, marks = where[lost], marks[lost]


def find_copies(
    training: Tokens, texts: Sequence[Ids], length: int, *, one_each: bool = False
) -> list[NDArray[np.bool_]]:
    """Find the runs of characters of some texts that the training text contains.

    Args:
        training: ids of the training text, [L]; read in chunks.
        texts: ids of each text, [T].
        length: number of characters in a run.
        one_each: whether one copy of each text is enough; then not all may be found.

    Returns:
        For each text bool [T - length + 1], which of its runs are copies; bool [0] for a text that
        is shorter than a run.
    """
    largest = (int(np.asarray(text).max()) for text in (training, *texts) if len(text))
    size = max(largest, default=0) + 1
    values = np.random.default_rng(1).integers(0, 2**64, size, np.uint64)
    multiplier = np.uint64(MULTIPLIER_64)
    wanted = [_hashes(values[text], multiplier, length) for text in texts]
    known, origins = np.unique(np.concatenate([values[:0], *wanted]), return_inverse=True)
    # A quick test by the first bits of the hash, which most runs of the training text fail.
    is_near = np.zeros(2**20, bool)
    is_near[known >> np.uint64(44)] = True
    is_copied = np.zeros(len(known), bool)
    ends = np.cumsum([len(hashes) for hashes in wanted], dtype=int)
    runs = np.split(origins, ends)[: len(wanted)]

    def is_enough() -> bool:
        one_of_each = one_each and all(is_copied[numbers].any() for numbers in runs)
        return one_of_each or bool(is_copied.all())

    chunks = _chunks(training, length)
    while not is_enough() and (chunk := next(chunks, None)) is not None:
        hashes = _hashes(values[chunk], multiplier, length)
        hashes = hashes[is_near[hashes >> np.uint64(44)]]
        indices = np.searchsorted(known, hashes).clip(max=max(len(known) - 1, 0))
        if len(known):
            is_copied[indices[known[indices] == hashes]] = True
    return [is_copied[numbers] for numbers in runs]


def longest_copies(training: Tokens, texts: Sequence[Ids], *, most: int | None = None) -> list[int]:
    """Return the length of each text's longest run of characters that the training text contains.

    Args:
        training: ids of the training text, [L].
        texts: ids of each text, [T].
        most: longest run that is looked for; None for any.
    """
    # The longest run of each text has at least `low` and fewer than `high` characters.
    limit = len(training) if most is None else min(len(training), most)
    bounds = [(0, min(len(text), limit) + 1) for text in texts]
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
            some = [texts[number] for number in numbers]
            found = find_copies(training, some, length, one_each=True)
            for number, copies in zip(numbers, found, strict=True):
                low, high = bounds[number]
                bounds[number] = (length, high) if copies.any() else (low, length)
        guess *= 2


def _chunks(tokens: Tokens, length: int) -> Iterator[Ids]:
    # The chunks overlap, so that each run of `length` characters lies in one of them.
    for begin in range(0, max(len(tokens) - length + 1, 0), CHUNK):
        yield np.asarray(tokens[begin : begin + CHUNK + length - 1])


def _hashes(values: NDArray[Any], multiplier: Any, length: int) -> NDArray[Any]:
    """Return the hash of each run of n characters: the sum of v_j m^(i+n-1-j) for j in [i, i + n).

    Here v are the values and m is the multiplier. With the sums S_k of v_j m^-j for j < k, the hash
    of characters i to i + n - 1 is (S_{i+n} - S_i) m^{i+n-1}.
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


@lru_cache(maxsize=16, typed=True)
def _powers(base: Any, count: int) -> NDArray[Any]:
    powers = np.full(count, base, type(base))
    powers[0] = 1
    return np.cumprod(powers, dtype=type(base))
