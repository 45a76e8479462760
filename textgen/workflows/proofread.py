"""Proofread a text by a network that reads in both directions."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from textgen.data.formats.decoding import normalized
from textgen.data.vocabulary import END
from textgen.errors import UsageError
from textgen.generation.model import Model
from textgen.restoration.mistakes import Kind, find_mistakes
from textgen.runs.files import replace_file
from textgen.workflows.restore import allowed_characters, check_direction, two_way_reader

# Characters of the line that are told on either side of a mistake.
SHOWN_AROUND = 24


@dataclass(frozen=True)
class Finding:
    """A probable mistake in a text.

    Attributes:
        position: index of its first character; for a missing one, of the character behind it.
        line: number of its line, counted from 1.
        column: number of that character in the line, counted from 1.
        kind: what is wrong.
        found: what stands there; empty for a missing character.
        meant: what was probably meant; empty for an added character.
        bits: by how many bits likelier the text becomes by the correction.
        certainty: probability that the correction is right, in [0, 1].
        before: what stands before it in the line, at most 24 characters.
        behind: what stands behind it in the line, at most 24 characters.
    """

    position: int
    line: int
    column: int
    kind: Kind
    found: str
    meant: str
    bits: float
    certainty: float
    before: str
    behind: str


@dataclass(frozen=True)
class Searched:
    """A part of a text that was searched.

    Attributes:
        characters: number of characters searched so far.
        findings: the mistakes found since the part before, in the order of the text.
    """

    characters: int
    findings: tuple[Finding, ...]


def proofread(model: Model, text: str) -> Iterator[Searched]:
    """Search a text for mistakes.

    Args:
        model: a network of both directions.
        text: the text, in the normal form of the model; see `prepared`.

    Yields:
        The text part by part.

    Raises:
        UsageError: if the model reads forward alone, or the text is empty.
    """
    check_direction(model, "proofread")
    if not text:
        raise UsageError("the text is empty; there is nothing to proofread")
    vocabulary = model.config.vocabulary
    read = text.replace("\n", END) if model.documents == "line" else text
    tokens = vocabulary.encode_documents(read, "replace")
    allowed = allowed_characters(vocabulary)
    begins = np.append(0, [index + 1 for index, one in enumerate(text) if one == "\n"])
    for characters, mistakes in find_mistakes(two_way_reader(model), tokens, allowed):
        found = []
        for one in mistakes:
            end = one.position + len(one.found)
            line = int(np.searchsorted(begins, one.position, side="right"))
            before = text[max(one.position - SHOWN_AROUND, 0) : one.position]
            finding = Finding(
                position=one.position,
                line=line,
                column=one.position - int(begins[line - 1]) + 1,
                kind=one.kind,
                found=text[one.position : end],
                meant=vocabulary.decode(one.meant),
                bits=one.gain / math.log(2),
                certainty=one.certainty,
                before=before.rpartition("\n")[2],
                behind=text[end : end + SHOWN_AROUND].partition("\n")[0],
            )
            found.append(finding)
        yield Searched(characters, tuple(found))


def prepared(model: Model, text: str) -> str:
    """Return a text in the normal form of a model, in which positions are counted."""
    return normalized(text, model.config.normalization)


def corrected(text: str, findings: Sequence[Finding]) -> str:
    """Return a text with mistakes mended, each of which stands apart from the others."""
    parts, position = [], 0
    for one in sorted(findings, key=lambda one: one.position):
        parts += [text[position : one.position], one.meant]
        position = one.position + len(one.found)
    return "".join([*parts, text[position:]])


def write_copy(path: Path, text: str) -> None:
    """Write a text into a new file.

    Raises:
        UsageError: if the file exists.
        StorageError: if it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{str(path)!r} exists; give a new name to --fix")
    replace_file(path, text.encode())
