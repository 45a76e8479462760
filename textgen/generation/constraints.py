"""What a text may consist of: words of a list, and given beginnings of lines.

Each is a small automaton over characters that NumPy and compiled loops run alike.
"""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.errors import SettingError

Array = Any  # numpy.ndarray, jax.Array or a tracer

BETWEEN_WORDS = 0
# After the beginning of a word that no listed word has.
OUTSIDE = 1
FREE = -1


class WordTable(NamedTuple):
    """The words of a list as a double array: the place after node n and character c is base[n] + c.

    Attributes:
        base: int32 [N], where the places after a node begin.
        owner: int32 [N], the node that a place comes after.
        is_word: bool [N], whether a word may end here.
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
        xp = self.base.__array_namespace__()
        places = self.base[node] + xp.arange(self.breaks.shape[0], dtype=np.int32)
        return (self.owner[places] == node) | (self.breaks & self.is_word[node])

    def advance(self, node: Array, token: Array) -> Array:
        """Return the node after a character that is permitted."""
        xp = self.base.__array_namespace__()
        after = xp.where(self.breaks[token], BETWEEN_WORDS, self.base[node] + token)
        return xp.astype(after, np.int32)

    def find(self, tokens: Iterable[int]) -> int:
        """Return the node after a text that may hold any words."""
        node = BETWEEN_WORDS
        for token in tokens:
            if self.breaks[token]:
                node = BETWEEN_WORDS
            elif node != OUTSIDE:
                after = int(self.base[node]) + token
                node = after if self.owner[after] == node else OUTSIDE
        return node


def is_word_character(character: str, in_words: Collection[str] = ()) -> bool:
    """Return whether a character belongs to words: letters, marks, digits, apostrophes, hyphens do.

    Args:
        character: one.
        in_words: further ones that do.
    """
    is_mark = unicodedata.category(character).startswith("M")
    return character.isalnum() or is_mark or character in "'\u2019-" or character in in_words


def make_word_table(
    words: Collection[str], characters: str, permitted: NDArray[np.bool_]
) -> WordTable:
    """Prepare a list of words.

    Args:
        words: without white space. Those with a character that may not be written are left out.
        characters: of the vocabulary, those of the ids from 1 on.
        permitted: bool [V], which may be written at all.

    Raises:
        SettingError: if no word is left, or nothing that may stand between two.
    """
    in_words = set("".join(words))
    breaks = [not is_word_character(c, in_words) for c in characters]
    ids = {c: number for number, c in enumerate(characters, 1) if permitted[number]}
    spelled = [[ids[c] for c in word] for word in words if all(c in ids for c in word)]
    if not spelled:
        raise SettingError("words", f"{len(words)} words", "a list with words the model can write")
    table = _double_array(spelled, len(characters) + 1)
    breaks_or_unknown = np.array([True, *breaks])
    if not (breaks_or_unknown & permitted).any():
        raise SettingError("words", f"{len(words)} words", "given with something to put between")
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
    places = begins[parent] + letter
    places[0] = BETWEEN_WORDS
    size = int(places.max()) + 1 + vocab_size
    base, owner = np.zeros(size, np.int32), np.full(size, -1, np.int32)
    base[places], owner[places[1:]] = begins, places[parent[1:]]
    is_word = np.zeros(size, bool)
    is_word[[BETWEEN_WORDS, OUTSIDE, *places[ends]]] = True
    return WordTable(base, owner, is_word, np.zeros(vocab_size, bool))


def _begins(
    children: list[dict[int, int]],
    parent: NDArray[np.int_],
    letter: NDArray[np.int_],
    vocab_size: int,
) -> NDArray[np.int32]:
    """Return where the places after each node begin, so that no two children lie on one."""
    first = vocab_size + 2  # so that no beginning is negative
    begins, lowest = np.zeros(len(children), np.int32), first
    tried: dict[tuple[int, ...], int] = {}
    widths = np.array([len(following) for following in children])
    is_free = np.ones(first + len(children) + 3 * vocab_size, bool)
    is_free[:first] = False
    # The widest first, while there is room; only children fill what is left between the others.
    order = np.argsort(-widths, kind="stable")
    for node in order[: int((widths > 1).sum())].tolist():
        while not is_free[lowest]:
            lowest += 1
        tokens = tuple(sorted(children[node]))
        # Where the same children did not fit before, they never will.
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
    """Given beginnings of lines, as one row of what is to be written.

    Attributes:
        tokens: int32 [S], ids that are to be written, each -1 standing for the rest of a line.
        newline: its id.
    """

    tokens: Array
    newline: Array

    def required(self, place: Array) -> Array:
        """Return the id that is to be written at a place of the script, or -1 for any."""
        return self.tokens[place]

    def advance(self, place: Array, token: Array) -> Array:
        """Return the place after a character that is permitted."""
        xp = self.tokens.__array_namespace__()
        moves = (self.tokens[place] != FREE) | (token == self.newline)
        after = xp.minimum(place + xp.where(moves, 1, 0), self.tokens.shape[0] - 1)
        return xp.astype(after, np.int32)


def make_script(starts: Collection[Iterable[int]], newline: int) -> Script:
    """Prepare beginnings of lines.

    Args:
        starts: the ids of each.
        newline: its id.

    Returns:
        The script; its place 0 is the rest of a line begun before, place 1 the first beginning.
    """
    row = [FREE]
    for start in starts:
        row += [*start, FREE]
    return Script(np.array(row, np.int32), np.int32(newline))
