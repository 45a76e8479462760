"""Find the lines of its validation text that a model finds most and least likely."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from textgen.data.vocabulary import END
from textgen.evaluation.scored_text import Line
from textgen.generation.model import Model
from textgen.network.parameters import multiplications_per_character
from textgen.workflows.score import Scoring

# Most characters of the validation text that are read.
MAX_READ = 100_000
# Multiplications of what is read by default, which take a second or two, and fewest characters.
QUICK_MULTIPLICATIONS, FEWEST_READ = 15 * 10**9, 1000
# Shortest line that is compared, in characters.
SHORTEST = 20


@dataclass(frozen=True)
class ExtremeLines:
    """The lines of a text with the lowest and the highest surprise per character.

    Attributes:
        characters: number of characters of the text that were read.
        is_quick: whether only so much was read as takes a second or two.
        likely: the least surprising lines, the least surprising first.
        unlikely: the most surprising lines, the most surprising first.
    """

    characters: int
    is_quick: bool
    likely: list[Line]
    unlikely: list[Line]

    def to_json(self) -> dict[str, Any]:
        """Return the lines as JSON can hold them."""
        return {"characters": self.characters} | {
            name: [
                {"text": line.text, "bits_per_character": float(line.bits_per_character[0])}
                for line in lines
            ]
            for name, lines in (("most_likely", self.likely), ("least_likely", self.unlikely))
        }


def extreme_lines(
    model: Model,
    count: int,
    *,
    reads_all: bool = False,
    tell: Callable[[str], None] = lambda _: None,
) -> ExtremeLines | None:
    """Find the most and the least likely lines of a model's validation text.

    At most 100,000 characters are read, with the state carried along; of a large network, only as
    many as it reads in a second or two. A line that the limit cuts is left out. The first line is
    left out too, since the split may have cut it, and so are lines of fewer than 20 characters. Of
    equal lines only the first counts.

    Args:
        model: model whose validation text is read.
        count: number of most likely lines, and of least likely lines.
        reads_all: whether to read 100,000 characters, however long that takes.
        tell: function that is called with lines of progress.

    Returns:
        The lines; None if the run has not kept its text.

    Raises:
        DamagedError: if the token file is damaged.
    """
    tokens = model.validation_tokens()
    if tokens is None:
        return None
    most = MAX_READ
    if not reads_all:
        products = multiplications_per_character(model.config.settings)
        most = min(max(QUICK_MULTIPLICATIONS // products, FEWEST_READ), MAX_READ)
    text = model.config.vocabulary.decode(tokens[:most]).replace(END, "\n")
    if len(tokens) > most and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    scoring = Scoring([model])
    lines: dict[str, Line] = {}
    tell(f"reading {len(text):,} characters of the validation text")
    for line in scoring.read_lines([text]):
        if line.number > 1 and line.characters >= SHORTEST:
            lines.setdefault(line.text, line)
        tell(f"reading the validation text, {scoring.characters:,} of {len(text):,} characters")

    def surprise(line: Line) -> float:
        return float(line.bits_per_character[0])

    likely = heapq.nsmallest(count, lines.values(), key=surprise)
    unlikely = heapq.nlargest(count, lines.values(), key=surprise)
    is_quick = most < min(len(tokens), MAX_READ)
    return ExtremeLines(scoring.characters, is_quick, likely, unlikely)
