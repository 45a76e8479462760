"""How benchmarks/stories.py counts what docs/stories.md tells."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.data.tokens import Tokens
from textgen.evaluation.baselines import ngram_losses, ngram_probabilities
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


def parts(model: Model) -> tuple[Tokens, Tokens]:
    """Return the ids of the text trained on, and of the text held out."""
    training, held_out = model.training_tokens(), model.validation_tokens()
    assert training is not None
    assert held_out is not None
    return training, held_out


def texts_of(model: Model) -> tuple[str, str]:
    """Return the text trained on, and the text held out."""
    training, held_out = (model.config.vocabulary.decode(np.asarray(p)) for p in parts(model))
    return training, held_out


def lines_of(model: Model) -> tuple[list[str], list[str]]:
    """Return the lines trained on, and the lines held out that are not among those.

    The line that the two parts share belongs to neither.
    """
    training, held_out = (text.split("\n") for text in texts_of(model))
    known = training[:-1]
    return known, [line for line in held_out[1:-1] if line not in {*known}]


def stream_loss(model: Model) -> float:
    """Return the loss on all of the held-out text, the state carried, in nats per character."""
    settings = model.config.settings
    apply, _ = create_model(settings, seed=0)
    evaluator = Evaluator(apply, settings, make_mesh(devices=1, batch_size=1))
    return evaluator.stream(dict(model.parameters), parts(model)[1])


def ngram_order(model: Model) -> tuple[int, float]:
    """Return the context with which an n-gram model predicts the held-out text best.

    Returns:
        Its characters, and the loss in nats per character.
    """
    losses = ngram_losses(*parts(model), model.config.settings.vocab_size)
    best = min(losses, key=lambda loss: loss.frozen)
    return best.order, best.frozen


def ngram_bits(
    model: Model, order: int, known: Sequence[str], lines: Sequence[str]
) -> NDArray[np.float64]:
    """Return how surprising lines are to an n-gram model of other lines.

    Each is read after as many ends of lines as there are characters of context, and so by itself;
    its own end is a character of it.

    Args:
        model: whose characters are used.
        order: characters of context, at least 1.
        known: the lines that are counted.
        lines: to measure, of characters that the model knows.

    Returns:
        Bits per character, float64 [lines].
    """
    gap, encode = "\n" * order, model.config.vocabulary.encode
    counted = encode(gap + "".join(line + gap for line in known))
    read = encode(gap + "".join(line + gap for line in lines))
    size = model.config.settings.vocab_size
    *_, (probabilities, _) = ngram_probabilities(counted, read, size, order)
    sums = np.concatenate([[0, 0], np.cumsum(-np.log2(probabilities))])  # of what is before each
    lengths = np.array([len(line) for line in lines])
    begins = order + np.concatenate([[0], np.cumsum(lengths + order)[:-1]])
    return (sums[begins + lengths + 1] - sums[begins]) / (lengths + 1)


def line_bits(model: Model, lines: Sequence[str]) -> NDArray[np.float64]:
    """Return how surprising lines are to a network, each read by itself, in bits per character."""
    generator = model.generator(seed=0)
    return np.array([generator.fork().score(f"{line}\n").mean() for line in lines])


def random_strings(words: Sequence[str], count: int, random: np.random.Generator) -> list[str]:
    """Draw strings of a list's letters and lengths: capitals first, as often as each stands there.

    Args:
        words: the list; each word has a letter at least.
        count: how many strings.
        random: what draws.
    """
    first, rest = [word[0] for word in words], [*"".join(word[1:] for word in words)]
    lengths = random.choice([len(word) for word in words], count)
    drawn = (random.choice(rest, length - 1) for length in lengths)
    heads = random.choice(first, count)
    return [head + "".join(tail) for head, tail in zip(heads, drawn, strict=True)]


def right_answers(model: Model, questions: Sequence[tuple[str, str]]) -> int:
    """Count the questions to which the likeliest continuation is the answer, to the letter.

    Args:
        model: which reads the end of a line, and then the question.
        questions: each with its answer, which ends its line.
    """
    right = 0
    for question, answer in questions:
        generator = model.generator(seed=0)
        generator.feed(f"\n{question}")
        right += generator.generate(LONGEST_ANSWER, GREEDY).text == answer
    return right


def keystrokes(generator: Generator, before: str, text: str, suggest: Suggest) -> int:
    """Count the keystrokes that it takes to type a text while words are suggested.

    Before each keystroke words are suggested that may complete what is typed of a word, or be the
    next word where none is begun. If the word that is to be typed is among them, one keystroke
    writes all that is missing of it; it is taken where that is more than one character. Every other
    keystroke writes one character, also those between words.

    Args:
        generator: which has read what is before.
        before: the text before.
        text: to be typed, from the beginning of a word or between words.
        suggest: gives words for the generator's state and the characters typed of a word.
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
    """Return the characters of a word that a text begins with; none if it begins between words."""
    end = 0
    while end < len(text) and is_word_character(text[end], "_"):
        end += 1
    return text[:end]
