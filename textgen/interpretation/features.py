"""What stands where in a text: features that a unit may turn out to follow.

Each is a pure function of a text of T characters; its value at a character counts that character as
read. Letters are those of Unicode; vowels are those of the Latin alphabet, with or without accents.
"""

import unicodedata
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
# How near the end of a line is near.
NEAR = 5


def line_position(text: str) -> Values:
    """Return the characters since the last newline, which is 0 itself, float64 [T]."""
    return _since(_where(text, lambda c: c == "\n"))


def line_end(text: str) -> Values:
    """Return 1 where a newline is among the next five characters, float64 [T]."""
    left = _since(_where(text, lambda c: c == "\n")[::-1], before=NEAR)[::-1]
    return _numbers(np.concatenate([left[1:] < NEAR, [False]])[: len(text)])


def indentation(text: str) -> Values:
    """Return the spaces and tabs that the line begins with, as far as it is read, float64 [T]."""
    values, count, is_open = np.zeros(len(text)), 0, True
    for place, character in enumerate(text):
        if character == "\n":
            count, is_open = 0, True
        else:
            is_open = is_open and character in " \t"
            count += is_open
        values[place] = count
    return values


def line_start(text: str) -> Values:
    """Return 1 before the first white space of a line, float64 [T]."""
    spaces = np.cumsum(_where(text, str.isspace))
    newlines = np.maximum.accumulate(np.where(_where(text, lambda c: c == "\n"), spaces, 0))
    return _numbers((spaces == newlines) & ~_where(text, str.isspace))


def paragraph_position(text: str) -> Values:
    """Return the characters since the last empty line, whose newline is 0 itself, float64 [T]."""
    newline = _where(text, lambda c: c == "\n")
    return _since(newline & np.concatenate([[True], newline[:-1]])[: len(text)])


def sentence_position(text: str) -> Values:
    """Return the characters since the last `.`, `!` or `?`, which is 0 itself, float64 [T]."""
    return _since(_where(text, lambda c: c in ".!?"))


def word_position(text: str) -> Values:
    """Return the letters and digits since the word began, the first being 1, float64 [T]."""
    return _since(~_where(text, str.isalnum))


def capital(text: str) -> Values:
    """Return 1 at a capital letter, float64 [T]."""
    return _numbers(_where(text, str.isupper))


def in_name(text: str) -> Values:
    """Return 1 in a word that begins with a capital letter, float64 [T]."""
    word, position = _where(text, str.isalnum), word_position(text).astype(int)
    begins = np.arange(len(text)) - np.maximum(position - 1, 0)
    return _numbers(word & _where(text, str.isupper)[begins])


def in_capitals(text: str) -> Values:
    """Return 1 in a word of capital letters alone so far, two at least, float64 [T]."""
    position = word_position(text)
    return _numbers((_since(~_where(text, str.isupper)) == position) & (position >= 2))


def vowel(text: str) -> Values:
    """Return 1 at a, e, i, o or u, float64 [T]."""
    return _numbers(_where(text, lambda c: _bare(c) in "aeiou"))


def consonant(text: str) -> Values:
    """Return 1 at any other letter of the Latin alphabet, float64 [T]."""
    return _numbers(_where(text, lambda c: _bare(c) in "bcdfghjklmnpqrstvwxyz"))


def digit(text: str) -> Values:
    """Return 1 at a digit, float64 [T]."""
    return _numbers(_where(text, str.isdecimal))


def space(text: str) -> Values:
    """Return 1 at white space, float64 [T]."""
    return _numbers(_where(text, str.isspace))


def punctuation(text: str) -> Values:
    """Return 1 at a punctuation mark, float64 [T]."""
    return _numbers(_where(text, lambda c: unicodedata.category(c)[0] == "P"))


def in_quotes(text: str) -> Values:
    """Return 1 inside double quotes, which an empty line ends at the latest, float64 [T]."""
    values, is_open = np.zeros(len(text)), False
    for place, character in enumerate(text):
        if character in '"\u201c\u201d':
            is_open = character == "\u201c" or (character == '"' and not is_open)
        elif character == "\n" and text[place - 1 : place] == "\n":
            is_open = False
        values[place] = is_open
    return values


def bracket_depth(text: str) -> Values:
    """Return how many round, square and curly brackets are open, float64 [T]."""
    values, depth = np.zeros(len(text)), 0
    for place, character in enumerate(text):
        depth = max(depth + (character in "([{") - (character in ")]}"), 0)
        values[place] = depth
    return values


def repeated(text: str) -> Values:
    """Return 1 at a character that stands there for the second time in a row, float64 [T]."""
    codes = np.array([ord(character) for character in text])
    return _numbers(np.concatenate([[False], codes[1:] == codes[:-1]])[: len(text)])


class Feature(NamedTuple):
    """A feature as it is shown.

    Attributes:
        name: short.
        meaning: in one line.
        measure: of a text of T characters the values, float64 [T].
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
    """Return how far back the last mark is, as if one stood so many places before the first."""
    places = np.arange(len(marked))
    last = np.maximum.accumulate(np.where(marked, places, -1 - before))
    return (places - last).astype(np.float64)


def _bare(character: str) -> str:
    return unicodedata.normalize("NFD", character)[0].lower()
