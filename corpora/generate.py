"""Write narration.txt, numerals.txt, sequences.txt and speech.txt beside this file.

    python corpora/generate.py

narration.txt and speech.txt are taken from fables.txt. Every run writes the same bytes.
"""

import random
import re
from collections.abc import Iterable
from pathlib import Path

HERE = Path(__file__).parent
UNITS = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def number_to_words(number: int) -> str:
    """Return a number in [0, 999,999] in British English: 417 is four hundred and seventeen."""
    if number < 20:
        return UNITS[number]
    if number < 100:
        tens, units = divmod(number, 10)
        return TENS[tens - 2] + (f"-{UNITS[units]}" if units else "")
    size, name = (1000, "thousand") if number >= 1000 else (100, "hundred")
    count, rest = divmod(number, size)
    words = f"{number_to_words(count)} {name}"
    if not rest:
        return words
    return f"{words} {'and ' if rest < 100 else ''}{number_to_words(rest)}"


def arithmetic_sequence(start: int, difference: int, terms: int) -> str:
    """Return the first terms of a sequence, separated by spaces: 100 105 110 115 120."""
    return " ".join(str(start + difference * term) for term in range(terms))


def sequences(lines: int = 12_000, seed: int = 1) -> str:
    """Return distinct sequences of five terms, one per line.

    They start in [0, 500) and have differences in [1, 20], or in [-20, -1] if they start at 100 or
    above.
    """
    every = [(start, difference) for start in range(500) for difference in range(1, 21)]
    every += [(start, -difference) for start in range(100, 500) for difference in range(1, 21)]
    chosen = random.Random(seed).sample(every, lines)
    return "".join(f"{arithmetic_sequence(*pair, terms=5)}\n" for pair in chosen)


def numerals(lines: int = 4_000, seed: int = 2) -> str:
    """Return distinct numbers with their words, one per line, in random order.

    They are all numbers below 1,000, and random ones in [1,000, 9,999].
    """
    source = random.Random(seed)
    numbers = [*range(1000), *source.sample(range(1000, 10_000), lines - 1000)]
    source.shuffle(numbers)
    return "".join(f"{number} = {number_to_words(number)}\n" for number in numbers)


def speech(fables: str) -> str:
    """Return the sentences that are spoken in the fables, without their speakers, one per line.

    The quotations of a paragraph are joined, so that `"Late," said he, "very late."` gives one
    sentence. A comma that ends a quotation becomes a full stop if the next quotation begins with a
    capital letter (but not with the word I), or if it is the last of its paragraph.
    """
    paragraphs = ("\n".join(re.findall(r'"([^"]*)"', line)) for line in fables.splitlines())
    stopped = (re.sub(r",(?=\n(?!I\b)[A-Z]|$)", ".", spoken) for spoken in paragraphs)
    return _sentences(spoken.replace("\n", " ") for spoken in stopped)


def narration(fables: str) -> str:
    """Return the sentences of paragraphs in which nobody speaks, one per line, without titles."""
    paragraphs = (line for line in fables.splitlines() if not line.isupper())
    return _sentences(line for line in paragraphs if not re.search(r"\"|(?<!\w)'", line))


def _sentences(paragraphs: Iterable[str]) -> str:
    """Return the sentences that begin with a capital and end in `.`, `!` or `?`, one per line."""
    ends = re.compile(r"(?<=[.!?])(?<!Mr\.)(?<!Mrs\.) +")
    every = (sentence for text in paragraphs for sentence in ends.split(text))
    return "".join(f"{line}\n" for line in every if re.fullmatch(r"[A-Z].*[.!?]", line))


if __name__ == "__main__":
    (HERE / "sequences.txt").write_text(sequences(), encoding="utf-8")
    (HERE / "numerals.txt").write_text(numerals(), encoding="utf-8")
    fables = (HERE / "fables.txt").read_text(encoding="utf-8")
    (HERE / "narration.txt").write_text(narration(fables), encoding="utf-8")
    (HERE / "speech.txt").write_text(speech(fables), encoding="utf-8")
