"""Find the lines of its validation text that a model finds most and least likely."""

import heapq
from dataclasses import dataclass
from typing import Any

from textgen.data.vocabulary import END
from textgen.evaluation.scored_text import Line
from textgen.generation.model import Model
from textgen.workflows.score import Scoring

# Most characters of the validation text that are read.
MAX_READ = 100_000
# Shortest line that is compared, in characters.
SHORTEST = 20


@dataclass(frozen=True)
class ExtremeLines:
    """The lines of a text with the lowest and the highest surprise per character.

    Attributes:
        characters: number of characters of the text that were read.
        likely: the least surprising lines, the least surprising first.
        unlikely: the most surprising lines, the most surprising first.
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

    At most 100,000 characters are read, with the state carried along; a line that the limit cuts
    is left out. The first line is left out too, since the split may have cut it, and so are lines
    of fewer than 20 characters. Of equal lines only the first counts.

    Args:
        model: model whose validation text is read.
        count: number of most likely lines, and of least likely lines.

    Returns:
        The lines; None if the run has not kept its text.

    Raises:
        DamagedError: if the token file is damaged.
    """
    tokens = model.validation_tokens()
    if tokens is None:
        return None
    text = model.config.vocabulary.decode(tokens[:MAX_READ]).replace(END, "\n")
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
