"""Leave out documents that equal an earlier one."""

from dataclasses import replace

import numpy as np

from textgen.aside import interruptibly
from textgen.data.documents import document_spans
from textgen.data.gather import Gathered
from textgen.data.span_hashes import span_hashes
from textgen.data.split import Spans, is_list
from textgen.data.text_rules import DocumentUnit
from textgen.data.token_writer import joined, joined_begins
from textgen.errors import storage_errors


def without_repeats(gathered: Gathered, unit: DocumentUnit) -> tuple[Gathered, int, str]:
    """Return texts without those that equal an earlier one, their number, and what they are."""
    what = "documents"
    if unit == "whole":
        is_lines = len(gathered.ends) == 1 and is_list(gathered)
        unit, what = ("line", "lines") if is_lines else ("row", "files and records")
    spans = document_spans(gathered, unit)
    hashes = span_hashes(gathered.ids(), spans, len(gathered.characters))
    _, first = interruptibly(lambda: np.unique(hashes, return_index=True))
    if len(first) == len(spans):
        return gathered, 0, what
    kept = _only(gathered, spans[np.sort(first)])
    if what == "lines":  # they are still lines of one text
        kept = replace(kept, ends=kept.ends[-1:])
    return kept, len(spans) - len(first), what


def _only(gathered: Gathered, spans: Spans) -> Gathered:
    """Write some stretches alone, with a newline between two, into a new temporary file."""
    path = gathered.path.with_name(f"{gathered.path.name}-kept")
    newline = gathered.characters.find("\n")
    ids, counts = gathered.ids(), np.zeros(len(gathered.characters), np.int64)
    with storage_errors(path), path.open("wb") as file:
        for piece in joined(ids, spans, newline):
            counts += np.bincount(piece, minlength=len(counts))
            file.write(piece.astype(gathered.dtype).tobytes())
    begins = joined_begins(spans, 1)
    files = np.unique(np.searchsorted(spans[:, 0], gathered.starts[gathered.files]))
    labels = gathered.labels.only(np.searchsorted(gathered.ends, spans[:, 0], side="right"))
    return replace(
        gathered,
        path=path,
        counts=counts,
        ends=begins + spans[:, 1] - spans[:, 0],
        origins=gathered.origins.moved(ids, newline, spans, begins, has_newlines=True),
        files=files[files < len(spans)],
        labels=labels,
    )
