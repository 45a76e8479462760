from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.networks import random_network
from textgen.generation.constraints import make_word_table
from textgen.restoration.beam import Rules, draw, fill
from textgen.restoration.reader import TwoWayReader, log_probabilities

TOKENS = np.array([3, 1, 0, 2, 0, 0, 4, 5], np.int32)
IS_GAP = np.array([0, 0, 1, 0, 1, 1, 0, 0], bool)
ANY = Rules(np.array([False] + [True] * 6))


@pytest.fixture(scope="module")
def reader() -> TwoWayReader:
    return TwoWayReader(*random_network(direction="both", projected="all"))


def probability(reader: TwoWayReader, filling: tuple[int, ...]) -> float:
    """Compute the probability of a filling: one character after the other is filled in."""
    tokens, total = np.where(IS_GAP, 0, TOKENS), 0.0
    for position, token in zip(np.flatnonzero(IS_GAP), filling, strict=True):
        parts = reader.parts_before(tokens[:, None]) + reader.parts_behind(tokens[:, None])
        total += log_probabilities(parts[position, 0])[token]
        tokens[position] = token
    return float(np.exp(total))


@pytest.mark.slow
def test_joint_filling_equals_brute_force_over_all_fillings_of_three_gaps(
    reader: TwoWayReader,
) -> None:
    every = {one: probability(reader, one) for one in product(range(1, 7), repeat=3)}
    assert sum(every.values()) == pytest.approx(1, abs=1e-5)
    found = fill(reader, TOKENS, IS_GAP, ANY, width=6**3)
    assert len(found) == 6**3
    for one in found:
        expected = every[tuple(one.tokens.tolist())]
        assert np.exp(one.log_probability) == pytest.approx(expected, rel=1e-4)
    scores = [one.log_probability for one in found]
    assert scores == sorted(scores, reverse=True)
    best = max(every, key=lambda one: every[one])
    narrow = fill(reader, TOKENS, IS_GAP, ANY, width=20)
    assert tuple(narrow[0].tokens.tolist()) == best
    assert len(narrow) == 20


def test_a_text_without_gaps_has_one_filling_without_characters(reader: TwoWayReader) -> None:
    (one,) = fill(reader, TOKENS, np.zeros(8, bool), ANY)
    assert len(one.tokens) == 0
    assert one.log_probability == 0


def test_only_permitted_characters_are_filled_in(reader: TwoWayReader) -> None:
    rules = Rules(np.isin(np.arange(7), [2, 5]))
    found = fill(reader, TOKENS, IS_GAP, rules, width=100)
    assert {tuple(one.tokens.tolist()) for one in found} == {*product([2, 5], repeat=3)}
    assert fill(reader, TOKENS, IS_GAP, Rules(np.zeros(7, bool))) == []


def filled_words(reader: TwoWayReader, text: str, words: list[str]) -> set[str]:
    characters = "abcde "
    allowed = ANY.allowed
    table = make_word_table(words, characters, allowed)
    ids = {character: number for number, character in enumerate(characters, 1)}
    tokens = np.array([ids.get(one, 0) for one in text], np.int32)
    found = fill(reader, tokens, tokens == 0, Rules(allowed, table), width=500)
    texts = set()
    for one in found:
        rest = iter(one.tokens.tolist())
        texts.add("".join(characters[next(rest) - 1] if c == "_" else c for c in text))
    return texts


def test_a_gap_stands_only_in_words_of_the_list(reader: TwoWayReader) -> None:
    words = ["abc", "abd", "dab", "a"]
    assert filled_words(reader, "eab_ab", words) == {"eab ab"}  # no listed word begins with eab
    assert filled_words(reader, "e ab_", words) == {"e abc", "e abd"}
    assert filled_words(reader, "_ab", words) == {"dab", " ab"}
    assert filled_words(reader, "_b_", words) == {"abc", "abd", " b "}
    # A gap may also separate words, and words without a gap may be any.
    assert filled_words(reader, "eee a_a eee", words) == {"eee a a eee"}
    assert filled_words(reader, "ac_", words) == {"ac "}


def uniforms(count: int) -> NDArray[np.float32]:
    return np.random.default_rng(4).random((count, 3)).astype(np.float32)


@pytest.mark.slow
def test_fillings_are_drawn_with_their_probabilities(reader: TwoWayReader) -> None:
    every = {one: probability(reader, one) for one in product(range(1, 7), repeat=3)}
    best = max(every, key=lambda one: every[one])
    drawn = draw(reader, TOKENS, IS_GAP, ANY, uniforms(4000), 1.0)
    share = sum(tuple(one.tokens.tolist()) == best for one in drawn) / 4000
    # Four standard deviations; a fair draw fails once in 16,000.
    error = 4 * np.sqrt(every[best] * (1 - every[best]) / 4000)
    assert abs(share - every[best]) < error
    for one in drawn[:20]:
        expected = every[tuple(one.tokens.tolist())]
        assert np.exp(one.log_probability) == pytest.approx(expected, rel=1e-4)


def test_a_low_temperature_draws_the_likeliest_character_at_each_step(
    reader: TwoWayReader,
) -> None:
    greedy = fill(reader, TOKENS, IS_GAP, ANY, width=1)[0]
    for one in draw(reader, TOKENS, IS_GAP, ANY, uniforms(10), 0.001):
        assert one.tokens.tolist() == greedy.tokens.tolist()
