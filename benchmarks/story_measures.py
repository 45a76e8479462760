"""Measures that benchmarks/stories.py uses for the figures of docs/stories.md."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from abc_notation import (
    AbcError,
    Tune,
    bar_lengths,
    bars_add_up,
    is_in_key,
    parse_key,
    parse_tune,
    repeats_match,
)
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.data.vocabulary import END
from textgen.evaluation.baselines import best_ngram, ngram_losses, ngram_probabilities
from textgen.evaluation.protocols import Evaluator
from textgen.generation.constraints import is_word_character
from textgen.generation.generator import Generator
from textgen.generation.model import Model
from textgen.generation.next_words import unfinished_word
from textgen.network.model import create_model
from textgen.runtime.devices import make_mesh
from textgen.settings import SamplingSettings

GREEDY = SamplingSettings(temperature=0, stop=("\n",))
LONGEST_ANSWER = 100

Suggest = Callable[[Generator, str], Sequence[str]]
Row = tuple[str, str]


class Written(NamedTuple):
    """A tune that a network has written.

    Attributes:
        text: the tune.
        meter: the meter that was asked for, such as `6/8`.
        key: the key that was asked for, such as `Ador`.
        longest_copy: length of the longest run of characters that is in the training text.
    """

    text: str
    meter: str
    key: str
    longest_copy: int


def parts(model: Model) -> tuple[Tokens, Tokens]:
    """Return the token ids of the training text and of the held-out text."""
    training, held_out = model.training_tokens(), model.validation_tokens()
    assert training is not None
    assert held_out is not None
    return training, held_out


def texts_of(model: Model) -> tuple[str, str]:
    """Return the training text and the held-out text."""
    training, held_out = (model.config.vocabulary.decode(np.asarray(p)) for p in parts(model))
    return training, held_out


def lines_of(model: Model) -> tuple[list[str], list[str]]:
    """Return the training lines, and the held-out lines that are not among them.

    The line that the split cuts in two belongs to neither.
    """
    training, held_out = (text.split("\n") for text in texts_of(model))
    known = training[:-1]
    return known, [line for line in held_out[1:-1] if line not in {*known}]


def stream_loss(model: Model) -> float:
    """Return the stream loss on the whole held-out text, in nats per character."""
    settings = model.config.settings
    apply, _ = create_model(settings, seed=0)
    evaluator = Evaluator(apply, settings, make_mesh(devices=1, batch_size=1))
    return evaluator.stream(dict(model.parameters), parts(model)[1])


def ngram_order(model: Model) -> tuple[int, float]:
    """Return the context length with which an n-gram model predicts the held-out text best.

    Returns:
        The length in characters, and the loss in nats per character.
    """
    best = best_ngram(ngram_losses(*parts(model), model.config.settings.vocab_size))
    assert best.order is not None
    return best.order, best.nats


def ngram_bits(
    model: Model, order: int, known: Sequence[str], lines: Sequence[str]
) -> NDArray[np.float64]:
    """Score lines by an n-gram model of other lines.

    Each line follows as many newlines as there are characters of context, so that no line depends
    on another one. The newline at its end counts as one of its characters.

    Args:
        model: the model whose vocabulary is used.
        order: characters of context, at least 1.
        known: the lines whose n-grams are counted.
        lines: the lines to score; the vocabulary must hold their characters.

    Returns:
        Bits per character, float64 [lines].
    """
    gap, encode = "\n" * order, model.config.vocabulary.encode
    counted = encode(gap + "".join(line + gap for line in known))
    read = encode(gap + "".join(line + gap for line in lines))
    size = model.config.settings.vocab_size
    *_, (probabilities, _) = ngram_probabilities(counted, read, size, order)
    sums = np.concatenate([[0, 0], np.cumsum(-np.log2(probabilities))])  # bits before each
    lengths = np.array([len(line) for line in lines])
    begins = order + np.concatenate([[0], np.cumsum(lengths + order)[:-1]])
    return (sums[begins + lengths + 1] - sums[begins]) / (lengths + 1)


def line_bits(model: Model, lines: Sequence[str]) -> NDArray[np.float64]:
    """Return the bits per character of lines under a network, each read from the start."""
    generator = model.generator(seed=0)
    return np.array([generator.fork().score(f"{line}\n").mean() for line in lines])


def random_strings(words: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """Draw random strings with the lengths and the letter frequencies of a list of words.

    First letters are drawn from the first letters of the words, the others from the rest.

    Args:
        words: the list, without empty words.
        count: number of strings.
        random: the random generator.
    """
    first, rest = [word[0] for word in words], [*"".join(word[1:] for word in words)]
    lengths = random.choice([len(word) for word in words], count)
    drawn = (random.choice(rest, length - 1) for length in lengths)
    heads = random.choice(first, count)
    return [head + "".join(tail) for head, tail in zip(heads, drawn, strict=True)]


def right_answers(model: Model, questions: Sequence[tuple[str, str]]) -> int:
    """Count the questions whose likeliest continuation is exactly the answer.

    Args:
        model: the model, which reads a newline and then the question.
        questions: pairs of a question and the answer that ends its line.
    """
    right = 0
    for question, answer in questions:
        generator = model.generator(seed=0)
        generator.feed(f"\n{question}")
        right += generator.generate(LONGEST_ANSWER, GREEDY).text == answer
    return right


def keystrokes(generator: Generator, before: str, text: str, suggest: Suggest) -> int:
    """Count the keystrokes needed to type a text while words are suggested.

    Before each keystroke, words are suggested that complete the word being typed, or that may come
    next if no word is begun. If the word to be typed is among them and more than one of its
    characters is missing, one keystroke completes it. Every other keystroke types one character,
    also between words.

    Args:
        generator: a generator that has read `before`.
        before: the text before.
        text: the text to type; it starts at the beginning of a word or between words.
        suggest: returns words for a generator's state and the typed part of a word.
    """
    place = count = 0
    while place < len(text):
        stem, missing = unfinished_word(before), leading_word(text[place:])
        offered = suggest(generator, stem) if len(missing) > 1 else ()
        typed = missing if stem + missing in offered else text[place]
        generator.feed(typed)
        before, place, count = before + typed, place + len(typed), count + 1
    return count


def leading_word(text: str) -> str:
    """Return the word that a text begins with; it is empty if the text begins between words."""
    end = 0
    while end < len(text) and is_word_character(text[end], "_"):
        end += 1
    return text[:end]


def tune_figures(written: Sequence[Written], training: str) -> Iterator[Row]:
    """Measure tunes.

    Args:
        written: tunes with what was asked for.
        training: the training text, whose documents are tunes.

    Yields:
        What was measured, and how much it is. Shares are of all tunes, also of those that do not
        parse.
    """
    count = len(written)
    read: list[tuple[Tune, Written]] = []
    for one in written:
        with suppress(AbcError):
            read.append((parse_tune(one.text), one))
    right_bars = [bars_add_up(tune, Fraction(one.meter)) for tune, one in read]
    right_keys = [is_in_key(tune, parse_key(one.key)) for tune, one in read]
    keys = {one.key for one in written}
    in_others = [
        any(is_in_key(tune, parse_key(key)) for key in keys - {one.key}) for tune, one in read
    ]
    known = [music_of(document) for document in training.split(END)]
    lines = {line for music in known for line in music.split("\n")}
    music = [music_of(one.text) for one in written]
    new_lines = [line not in lines for text in music for line in text.split("\n")]
    headers = [(f"M:{one.meter}\n" in one.text, f"K:{one.key}\n" in one.text) for one in written]
    yield "tunes that parse", share(len(read), count)
    matching = sum(repeats_match(tune) for tune, _ in read)
    yield "each repeat that begins also ends", share(matching, count)
    yield "every bar adds up to the meter asked for", share(sum(right_bars), count)
    inner = [
        length == Fraction(one.meter) for tune, one in read for length in bar_lengths(tune)[1:-1]
    ]
    yield "single bars that do, but for the first and the last", share(sum(inner), len(inner))
    yield "the notes are in the key asked for", share(sum(right_keys), count)
    yield f"the notes are in one of the {len(keys) - 1} other keys", share(sum(in_others), count)
    yield (
        "both the meter and the key asked for",
        share(sum(map(all, zip(right_bars, right_keys, strict=True))), count),
    )
    yield "the header names both", share(sum(map(all, headers)), count)
    yield "the second line begins as the first does", share(sum(map(answers, music)), count)
    yield "tunes whose notes are new", share(sum(text not in {*known} for text in music), count)
    yield "lines of notes that are new", share(sum(new_lines), len(new_lines))
    copies = [one.longest_copy for one in written]
    longest = f"{int(np.median(copies))} and {max(copies)} characters"
    yield "longest run copied: median and most", longest


def music_of(tune: str) -> str:
    """Return the lines of a tune below its header."""
    return tune.partition("\nK:")[2].partition("\n")[2]


def answers(music: str) -> bool:
    """Tell whether the second of four lines begins with the bar that the first begins with."""
    lines = [line.strip("|:]").split("|") for line in music.split("\n")]
    return len(lines) == 4 and lines[0][-4:][0] == lines[1][0]


def share(part: int, whole: int) -> str:
    """Format a part of a whole in percent, with both counts."""
    return f"{percent(part / max(whole, 1))} ({part:,} of {whole:,})"


def percent(number: float) -> str:
    """Format a share in percent."""
    return f"{100 * number:.1f} %"
