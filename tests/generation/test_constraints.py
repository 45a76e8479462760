import re
import time
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from textgen.errors import SettingError
from textgen.generation.constraints import (
    BETWEEN_WORDS,
    FREE,
    OUTSIDE,
    Script,
    WordTable,
    is_word_character,
    make_script,
    make_word_table,
)

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def table_of(words: list[str], characters: str, forbidden: str = "") -> WordTable:
    permitted = np.array([False, *[c not in forbidden for c in characters]])
    return make_word_table(words, characters, permitted)


def random_words(seed: int, alphabet: str, count: int, longest: int = 7) -> list[str]:
    random = np.random.default_rng(seed)
    letters, sizes = np.array([*alphabet]), random.integers(1, longest + 1, count)
    return ["".join(random.choice(letters, size)) for size in sizes]


CHINESE = "".join(map(chr, range(0x4E00, 0x4E00 + 2990)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("alphabet", "count", "longest"),
    [("ab", 60, 7), ("a", 5, 9), (LETTERS, 5000, 7), (CHINESE, 4000, 3), (CHINESE[:80], 3000, 4)],
)
def test_after_every_beginning_just_the_letters_of_the_list_are_permitted(
    alphabet: str, count: int, longest: int
) -> None:
    words = {*random_words(0, alphabet, count, longest)}
    characters = f"{alphabet} ."
    table, ids = table_of([*words], characters), {c: n for n, c in enumerate(characters, 1)}
    beginnings = {word[:end] for word in words for end in range(len(word) + 1)}
    following: dict[str, set[int]] = {beginning: set() for beginning in beginnings}
    for beginning in beginnings - {""}:
        following[beginning[:-1]].add(ids[beginning[-1]])
    between = {0, ids[" "], ids["."]}
    for beginning, letters in following.items():
        node = np.int32(BETWEEN_WORDS)
        for character in beginning:
            node = table.advance(node, np.int32(ids[character]))
        assert table.find([ids[c] for c in beginning]) == node
        may_end = beginning in words or not beginning
        expected = letters | (between if may_end else set())
        assert {*np.flatnonzero(table.permitted(node)).tolist()} == expected
        if may_end:
            assert table.advance(node, np.int32(ids["."])) == BETWEEN_WORDS


def test_after_a_word_that_is_not_listed_only_its_end_is_permitted() -> None:
    table = table_of(["abc", "b"], "abcd .")
    for text in ("d", "ad", "abcc", "aa", "bb", "cb"):
        node = table.find(["abcd .".index(c) + 1 for c in text])
        assert node == OUTSIDE
        assert np.flatnonzero(table.permitted(np.int32(node))).tolist() == [0, 5, 6]
        assert table.advance(np.int32(node), np.int32(5)) == BETWEEN_WORDS
    # The unknown character stands between words, as a mark does.
    assert table.find([4, 4, 0, 1]) == table.find([1])


@pytest.mark.slow
def test_both_engines_walk_the_same_nodes() -> None:
    table = table_of(random_words(0, LETTERS, 300), f"{LETTERS} ")
    traced = WordTable(*map(jnp.asarray, table))
    random, node = np.random.default_rng(0), np.int32(BETWEEN_WORDS)
    for _ in range(60):
        permitted = table.permitted(node)
        np.testing.assert_array_equal(traced.permitted(jnp.asarray(node)), permitted)
        token = np.int32(random.choice(np.flatnonzero(permitted)))
        after = traced.advance(jnp.asarray(node), jnp.asarray(token))
        node = table.advance(node, token)
        assert after == node
        assert after.dtype == node.dtype == np.int32


def words_of(table: WordTable, characters: str) -> set[str]:
    """Return all words of a table, walked from its beginning."""
    found, ahead = set(), [("", BETWEEN_WORDS)]
    while ahead:
        word, node = ahead.pop()
        if word and table.is_word[node]:
            found.add(word)
        for token in np.flatnonzero(table.owner[table.base[node] :][: len(characters) + 1] == node):
            ahead.append((word + characters[token - 1], int(table.base[node] + token)))
    return found


def test_words_with_unknown_or_forbidden_characters_are_left_out() -> None:
    words = ["ab", "aB", "abc", "cab", "a\u00e9", "b", "ab"]
    assert words_of(table_of(words, "abc "), "abc ") == {"ab", "abc", "cab", "b"}
    assert words_of(table_of(words, "abc ", forbidden="c"), "abc ") == {"ab", "b"}


def test_what_listed_words_hold_belongs_to_words_beside_what_always_does() -> None:
    characters = "a1\u00e9'\u2019-_. "
    for words, between in ((["a"], "_. "), (["a", "a_a"], ". "), (["a.", "_"], " ")):
        breaks = table_of(words, characters).breaks
        assert "".join(np.array([*characters])[breaks[1:]]) == between
        assert breaks[0]
        in_words = {*"".join(words)}
        assert [is_word_character(c, in_words) for c in characters] == (~breaks[1:]).tolist()


@pytest.mark.parametrize(
    ("words", "characters", "forbidden", "message"),
    [
        (
            ["xyz", "Q"],
            "abc ",
            "",
            "words must be a list with a word that the model can write, got '2 words'",
        ),
        (["ab"], "abc ", "b", "a word that the model can write"),
        (["ab"], "abc", "", "given with a character that can separate them"),
        (["ab"], "abc .", " .", "given with a character that can separate them"),
        (["a b"], "ab ", "", "given with a character that can separate them"),
    ],
)
def test_a_list_with_which_nothing_can_be_written_is_refused(
    words: list[str], characters: str, forbidden: str, message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        table_of(words, characters, forbidden)


@pytest.mark.slow
def test_a_table_of_100_000_words() -> None:
    random = np.random.default_rng(0)
    parts = [f"{a}{b}{c}" for a in "bcdfghlmnprst" for b in "aeiou" for c in ("", "n", "r", "s")]
    chosen = np.array(parts)[random.integers(0, len(parts), (100_000, 4))]
    words = ["".join(row[:size]) for row, size in zip(chosen, [2, 3, 4, 4] * 25_000, strict=True)]
    begun = time.perf_counter()
    table = table_of(words, f"{LETTERS} ")
    print(f"{time.perf_counter() - begun:.1f} s, {len(table.base)} places")
    assert (table.owner != -1).mean() > 0.95  # little room is lost
    for word in words[::1000]:
        assert table.is_word[table.find([LETTERS.index(c) + 1 for c in word])]


def written(script: Script, text: str, characters: str, *, place: int = 1) -> list[int]:
    """Return the places of a script along a text."""
    places = [place]
    for character in text:
        token = np.int32(characters.index(character) + 1)
        required = script.required(np.int32(places[-1]))
        assert required in (FREE, token)
        places.append(int(script.advance(np.int32(places[-1]), token)))
    return places


def test_a_script_asks_for_each_beginning_and_leaves_the_rest_of_a_line_free() -> None:
    script = make_script([[1, 2], [3]], 4)
    assert script.tokens.tolist() == [FREE, 1, 2, FREE, 3, FREE]
    # Behind the last beginning everything is free for good.
    assert written(script, "abxx\ncx\n\nx", "abc\nx") == [1, 2, 3, 3, 3, 4, 5, 5, 5, 5, 5]
    # In a line begun before, place 0, everything is free up to its end.
    assert written(script, "xb\nab\nc", "abc\nx", place=0) == [0, 0, 0, 1, 2, 3, 4, 5]


def test_a_script_asks_for_what_both_engines_write() -> None:
    script: Any = make_script([[1, 2], [3]], 4)
    traced: Any = Script(*map(jnp.asarray, script))
    for place in range(6):
        for token in range(1, 6):
            here, there = np.int32(place), jnp.int32(place)
            assert traced.required(there) == script.required(here)
            after = traced.advance(there, jnp.int32(token))
            assert after == script.advance(here, np.int32(token))
            assert after.dtype == np.int32


def test_listed_words_alone_make_up_a_walk() -> None:
    characters = f"{LETTERS} .'"
    words = [*random_words(3, "abcde", 40, 4), "d'ab", "e'"]
    table, random = table_of(words, characters), np.random.default_rng(0)
    node, text = np.int32(BETWEEN_WORDS), ""
    for _ in range(3000):
        token = np.int32(random.choice(np.flatnonzero(table.permitted(node)[1:])) + 1)
        node, text = table.advance(node, token), text + characters[token - 1]
    found = re.findall(r"[a-z']+", text)[:-1]  # the last one may not be whole
    assert {*found} <= {*words}
    assert len({*found}) > 30
