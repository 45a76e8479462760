"""Cut gathered texts into documents: files, records, lines or paragraphs."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from textgen.data.gather import AT_ONCE, Gathered
from textgen.data.text_rules import DocumentUnit


def document_spans(gathered: Gathered, unit: DocumentUnit) -> NDArray[np.int64]:
    """Return the begin and the end of each document, int64 [D, 2], without the newlines around it.

    Args:
        gathered: the texts.
        unit: what a document is. A row is a record of a table, or else a file.
    """
    if unit == "whole":
        return np.array([[0, len(gathered)]])
    ids, newline = gathered.ids(), gathered.characters.find("\n")
    if unit in ("file", "row"):
        firsts = gathered.files if unit == "file" else np.arange(len(gathered.ends))
        begins = gathered.starts[firsts]
        ends = gathered.ends[np.append(firsts[1:], len(gathered.ends)) - 1]
        spans = np.stack([begins, ends], axis=1)
        spans = without_last_newlines(gathered, spans) if unit == "file" else spans
        texts: NDArray[np.int64] = spans[spans[:, 0] < spans[:, 1]]
        return texts
    lines = np.concatenate([*_line_spans(ids, newline)])
    is_blank = lines[:, 0] == lines[:, 1]
    if unit == "line":
        written: NDArray[np.int64] = lines[~is_blank]
        return written
    # A paragraph begins at a line after a blank one, or at the beginning of a text.
    is_first = ~is_blank & (np.append(True, is_blank[:-1]) | np.isin(lines[:, 0], gathered.starts))
    follows = np.append(is_blank[1:] | np.isin(lines[1:, 0], gathered.starts), True)
    is_last = ~is_blank & follows
    return np.stack([lines[is_first, 0], lines[is_last, 1]], axis=1)


def _line_spans(ids: NDArray[np.unsignedinteger], newline: int) -> Iterator[NDArray[np.int64]]:
    """Yield the begin and the end of each line, in groups.

    Args:
        ids: the texts.
        newline: id of the newline; negative if no text has one.
    """
    begin = 0
    for start in range(0, len(ids), AT_ONCE):
        breaks = np.flatnonzero(ids[start : start + AT_ONCE] == newline) + start
        if len(breaks):
            begins = np.append(begin, breaks[:-1] + 1)
            yield np.stack([begins, breaks], axis=1)
            begin = int(breaks[-1]) + 1
    if begin < len(ids):
        yield np.array([[begin, len(ids)]])


def has_newline(gathered: Gathered, spans: NDArray[np.int64]) -> bool:
    """Return whether a newline stands inside any of the documents, [D, 2] in order."""
    ids, newline = gathered.ids(), gathered.characters.find("\n")
    for start in range(0, len(ids), AT_ONCE):
        breaks = np.flatnonzero(ids[start : start + AT_ONCE] == newline) + start
        document = np.searchsorted(spans[:, 0], breaks, side="right") - 1
        if ((document >= 0) & (breaks < spans[document, 1])).any():
            return True
    return False


def without_last_newlines(gathered: Gathered, spans: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return stretches of the texts without the newlines at their ends, int64 [D, 2]."""
    ids, newline = gathered.ids(), gathered.characters.find("\n")
    ends = spans[:, 1].copy()
    while True:
        is_newline = (ends > spans[:, 0]) & (ids[ends - 1] == newline)
        if not is_newline.any():
            return np.stack([spans[:, 0], ends], axis=1)
        ends -= is_newline
