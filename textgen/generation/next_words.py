"""Which words are likely to come next: characters expanded to the end of a word, in batches."""

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
from textgen.settings import SamplingSettings

# Beginnings of words that go through the network side by side, at first and at most, and how often
# that is done: for a network of 2 x 256 units this takes about a twentieth of a second.
FIRST_BATCH = 4
BATCH = 32
MAX_BATCHES = 24
# Of the time there is, what a batch may take for the next one to be twice as large.
BATCH_SHARE = 0.1
# Parts of words beside those that `is_word_character` knows: of names in programs.
IN_WORDS = "_"
# Of a script without spaces a word ends here; so do spaces that a text is indented by.
MAX_CHARACTERS = 24
MAX_SEPARATORS = 2
# Beginnings less likely than this are not followed, nor those less likely than this share of the
# last word wanted: after other separators they may lead to the same words as likelier ones.
LEAST = 1e-5
SHARE = 0.02


@dataclass(frozen=True)
class NextWord:
    """A word that may come next.

    Attributes:
        text: all of it, with what of it was there already.
        probability: under the model itself, at temperature 1, before any filter.
    """

    text: str
    probability: float


class _Beginning(NamedTuple):
    """The first characters of a word.

    Attributes:
        text: of the word.
        separators: characters before the word.
        probability: of both together.
        states: the batch of states before the last character.
        row: of this one in the batch.
        token: the last character.
    """

    text: str
    separators: int
    probability: float
    states: States
    row: int
    token: int


def unfinished_word(text: str) -> str:
    """Return the characters of a word that a text ends with; none if it ends between words.

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

    The beginnings of words are followed from the likeliest on, until none is left that could add
    much to the words found, or until the time is over, or so many were followed that more would
    take too long. The probabilities are therefore lower bounds: other ways to the same word, after
    other separators, may not have been followed.

    Args:
        generator: after the text; its state does not change.
        count: how many words, at least 1.
        stem: the unfinished word that the text ends with; the words are then those it may become,
            itself included.
        seconds: after which no more are followed; with a limit, what is found depends on the
            speed of the machine.

    Returns:
        The words, the likeliest first; at most `count`.
    """
    begun = perf_counter()
    session = generator.fork()
    if not session.state.characters:
        session.generate(0, SamplingSettings())  # which reads what comes before any text
    characters = session.vocabulary.characters
    in_word = _in_word(characters)
    found: dict[str, float] = {}
    states = _stack([session.state.recurrent])
    batch = [_Beginning(stem, 0, 1.0, states, 0, UNKNOWN_ID)]
    frontier: list[_Beginning] = []
    size = FIRST_BATCH
    checked = begun
    for number in range(MAX_BATCHES):
        following = softmax(session.reader.logits(states).astype(np.float64))
        for row, beginning in enumerate(batch):
            chances = beginning.probability * following[row]
            if beginning.text:
                is_cut = len(beginning.text) >= len(stem) + MAX_CHARACTERS
                ended = chances.sum() if is_cut else chances[~in_word].sum()
                found[beginning.text] = found.get(beginning.text, 0.0) + float(ended)
                chances[(~in_word) | is_cut] = 0
            elif beginning.separators == MAX_SEPARATORS:
                chances[~in_word] = 0
            frontier += _longer(beginning, chances, states, row, characters, in_word)
        last = sorted(found.values())[-count] if len(found) >= count else 0.0
        least = max(LEAST, SHARE * last)
        frontier = [beginning for beginning in frontier if beginning.probability > least]
        frontier.sort(key=lambda beginning: -beginning.probability)
        before, checked = checked, perf_counter()
        taken = checked - before
        # Another batch would take as long as the last one, or longer; one there is always time for.
        if not frontier or (number and checked + taken > begun + seconds):
            break
        size = min(2 * size, BATCH) if taken < BATCH_SHARE * seconds else size
        batch, frontier = frontier[:size], frontier[size:]
        stacked = _stack([_state_of(beginning) for beginning in batch])
        tokens = np.array([[beginning.token for beginning in batch]], np.int32)
        states = session.reader.read(tokens, stacked)
    likeliest = sorted(found.items(), key=lambda entry: (-entry[1], entry[0]))
    return [NextWord(*entry) for entry in likeliest[:count]]


@lru_cache(maxsize=4)
def _in_word(characters: str) -> NDArray[np.bool_]:
    """Return which ids are parts of words, bool [V]."""
    return np.array([False, *(is_word_character(c, IN_WORDS) for c in characters)])


def _longer(
    beginning: _Beginning,
    chances: NDArray[np.float64],
    states: States,
    row: int,
    characters: str,
    in_word: NDArray[np.bool_],
) -> Iterator[_Beginning]:
    """Yield a beginning with one character more, for each that is likely enough."""
    text, separators = beginning.text, beginning.separators
    for token in np.flatnonzero(chances > LEAST).tolist():
        if token == UNKNOWN_ID:
            continue
        probability = float(chances[token])
        if in_word[token]:
            longer = text + characters[token - 1]
            yield _Beginning(longer, separators, probability, states, row, token)
        else:
            yield _Beginning("", separators + 1, probability, states, row, token)


def _state_of(beginning: _Beginning) -> States:
    return tuple(
        type(state)(*(member[beginning.row] for member in state)) for state in beginning.states
    )


def _stack(several: Sequence[States]) -> States:
    """Put states with members [H] together into one with members [B, H]."""
    return tuple(
        type(layers[0])(*map(np.stack, zip(*layers, strict=True)))
        for layers in zip(*several, strict=True)
    )
