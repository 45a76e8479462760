"""Texts cut into pieces and lines, with how surprising they are to some models."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from textgen.errors import UsageError

# What is kept of a line to be shown, and of unknown characters.
SHOWN_CHARACTERS = 300
EXAMPLES = 5


@dataclass(frozen=True)
class Part:
    """Some characters of a text, and how surprising they are.

    Attributes:
        text: the T characters.
        nats: the surprise of each to each of the M models, float32 [M, T].
    """

    text: str
    nats: NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """A line of a text, its end included, and how surprising it is.

    Attributes:
        number: counted from 1.
        text: without its end; of a long line the beginning.
        characters: how many it has.
        nats: the surprise of the whole to each of the M models, float64 [M].
    """

    number: int
    text: str
    characters: int
    nats: NDArray[np.float64]

    @classmethod
    def of(cls, number: int, line: str, nats: NDArray[np.float32]) -> Self:
        """Make a line of its characters and their surprise, float32 [M, T]."""
        return cls(number, _shown(line), len(line), nats.sum(axis=1, dtype=np.float64))

    @property
    def bits_per_character(self) -> NDArray[np.float64]:
        """To each of the models, float64 [M]."""
        return self.nats / math.log(2) / self.characters

    @property
    def lead(self) -> float:
        """By how many bits the likeliest model is ahead of the next; 0 if there is one alone."""
        ahead = np.sort(self.nats)[:2] / math.log(2)
        return float(np.ptp(ahead))


@dataclass
class Unknown:
    """The characters of a text that a model does not know.

    Attributes:
        count: how many there are.
        nats: their surprise together.
        examples: the first different ones.
    """

    count: int = 0
    nats: float = 0.0
    examples: list[str] = field(default_factory=list)

    def add(self, characters: Sequence[str], nats: NDArray[np.float32]) -> None:
        """Add characters and their surprise, float32 [K]."""
        self.count += len(characters)
        self.nats += float(nats.sum(dtype=np.float64))
        self.examples = list(dict.fromkeys([*self.examples, *characters]))[:EXAMPLES]


def gather_lines(parts: Iterable[Part]) -> Iterator[Line]:
    """Put the lines of a text together from its parts."""
    number, text, characters, nats = 1, "", 0, np.zeros(1)
    for part in parts:
        begin = 0
        while begin < len(part.text):
            end = part.text.find("\n", begin) + 1 or len(part.text)
            text = (text + part.text[begin : min(end, begin + SHOWN_CHARACTERS)])[:SHOWN_CHARACTERS]
            characters += end - begin
            nats = nats + part.nats[:, begin:end].sum(axis=1, dtype=np.float64)
            if part.text[end - 1] == "\n":
                yield Line(number, _shown(text), characters, nats)
                number, text, characters, nats = number + 1, "", 0, 0 * nats
            begin = end
    if characters:
        yield Line(number, _shown(text), characters, nats)


def cut_blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """Cut a text anew, into pieces of one size and the rest."""
    held = ""
    for chunk in chunks:
        held += chunk
        whole = len(held) // size * size
        for begin in range(0, whole, size):
            yield held[begin : begin + size]
        held = held[whole:]
    if held:
        yield held


def cut_lines(chunks: Iterable[str], longest: int) -> Iterator[str]:
    """Cut a text into lines, with their ends.

    Args:
        chunks: the text in pieces of any length.
        longest: characters that a line may have.

    Raises:
        UsageError: if one has more.
    """
    held, number = "", 1
    for chunk in chunks:
        *whole, held = (held + chunk).split("\n")
        for line in (*whole, held):
            if len(line) >= longest:
                raise UsageError(
                    f"line {number} has {longest:,} characters or more, too many to be read by "
                    "itself; read the text as a whole"
                )
            number += 1
        number -= 1
        yield from (line + "\n" for line in whole)
    if held:
        yield held


def _shown(line: str) -> str:
    return line.removesuffix("\n")[:SHOWN_CHARACTERS]
