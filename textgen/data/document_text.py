"""The documents of sources as one text, with `END` after each of them."""

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from textgen.data.formats.kinds import RECORDS
from textgen.data.pieces import Piece
from textgen.data.read_report import ReadReport
from textgen.data.source_rules import SourceRules
from textgen.data.sources import read_sources
from textgen.data.text_rules import DocumentUnit
from textgen.data.vocabulary import END


def document_chunks(
    paths: Sequence[Path],
    rules: SourceRules,
    unit: DocumentUnit,
    report: ReadReport,
    *,
    by_line: bool = False,
) -> Iterator[tuple[str, str]]:
    """Yield the documents of sources in pieces, each document with `END` after it.

    Each piece comes with the name of its file. Documents are cut as for training: without the
    newlines around them.

    Args:
        paths: sources; see `read_sources`.
        rules: how to read them.
        unit: what a document is, but not `whole`.
        report: what was read and what was not is noted here.
        by_line: whether each line of a text without records is a row. Otherwise the whole text is.
    """
    for file, pieces in read_sources(paths, rules, report):
        chunks: Iterator[str]
        if unit == "row" and file.kind in RECORDS:
            chunks = (piece.text + END * piece.is_end for piece in pieces)
        elif unit == "file" or (unit == "row" and not by_line):
            chunks = _whole(pieces)
        else:
            chunks = _cut(pieces, "\n\n+" if unit == "paragraph" else "\n+")
        yield from ((file.name, chunk) for chunk in chunks)


def _whole(pieces: Iterable[Piece]) -> Iterator[str]:
    """Yield a file as one document; newlines are held back until more text comes."""
    held, is_empty = "", True
    for number, piece in enumerate(pieces):
        # Records of a file are joined by newlines.
        text = held + piece.text if number else piece.text
        body = text.rstrip("\n")
        held = text[len(body) :] + "\n" * piece.is_end
        if body:
            is_empty = False
            yield body
    if not is_empty:
        yield END


def _cut(pieces: Iterable[Piece], between: str) -> Iterator[str]:
    """Yield the documents of a file, which stand between newlines."""
    held = ""
    for piece in pieces:
        *whole, held = re.split(between, held + piece.text)
        yield "".join(document.strip("\n") + END for document in whole if document.strip("\n"))
        if piece.is_end:
            if held.strip("\n"):
                yield held.strip("\n") + END
            held = ""
