"""Features of a text that a unit may follow, such as the position in a line.

Each feature is a pure function of a text of T characters that returns one number for each
character, float64 [T]. A number counts its own character as read. Letters are those of Unicode.
Vowels and consonants are those of the Latin alphabet, with or without accents.
"""

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
# Number of characters before a newline that belong to the end of a line.
NEAR = 5


def line_position(text: str) -> Values:
    """Return the number of characters since the last newline; 0 at a newline."""
    return _since(_where(text, lambda c: c == "\n"))


def line_end(text: str) -> Values:
    """Return 1 where a newline is among the next five characters, else 0."""
    left = _since(_where(text, lambda c: c == "\n")[::-1], before=NEAR)[::-1]
    return _numbers(np.concatenate([left[1:] < NEAR, [False]])[: len(text)])


def indentation(text: str) -> Values:
    """Return the number of spaces and tabs read so far at the beginning of the line."""
    values, count, is_open = np.zeros(len(text)), 0, True
    for index, character in enumerate(text):
        if character == "\n":
            count, is_open = 0, True
        else:
            is_open = is_open and character in " \t"
            count += is_open
        values[index] = count
    return values


def line_start(text: str) -> Values:
    """Return 1 before the first white space of a line, else 0."""
    spaces = np.cumsum(_where(text, str.isspace))
    newlines = np.maximum.accumulate(np.where(_where(text, lambda c: c == "\n"), spaces, 0))
    return _numbers((spaces == newlines) & ~_where(text, str.isspace))


def paragraph_position(text: str) -> Values:
    """Return the number of characters since the last empty line; 0 at the newline that ends it."""
    newline = _where(text, lambda c: c == "\n")
    return _since(newline & np.concatenate([[True], newline[:-1]])[: len(text)])


def sentence_position(text: str) -> Values:
    """Return the number of characters since the last `.`, `!` or `?`; 0 at such a character."""
    return _since(_where(text, lambda c: c in ".!?"))


def word_position(text: str) -> Values:
    """Return the number of letters and digits in the word so far; 0 outside words."""
    return _since(~_where(text, str.isalnum))


def capital(text: str) -> Values:
    """Return 1 at a capital letter, else 0."""
    return _numbers(_where(text, str.isupper))


def in_name(text: str) -> Values:
    """Return 1 in a word that begins with a capital letter, else 0."""
    word, position = _where(text, str.isalnum), word_position(text).astype(int)
    begins = np.arange(len(text)) - np.maximum(position - 1, 0)
    return _numbers(word & _where(text, str.isupper)[begins])


def in_capitals(text: str) -> Values:
    """Return 1 in a word of at least two characters so far, all capital letters, else 0."""
    position = word_position(text)
    return _numbers((_since(~_where(text, str.isupper)) == position) & (position >= 2))


def vowel(text: str) -> Values:
    """Return 1 at a, e, i, o or u, else 0."""
    return _numbers(_where(text, lambda c: _bare(c) in "aeiou"))


def consonant(text: str) -> Values:
    """Return 1 at a letter of the Latin alphabet that is not a vowel, else 0."""
    return _numbers(_where(text, lambda c: _bare(c) in "bcdfghjklmnpqrstvwxyz"))


def digit(text: str) -> Values:
    """Return 1 at a decimal digit, else 0."""
    return _numbers(_where(text, str.isdecimal))


def space(text: str) -> Values:
    """Return 1 at white space, else 0."""
    return _numbers(_where(text, str.isspace))


def punctuation(text: str) -> Values:
    """Return 1 at a punctuation mark, else 0."""
    return _numbers(_where(text, lambda c: unicodedata.category(c)[0] == "P"))


def in_quotes(text: str) -> Values:
    """Return 1 inside double quotes, else 0; an empty line closes quotes that are still open."""
    values, is_open = np.zeros(len(text)), False
    for index, character in enumerate(text):
        if character in '"\u201c\u201d':
            is_open = character == "\u201c" or (character == '"' and not is_open)
        elif character == "\n" and text[index - 1 : index] == "\n":
            is_open = False
        values[index] = is_open
    return values


def bracket_depth(text: str) -> Values:
    """Return the number of round, square and curly brackets that are open."""
    values, depth = np.zeros(len(text)), 0
    for index, character in enumerate(text):
        depth = max(depth + (character in "([{") - (character in ")]}"), 0)
        values[index] = depth
    return values


def repeated(text: str) -> Values:
    """Return 1 at a character that equals the character before it, else 0."""
    codes = np.array([ord(character) for character in text])
    return _numbers(np.concatenate([[False], codes[1:] == codes[:-1]])[: len(text)])


class Feature(NamedTuple):
    """A feature, with its description for people.

    Attributes:
        name: short name.
        meaning: description of at most 40 characters.
        measure: function of a text of T characters that returns the values, float64 [T].
    """

    name: str
    meaning: str
    measure: Callable[[str], Values]


FEATURES = (
    Feature("line position", "characters since the last newline", line_position),
    Feature("line start", "before the first white space of a line", line_start),
    Feature("line end", "a newline among the next five characters", line_end),
    Feature("indentation", "white space that the line begins with", indentation),
    Feature("paragraph position", "characters since the last empty line", paragraph_position),
    Feature("sentence position", "characters since the last . ! or ?", sentence_position),
    Feature("word position", "letters and digits since the word began", word_position),
    Feature("space", "white space", space),
    Feature("capital", "a capital letter", capital),
    Feature("in a name", "a word that begins with a capital", in_name),
    Feature("in capitals", "a word of capitals so far, two at least", in_capitals),
    Feature("vowel", "a, e, i, o, u, with or without an accent", vowel),
    Feature("consonant", "any other letter of the Latin alphabet", consonant),
    Feature("repeated", "the same character twice in a row", repeated),
    Feature("digit", "a digit", digit),
    Feature("punctuation", "a punctuation mark", punctuation),
    Feature("in quotes", 'inside "..." or \u201c...\u201d', in_quotes),
    Feature("bracket depth", "how many of ( [ { are open", bracket_depth),
)


def _where(text: str, test: Callable[[str], bool]) -> NDArray[np.bool_]:
    chosen = {character for character in set(text) if test(character)}
    return np.fromiter((character in chosen for character in text), bool, len(text))


def _numbers(claims: NDArray[np.bool_]) -> Values:
    return claims.astype(np.float64)


def _since(marked: NDArray[np.bool_], before: int = 0) -> Values:
    """Return the distance of each character from the last marked one, float64 [T].

    Args:
        marked: which characters are marked, bool [T].
        before: index -1 - `before` counts as marked, too.
    """
    positions = np.arange(len(marked))
    last = np.maximum.accumulate(np.where(marked, positions, -1 - before))
    return (positions - last).astype(np.float64)


def _bare(character: str) -> str:
    return unicodedata.normalize("NFD", character)[0].lower()
