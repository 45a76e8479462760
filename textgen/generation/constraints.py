"""Constraints on a text: only words of a list, and given beginnings of lines.

Each is a small automaton over characters, for NumPy and JAX arrays alike.
"""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.errors import SettingError
from textgen.generation.operations import Array, either

# Node between two words.
BETWEEN_WORDS = 0
# Node inside a word that is not the beginning of any listed word.
OUTSIDE = 1
# Entry of a script at which any character may be written.
FREE = -1


class WordTable(NamedTuple):
    """A list of words as a trie in a double array: node n and character c lead to node base[n] + c.

    Attributes:
        base: int32 [N], index of a node to which the id of the next character is added.
        owner: int32 [N], the node before a node; -1 for none.
        is_word: bool [N], whether a word may end at a node.
        breaks: bool [V], which characters stand between words.

    References:
        Aoe (1989), An Efficient Digital Search Algorithm by Using a Double-Array Structure.
    """

    base: Array
    owner: Array
    is_word: Array
    breaks: Array

    def permitted(self, node: Array) -> Array:
        """Return which characters may follow, bool [V]."""
        begin, size = self.base[node], self.breaks.shape[0]
        if isinstance(self.base, np.ndarray):
            follows = self.owner[begin : begin + size] == node
            return follows | self.breaks if self.is_word[node] else follows
        xp = self.base.__array_namespace__()
        follows = self.owner[begin + xp.arange(size, dtype=np.int32)] == node
        return follows | (self.breaks & self.is_word[node])

    def advance(self, node: Array, token: Array) -> Array:
        """Return the node after a permitted character."""
        return either(self.breaks[token], np.int32(BETWEEN_WORDS), self.base[node] + token)

    def find(self, tokens: Iterable[int]) -> int:
        """Return the node after a text, which may contain words that are not listed."""
        node = BETWEEN_WORDS
        for token in tokens:
            if self.breaks[token]:
                node = BETWEEN_WORDS
            elif node != OUTSIDE:
                after = int(self.base[node]) + token
                node = after if self.owner[after] == node else OUTSIDE
        return node


def is_word_character(character: str, in_words: Collection[str] = ()) -> bool:
    """Return whether a character belongs to words: a letter, mark, digit, apostrophe or hyphen.

    Args:
        character: one character.
        in_words: further characters that belong to words.
    """
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or is_mark or character in "'\u2019-" or character in in_words


def make_word_table(
    words: Collection[str], characters: str, permitted: NDArray[np.bool_]
) -> WordTable:
    """Prepare a list of words.

    Args:
        words: words without white space. Words with a character that is not permitted are left
            out.
        characters: the characters of the ids from 1 on.
        permitted: bool [V], which characters may be written at all.

    Raises:
        SettingError: if no word is left, or no permitted character can stand between two words.
    """
    in_words = set("".join(words))
    breaks = [not is_word_character(c, in_words) for c in characters]
    ids = {c: number for number, c in enumerate(characters, 1) if permitted[number]}
    spelled = [[ids[c] for c in word] for word in words if all(c in ids for c in word)]
    if not spelled:
        raise SettingError(
            "words", f"{len(words)} words", "a list with a word that the model can write"
        )
    table = _double_array(spelled, len(characters) + 1)
    breaks_or_unknown = np.array([True, *breaks])
    if not (breaks_or_unknown & permitted).any():
        raise SettingError(
            "words", f"{len(words)} words", "given with a character that can separate them"
        )
    return table._replace(breaks=breaks_or_unknown)


def _double_array(spelled: list[list[int]], vocab_size: int) -> WordTable:
    children: list[dict[int, int]] = [{}]
    parents, letters, ends = [0], [0], []
    for word in spelled:
        node = 0
        for token in word:
            before, node = node, children[node].setdefault(token, len(children))
            if node == len(children):
                children.append({})
                parents.append(before)
                letters.append(token)
        ends.append(node)
    parent, letter = np.array(parents), np.array(letters)
    begins = _begins(children, parent[1:], letter[1:], vocab_size)
    indices = begins[parent] + letter
    indices[0] = BETWEEN_WORDS
    size = int(indices.max()) + 1 + vocab_size
    base, owner = np.zeros(size, np.int32), np.full(size, -1, np.int32)
    base[indices], owner[indices[1:]] = begins, indices[parent[1:]]
    is_word = np.zeros(size, bool)
    is_word[[BETWEEN_WORDS, OUTSIDE, *indices[ends]]] = True
    return WordTable(base, owner, is_word, np.zeros(vocab_size, bool))


def _begins(
    children: list[dict[int, int]],
    parent: NDArray[np.int_],
    letter: NDArray[np.int_],
    vocab_size: int,
) -> NDArray[np.int32]:
    """Return the base of each node, such that no two nodes have the same index."""
    first = vocab_size + 2  # the lowest index, such that no base is negative
    begins, lowest = np.zeros(len(children), np.int32), first
    tried: dict[tuple[int, ...], int] = {}
    widths = np.array([len(following) for following in children])
    is_free = np.ones(first + len(children) + 3 * vocab_size, bool)
    is_free[:first] = False
    # Nodes with the most children come first. Single children fill the free indices between them.
    order = np.argsort(-widths, kind="stable")
    for node in order[: int((widths > 1).sum())].tolist():
        while not is_free[lowest]:
            lowest += 1
        tokens = tuple(sorted(children[node]))
        # A base at which the same children did not fit before need not be tried again.
        begin = _first_fit(is_free, max(lowest - tokens[0], tried.get(tokens, 0)), tokens)
        begins[node] = tried[tokens] = begin
        for token in tokens:
            is_free[begin + token] = False
        if begin + 3 * vocab_size > len(is_free):
            is_free = np.concatenate([is_free, np.ones(len(is_free), bool)])
    is_only = widths[parent] == 1
    count = int(is_only.sum())
    free = np.flatnonzero(np.concatenate([is_free, np.ones(count, bool)]))[:count]
    begins[parent[is_only]] = free - letter[is_only]
    return begins


def _first_fit(is_free: NDArray[np.bool_], begin: int, tokens: Sequence[int]) -> int:
    window = 256
    while True:
        rows = [is_free[begin + token : begin + token + window] for token in tokens]
        width = min(map(len, rows))
        fitting = np.logical_and.reduce([row[:width] for row in rows])
        offset = int(fitting.argmax())
        if fitting[offset]:
            return begin + offset
        begin, window = begin + width, 4096


class Script(NamedTuple):
    """Given beginnings of lines, one after the other.

    Attributes:
        tokens: int32 [S], the ids that must be written; FREE stands for the rest of a line.
        newline: id of the newline.
        last: int32, index of the rest of the last line. What follows it is never used.
    """

    tokens: Array
    newline: Array
    last: Array

    def required(self, index: Array) -> Array:
        """Return the id that must be written at an index of the script, or FREE for any."""
        return self.tokens[index]

    def is_last(self, index: Array) -> Array:
        """Return whether the last line has begun."""
        return index >= self.last

    def advance(self, index: Array, token: Array) -> Array:
        """Return the index after a permitted character."""
        moves = (self.tokens[index] != FREE) | (token == self.newline)
        return either(moves & (index < self.last), index + np.int32(1), index)


def make_script(starts: Collection[Iterable[int]], newline: int) -> Script:
    """Prepare beginnings of lines.

    Args:
        starts: ids of the characters of each beginning.
        newline: id of the newline.

    Returns:
        The script. Index 0 is the rest of a line that began before, index 1 the first beginning.
    """
    row = [FREE]
    for start in starts:
        row += [*start, FREE]
    return Script(np.array(row, np.int32), np.int32(newline), np.int32(len(row) - 1))
