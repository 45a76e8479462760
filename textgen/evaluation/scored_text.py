"""Texts in pieces and lines, with their surprise to several models."""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END
from textgen.errors import UsageError

# Number of characters of a line that are kept, and number of examples of unknown characters.
SHOWN_CHARACTERS = 300
EXAMPLES = 5
# A line ends with a newline, or with the end of a document.
_LINE_END = re.compile(f"([\n{END}])")


@dataclass(frozen=True)
class Part:
    """A piece of a text and its surprise.

    Attributes:
        text: T characters.
        nats: surprise of each character to each of M models, float32 [M, T].
    """

    text: str
    nats: NDArray[np.float32]


@dataclass(frozen=True)
class Line:
    """A line of a text and its surprise.

    Attributes:
        number: number of the line, counted from 1.
        text: the line without its newline; the beginning of it if it is long.
        characters: length of the line in characters, with its newline.
        nats: surprise of the whole line to each of M models, float64 [M].
    """

    number: int
    text: str
    characters: int
    nats: NDArray[np.float64]

    @classmethod
    def of(cls, number: int, line: str, nats: NDArray[np.float32]) -> Self:
        """Make a line from its characters and their surprise, float32 [M, T]."""
        return cls(number, _shown(line), len(line), nats.sum(axis=1, dtype=np.float64))

    @property
    def bits_per_character(self) -> NDArray[np.float64]:
        """The mean surprise in bits to each of the models, float64 [M]."""
        return self.nats / math.log(2) / self.characters

    @property
    def lead(self) -> float:
        """How many bits the best model is ahead of the second best; 0 if there is only one."""
        ahead = np.sort(self.nats)[:2] / math.log(2)
        return float(np.ptp(ahead))


@dataclass
class Unknown:
    """The characters of a text that a model does not know.

    Attributes:
        count: number of characters.
        nats: sum of their surprise in nats.
        examples: the first few different characters.
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
    """Assemble the lines of a text from its parts."""
    number, text, characters, nats = 1, "", 0, np.zeros(1)
    for part in parts:
        begin = 0
        while begin < len(part.text):
            found = _LINE_END.search(part.text, begin)
            end = found.end() if found else len(part.text)
            text = (text + part.text[begin : min(end, begin + SHOWN_CHARACTERS)])[:SHOWN_CHARACTERS]
            characters += end - begin
            nats = nats + part.nats[:, begin:end].sum(axis=1, dtype=np.float64)
            if found:
                yield Line(number, _shown(text), characters, nats)
                number, text, characters, nats = number + 1, "", 0, 0 * nats
            begin = end
    if characters:
        yield Line(number, _shown(text), characters, nats)


def cut_blocks(chunks: Iterable[str], size: int) -> Iterator[str]:
    """Cut a text into pieces of equal size; the last piece may be shorter."""
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
    """Cut a text into lines, each with its newline.

    Args:
        chunks: the text in pieces of any length.
        longest: most characters of a line.

    Raises:
        UsageError: if a line is longer.
    """
    held, number = "", 1
    for chunk in chunks:
        # Each line is followed by its newline, or by the end of a document.
        *parts, held = _LINE_END.split(held + chunk)
        whole = [line + end for line, end in zip(parts[::2], parts[1::2], strict=True)]
        for line in (*whole, held):
            if len(line) - (line[-1:] in ("\n", END)) >= longest:
                raise UsageError(
                    f"line {number} has {longest:,} characters or more, too many for a line that "
                    "is read by itself; read the text as a whole"
                )
            number += 1
        number -= 1
        yield from whole
    if held:
        yield held


def _shown(line: str) -> str:
    return line.rstrip(f"\n{END}")[:SHOWN_CHARACTERS]
