"""Inspect a model: find the units that follow features of a text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.errors import CorpusError, UsageError
from textgen.generation.model import Model
from textgen.interpretation.features import FEATURES
from textgen.interpretation.gates import memory_name
from textgen.interpretation.units import (
    Example,
    Finding,
    choose_part,
    choose_units,
    read_halves,
    read_memory,
)
from textgen.network.cells import CELLS
from textgen.workflows.inspect import DECIMALS, origin_of

# Shortest text to search, in characters; less says nothing about what a unit follows.
MIN_SEARCHED = 200
# Length of an example of what a unit does, in characters.
EXAMPLE = 64


class Reading(NamedTuple):
    """How far a text is read.

    Attributes:
        characters: number of characters read so far.
        total: number of characters of the text.
    """

    characters: int
    total: int


@dataclass(frozen=True)
class Search:
    """The result of a search.

    Attributes:
        model: model that read the text.
        halves: number of characters of the half on which the units were chosen, and of the other
            half.
        findings: for each of `FEATURES` the unit that follows it best; None for a feature that
            does not vary in both halves.
        example: a line of the second half in which the feature varies that is followed best.
    """

    model: Model
    halves: tuple[int, int]
    findings: list[Finding | None]
    example: str = ""

    @property
    def title(self) -> str:
        """The run and what was searched for, for people."""
        return f"{self.model.name}, step {self.model.step:,}: units that follow features of a text"

    @property
    def memory(self) -> str:
        """Name of the state with which the features were compared: `cell` or `hidden`."""
        return memory_name(CELLS[self.model.config.settings.cell])

    def to_json(self) -> dict[str, Any]:
        """Return the result as JSON can hold it, with correlations rounded to 4 decimals."""
        rows = []
        for feature, found in zip(FEATURES, self.findings, strict=True):
            row: dict[str, Any] = {"feature": feature.name, "meaning": feature.meaning}
            numbers = dict.fromkeys(("layer", "unit", "chosen_r", "r"))
            if found is not None:
                r = round(found.chosen, DECIMALS), round(found.tested, DECIMALS)
                numbers = dict(zip(numbers, (found.layer, found.unit, *r), strict=True))
            rows.append(row | numbers)
        return {
            **origin_of(self.model),
            "chosen_on": self.halves[0],
            "tested_on": self.halves[1],
            "features": rows,
        }


def validation_text(model: Model, limit: int) -> NDArray[np.int32]:
    """Return the beginning of the validation text of a run, at most `limit` ids, int32 [T].

    Raises:
        UsageError: if the run has not kept its text.
        DamagedError: if the token file is damaged.
    """
    tokens = model.validation_tokens()
    if tokens is None:
        raise UsageError("the run has not kept its text; name a text to read: --text FILE")
    return np.asarray(tokens[:limit], np.int32)


def read_beginning(chunks: Iterator[str], limit: int) -> str:
    """Return the first characters of a text in pieces, at most `limit`; the rest is not read."""
    pieces, size = [], 0
    for chunk in chunks:
        pieces.append(chunk[: limit - size])
        size += len(pieces[-1])
        if size == limit:
            break
    return "".join(pieces)


def find_units(model: Model, tokens: NDArray[np.int32], name: str) -> Iterator[Reading | Search]:
    """Find the units that follow the features of a text.

    Args:
        model: model that reads the text.
        tokens: ids of the text, int32 [T].
        name: name of the text in messages.

    Yields:
        How far the text is read, several times, and at the end the result.

    Raises:
        CorpusError: if the text is too short.
    """
    if len(tokens) < MIN_SEARCHED:
        raise CorpusError(
            name,
            f"the text has {len(tokens)} characters, but at least {MIN_SEARCHED} are needed to say "
            "what a unit follows; name a longer text: --text FILE",
            "text",
        )
    yield Reading(0, len(tokens))
    text = model.config.vocabulary.decode(tokens)
    values = np.stack([feature.measure(text) for feature in FEATURES])
    for halves in read_halves(model.config, model.parameters, tokens, values):
        yield Reading(sum(half.count for half in halves), len(tokens))
    first, second = halves
    found = choose_units(first, second, model.config.settings.hidden_size)
    example = _example_line(text[first.count :], found)
    yield Search(model, (first.count, second.count), found, example)


def _example_line(text: str, findings: list[Finding | None]) -> str:
    """Return the line of a text in which the feature varies most that is followed best.

    A text without a line of readable length is cut. No line begins with a dash, since a command
    would take it for an option.
    """
    found = [one for one in findings if one is not None]
    lines = [
        line
        for line in text.split("\n")[1:]
        if len(line) <= EXAMPLE and line.isprintable() and line.strip() and line[0] != "-"
    ]
    if not found or not lines:
        return text[:EXAMPLE].lstrip("-")
    feature = max(found, key=lambda one: abs(one.tested)).feature
    return max(lines, key=lambda line: float(feature.measure(line).var()))


def find_examples(search: Search, tokens: NDArray[np.int32]) -> list[Example]:
    """Choose a part of the text for each feature that was found, and read it.

    The parts are of the half on which the units were not chosen. Each begins with a line if there
    is one, and is the one in which the feature varies most.

    Args:
        search: result of `find_units`.
        tokens: the text that was searched, int32 [T].

    Returns:
        Examples by falling correlation.
    """
    model = search.model
    text = model.config.vocabulary.decode(tokens)
    middle, last = search.halves[0], max(len(text) - EXAMPLE, search.halves[0])
    places = range(middle, last + 1)
    lines = [index for index in places if text[index - 1] == "\n" != text[index]]
    possible = lines or list(places[:: EXAMPLE // 4])
    found = [one for one in search.findings if one is not None]
    found.sort(key=lambda one: -abs(one.tested))
    values = [one.feature.measure(text) for one in found]
    starts = [choose_part(measured, possible, EXAMPLE) for measured in values]
    length = min(EXAMPLE, len(text) - middle)
    memory = read_memory(model.config, model.parameters, tokens, starts, length)
    examples = []
    for one, measured, start, read in zip(found, values, starts, memory, strict=True):
        unit = (one.layer - 1) * model.config.settings.hidden_size + one.unit
        part = slice(start, start + length)
        examples.append(Example(one, text[part], read[:, unit], measured[part]))
    return examples
