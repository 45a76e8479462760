"""The likeliest next words: a search over characters, up to the end of each word, in batches."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID
from textgen.generation.constraints import is_word_character
from textgen.generation.filters import softmax
from textgen.generation.generator import Generator
from textgen.network.inference import States

# Sizes of the first and of the largest batch of prefixes, and the largest number of batches. With a
# network of 2 x 256 units, they take about a twentieth of a second.
FIRST_BATCH = 4
BATCH = 32
MAX_BATCHES = 24
# Double the batch while one batch takes at most this share of the time limit.
BATCH_SHARE = 0.1
# Characters that belong to words besides those of `is_word_character`, as in names in programs.
IN_WORDS = "_"
# Longest word, for scripts without spaces, and most separators before one, for indented texts.
MAX_CHARACTERS = 24
MAX_SEPARATORS = 2
# A prefix is not extended if it is less likely than this.
LEAST = 1e-5
# A prefix is also not extended if it is less likely than this share of the last word that would be
# returned. It is not 1: after other separators, a prefix may lead to a word that was found before.
SHARE = 0.02


@dataclass(frozen=True)
class NextWord:
    """A word that may come next.

    Attributes:
        text: the whole word, including the part that the text ends with.
        probability: its probability under the model, at temperature 1, before any filter.
    """

    text: str
    probability: float


class _Prefix(NamedTuple):
    """The first characters of a word.

    Attributes:
        text: the characters.
        separators: number of separators before the word.
        probability: probability of the separators and the characters.
        states: states of a batch of prefixes before their last characters.
        row: row of this prefix in the batch.
        token: id of the last character.
    """

    text: str
    separators: int
    probability: float
    states: States
    row: int
    token: int


def unfinished_word(text: str) -> str:
    """Return the part of a word that a text ends with; empty if it does not end in a word.

    >>> unfinished_word("the quick bro")
    'bro'
    """
    begin = len(text)
    while begin and is_word_character(text[begin - 1], IN_WORDS):
        begin -= 1
    return text[begin:]


def next_words(
    generator: Generator, count: int, stem: str = "", seconds: float = math.inf
) -> list[NextWord]:
    """Find the likeliest next words.

    The search extends prefixes of words by one character at a time, the likeliest prefixes first.
    It ends when no prefix is left that could add much to the words found, after MAX_BATCHES
    batches, or at the time limit. The probabilities are therefore lower bounds: the same word after
    other separators may not have been reached.

    Args:
        generator: a generator that has read the text; its state does not change.
        count: largest number of words, at least 1.
        stem: the unfinished word that the text ends with. The words are then those that it may
            become, including itself.
        seconds: time limit. With a limit, the result depends on the speed of the machine.

    Returns:
        The words, the likeliest first.
    """
    begun = perf_counter()
    session = generator.fork()
    session.read_start()
    characters = session.vocabulary.characters
    in_word = _in_word(characters)
    found: dict[str, float] = {}
    states = _stack([session.settle().recurrent])
    batch = [_Prefix(stem, 0, 1.0, states, 0, UNKNOWN_ID)]
    frontier: list[_Prefix] = []
    size = FIRST_BATCH
    checked = begun
    for number in range(MAX_BATCHES):
        following = softmax(session.reader.logits(states).astype(np.float64))
        for row, prefix in enumerate(batch):
            chances = prefix.probability * following[row]
            if prefix.text:
                is_cut = len(prefix.text) >= len(stem) + MAX_CHARACTERS
                ended = chances.sum() if is_cut else chances[~in_word].sum()
                found[prefix.text] = found.get(prefix.text, 0.0) + float(ended)
                chances[(~in_word) | is_cut] = 0
            elif prefix.separators == MAX_SEPARATORS:
                chances[~in_word] = 0
            frontier += _longer(prefix, chances, states, row, characters, in_word)
        last = sorted(found.values())[-count] if len(found) >= count else 0.0
        least = max(LEAST, SHARE * last)
        frontier = [prefix for prefix in frontier if prefix.probability > least]
        frontier.sort(key=lambda prefix: -prefix.probability)
        before, checked = checked, perf_counter()
        taken = checked - before
        # The next batch takes at least as long as the last one. One batch is always read.
        if not frontier or (number and checked + taken > begun + seconds):
            break
        size = min(2 * size, BATCH) if taken < BATCH_SHARE * seconds else size
        batch, frontier = frontier[:size], frontier[size:]
        stacked = _stack([_state_of(prefix) for prefix in batch])
        tokens = np.array([[prefix.token for prefix in batch]], np.int32)
        states = session.reader.read(tokens, stacked)
    likeliest = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return [NextWord(*entry) for entry in likeliest[:count]]


@lru_cache(maxsize=4)
def _in_word(characters: str) -> NDArray[np.bool_]:
    """Return which ids are parts of words, bool [V]."""
    return np.array([False, *(is_word_character(c, IN_WORDS) for c in characters)])


def _longer(
    prefix: _Prefix,
    chances: NDArray[np.float64],
    states: States,
    row: int,
    characters: str,
    in_word: NDArray[np.bool_],
) -> Iterator[_Prefix]:
    """Yield a prefix extended by one character, for each character that is likely enough."""
    text, separators = prefix.text, prefix.separators
    for token in np.flatnonzero(chances > LEAST).tolist():
        if token == UNKNOWN_ID:
            continue
        probability = float(chances[token])
        if in_word[token]:
            longer = text + characters[token - 1]
            yield _Prefix(longer, separators, probability, states, row, token)
        else:
            yield _Prefix("", separators + 1, probability, states, row, token)


def _state_of(prefix: _Prefix) -> States:
    return tuple(type(state)(*(member[prefix.row] for member in state)) for state in prefix.states)


def _stack(several: Sequence[States]) -> States:
    """Stack states with members [H] into one with members [B, H]."""
    return tuple(
        type(layers[0])(*map(np.stack, zip(*layers, strict=True)))
        for layers in zip(*several, strict=True)
    )
