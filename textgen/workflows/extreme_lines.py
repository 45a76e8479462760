"""Which lines of its validation text a model finds most and least likely."""

import heapq
from dataclasses import dataclass
from typing import Any

from textgen.evaluation.scored_text import Line
from textgen.generation.model import Model
from textgen.workflows.score import Scoring

# Characters of the validation text that are read, and that a line needs to count.
MAX_READ = 100_000
SHORTEST = 20


@dataclass(frozen=True)
class ExtremeLines:
    """Lines of a text, by how surprising they are for their length.

    Attributes:
        characters: of the text that were read.
        likely: the least surprising, that first.
        unlikely: the most surprising, that first.
    """

    characters: int
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


def extreme_lines(model: Model, count: int) -> ExtremeLines | None:
    """Find the most and the least likely lines of a model's validation text.

    Lines of fewer than 20 characters do not count, nor the first, which may be half a line, as may
    be the first of each other file that the text was made of; of equal ones the first does.

    Args:
        model: whose text is read with the state carried, its first 100,000 characters or, where
            these end in a line, what is before it.
        count: how many of each.

    Returns:
        None if the run has not kept its text.

    Raises:
        DamagedError: if the token file is damaged.
    """
    tokens = model.validation_tokens()
    if tokens is None:
        return None
    text = model.config.vocabulary.decode(tokens[:MAX_READ])
    if len(tokens) > MAX_READ and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    scoring = Scoring([model])
    lines: dict[str, Line] = {}
    for line in scoring.read_lines([text]):
        if line.number > 1 and line.characters >= SHORTEST:
            lines.setdefault(line.text, line)

    def surprise(line: Line) -> float:
        return float(line.bits_per_character[0])

    likely = heapq.nsmallest(count, lines.values(), key=surprise)
    unlikely = heapq.nlargest(count, lines.values(), key=surprise)
    return ExtremeLines(scoring.characters, likely, unlikely)
