"""The likeliest next words, compared with following every beginning one character at a time."""

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from textgen.data.vocabulary import Vocabulary
from textgen.generation import next_words as module
from textgen.generation.filters import softmax
from textgen.generation.generator import Generator
from textgen.generation.next_words import NextWord, next_words, unfinished_word
from textgen.generation.numpy_engine import NumpyEngine
from textgen.network.parameters import parameter_shapes
from textgen.settings import ModelSettings

VOCABULARY = Vocabulary("\n abc'.")


def generator_of(
    cell: Any = "lstm", seed: int = 0, sharpness: float = 2.0, always: str = ""
) -> Generator:
    """Return a generator with random weights; nothing but `always` is likely, if it is given."""
    settings = ModelSettings(
        vocab_size=len(VOCABULARY),
        embedding_size=5,
        hidden_size=8,
        num_layers=2,
        dropout_rate=0.0,
        cell=cell,
    )
    random = np.random.default_rng(seed)
    parameters: dict[str, NDArray[np.float32]] = {
        name: random.normal(0, sharpness, shape).astype(np.float32)
        for name, shape in parameter_shapes(settings).items()
    }
    parameters["projection.bias"][VOCABULARY.encode(always)] = 50.0
    return Generator(NumpyEngine(settings, parameters), VOCABULARY, "\n", seed=7)


def every_word(generator: Generator, stem: str, least: float = 1e-6) -> Counter[str]:
    """Follow all beginnings that are more likely than `least`, one after the other."""
    found: Counter[str] = Counter()

    def follow(states: Any, text: str, separators: int, probability: float) -> None:
        following = softmax(generator.reader.logits(states).astype(np.float64))
        for token, chance in enumerate(following):
            character, reached = VOCABULARY.decode([token]), probability * float(chance)
            is_end = token == 0 or character in "\n ."
            if text and is_end:
                found[text] += reached
            elif token and reached > least and (not is_end or separators < 2):
                after = generator.reader.read(np.array([token], np.int32), states)
                longer = "" if is_end else text + character
                follow(after, longer, separators + is_end, reached)

    follow(generator.settle().recurrent, stem, 0, 1.0)
    return found


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("text", ["ab. ", "c'a\n", "a b", "ca"])
def test_the_words_are_those_that_following_every_beginning_finds(cell: str, text: str) -> None:
    generator = generator_of(cell)
    generator.feed(text, continues=True)
    stem = unfinished_word(text)
    found = every_word(generator, stem)
    words = next_words(generator, 4, stem)
    assert len(words) == 4
    for word in words:
        assert word.text.startswith(stem)
        assert word.probability == pytest.approx(found.pop(word.text), rel=0.03)
    assert max(found.values()) < 1.03 * words[-1].probability


def test_more_words_begin_with_the_same_ones() -> None:
    generator = generator_of(seed=3)
    generator.feed("a b ", continues=True)
    few, many = next_words(generator, 3), next_words(generator, 12)
    assert [word.text for word in few] == [word.text for word in many[:3]]
    assert len(many) == 12
    chances = [word.probability for word in many]
    assert chances == sorted(chances, reverse=True)
    assert 0 < sum(chances) <= 1


def test_nothing_changes_by_looking_ahead_and_before_any_text_the_start_is_read() -> None:
    generator, fed = generator_of(seed=1), generator_of(seed=1)
    before = generator.settle()
    words = next_words(generator, 3)
    assert generator.settle() is before
    fed.feed("\n", continues=True)
    assert [word.text for word in words] == [word.text for word in next_words(fed, 3)]
    fed.feed("ab", continues=True)
    state = fed.settle()
    next_words(fed, 3, "ab")
    assert fed.settle() is state


def test_the_work_is_bounded_however_even_the_chances_are(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = generator_of(sharpness=0.001)  # every character is equally likely
    calls: list[int] = []
    read = generator.reader.read

    def counted(tokens: NDArray[np.int32], states: Any) -> Any:
        calls.append(tokens.shape[-1])
        return read(tokens, states)

    monkeypatch.setattr(generator.reader, "read", counted)
    generator.feed("a ", continues=True)
    calls.clear()
    words = next_words(generator, 50)
    assert len(calls) < module.MAX_BATCHES + 1
    assert max(calls) <= module.BATCH
    # Closed form: a letter comes at once, or after one or two of three separators, and then a
    # separator or the unknown character; of eight ids each is as likely.
    one = 1 / 8 * 4 / 8 * (1 + 3 / 8 + (3 / 8) ** 2)
    assert {word.text for word in words[:4]} == {"'", "a", "b", "c"}
    assert [word.probability for word in words[:4]] == pytest.approx([one] * 4, rel=0.02)


def test_a_script_without_spaces_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = generator_of(sharpness=0.0, always="a")
    monkeypatch.setattr(module, "MAX_CHARACTERS", 5)
    generator.feed("a", continues=True)
    assert next_words(generator, 1, "a") == [NextWord("aaaaaa", pytest.approx(1.0))]


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("", ""),
        ("the quick bro", "bro"),
        ("the ", ""),
        ("don't", "don't"),
        ("a well-kno", "well-kno"),
        ("if is_wo", "is_wo"),
        ("end.", ""),
        ("caf\u00e9", "caf\u00e9"),
        ("\u0939\u093f", "\u0939\u093f"),  # a vowel sign is a mark
        ("a\nb1", "b1"),
    ],
)
def test_an_unfinished_word(text: str, stem: str) -> None:
    assert unfinished_word(text) == stem


def test_when_time_is_over_what_was_found_is_a_lower_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    generator, batches = generator_of(), 0
    generator.feed("a b ", continues=True)
    whole = {word.text: word.probability for word in next_words(generator, 1000)}
    now = 0.0
    read = generator.reader.read

    def slow(tokens: NDArray[np.int32], states: Any) -> Any:
        nonlocal now, batches
        batches, now = batches + 1, now + 0.03
        return read(tokens, states)

    monkeypatch.setattr(module, "perf_counter", lambda: now)
    monkeypatch.setattr(generator.reader, "read", slow)
    some = next_words(generator, 1000, seconds=0.08)
    assert batches == 2  # a third would end after 90 ms
    assert 0 < len(some) < len(whole)
    assert all(word.probability <= whole[word.text] * (1 + 1e-9) for word in some)
    batches = 0
    next_words(generator, 1000, seconds=0.2)
    assert batches == 6
    # However slow the machine, one batch is read.
    batches = 0
    monkeypatch.setattr(module, "perf_counter", itertools.count(0, 60).__next__)
    assert 0 < len(next_words(generator, 1000, seconds=0.08)) < len(some)
    assert batches == 1
