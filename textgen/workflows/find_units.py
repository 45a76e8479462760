"""Inspect a model: find the units that follow features of a text."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.errors import CorpusError, UsageError
from textgen.generation.model import Model
from textgen.interpretation.features import FEATURES
from textgen.interpretation.units import Finding, choose_units, read_halves
from textgen.workflows.inspect import DECIMALS, origin_of

# Shortest text to search, in characters; less says nothing about what a unit follows.
MIN_SEARCHED = 200


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
    """

    model: Model
    halves: tuple[int, int]
    findings: list[Finding | None]

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
    yield Search(model, (first.count, second.count), found)
