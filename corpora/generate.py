"""Write sequences.txt and numerals.txt beside this file; the same bytes every time.

python corpora/generate.py
"""

import random
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
    """Write a number in [0, 999,999] in British English: 417 is four hundred and seventeen."""
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
    """Write the terms from `start` on, separated by spaces: 100 105 110 115 120."""
    return " ".join(str(start + difference * term) for term in range(terms))


def sequences(lines: int = 12_000, seed: int = 1) -> str:
    """Write distinct sequences of five terms, starting in [0, 500), with differences in [1, 20]."""
    every = [(start, difference) for start in range(500) for difference in range(1, 21)]
    every += [(start, -difference) for start in range(100, 500) for difference in range(1, 21)]
    chosen = random.Random(seed).sample(every, lines)
    return "".join(f"{arithmetic_sequence(*pair, terms=5)}\n" for pair in chosen)


def numerals(lines: int = 4_000, seed: int = 2) -> str:
    """Write distinct numbers with their words: all below 1,000, the rest from below 10,000."""
    source = random.Random(seed)
    numbers = [*range(1000), *source.sample(range(1000, 10_000), lines - 1000)]
    source.shuffle(numbers)
    return "".join(f"{number} = {number_to_words(number)}\n" for number in numbers)


if __name__ == "__main__":
    (HERE / "sequences.txt").write_text(sequences(), encoding="utf-8")
    (HERE / "numerals.txt").write_text(numerals(), encoding="utf-8")
