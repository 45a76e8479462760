"""Choose what is held out of a text, by the rules of how a training text is made."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from textgen.data.documents import document_spans
from textgen.data.gather import Gathered, Progress, gather
from textgen.data.split import Spans, choose_split, describe_unit, draw_texts
from textgen.data.text_rules import DocumentUnit, TextRules
from textgen.errors import UsageError

# Fewest documents of which some can be held out.
FEWEST_DOCUMENTS = 2


class Parts(NamedTuple):
    """The two parts of a text.

    Attributes:
        training: begin and end of each stretch to train on, int64 [D, 2].
        held: the text that is held out, and the begin and end of each stretch of it.
        reason: what is held out and why, in one line.
        notes: what a user should know, one line for each.
    """

    training: Spans
    held: tuple[Gathered, Spans]
    reason: str
    notes: list[str]


def hold_out(
    gathered: Gathered, documents: Spans, rules: TextRules, path: Path, progress: Progress
) -> Parts:
    """Choose what is held out, by the rules.

    Args:
        gathered: the text.
        documents: begin and end of each document, int64 [D, 2].
        rules: how the training text is made of its sources.
        path: file of the ids, beside which another text is gathered.
        progress: called with how much of that text is read, see `Progress`.
    """
    if isinstance(rules.validation, str):
        beside = path.with_name(f".tmp-{path.name}-gathered-validation")
        other = gather([Path(rules.validation)], rules.source, beside, progress)
        held = other, document_spans(other, rules.documents)
        return Parts(documents, held, f"validation: the text of {rules.validation!r}", [])
    notes = list[str]()
    if rules.documents != "whole":
        training, validation, reason = _drawn(gathered, documents, rules.validation, rules.seed)
    elif not rules.fits_text:
        training, validation, reason = _last_tenths(gathered)
    else:
        split = choose_split(gathered, rules.validation, rules.seed)
        notes = _proposed_documents(gathered, split.unit)
        training, validation, reason = (
            split.training(len(gathered)),
            split.validation,
            split.reason,
        )
    return Parts(training, (gathered, validation), reason, notes)


def _drawn(
    gathered: Gathered, documents: Spans, share: float, seed: int
) -> tuple[Spans, Spans, str]:
    """Return the documents to train and to validate on, and the reason."""
    if len(documents) < FEWEST_DOCUMENTS:
        raise UsageError(
            f"the text has {len(documents)} document, and documents are held out whole; "
            "leave --documents out, or give a text to --validation"
        )
    held = draw_texts(gathered, documents[:, 0], documents[:, 1], share, seed)
    if held.all() or not held.any():
        raise UsageError("all documents are equal, so none can be held out; see --validation")
    reason = f"validation: {held.sum():,} of {len(documents):,} documents, drawn by the seed"
    return documents[~held], documents[held], reason


def _proposed_documents(gathered: Gathered, unit: DocumentUnit | None) -> list[str]:
    """Say which documents a whole text could be made of instead; nothing if it looks like one.

    Args:
        gathered: the text.
        unit: what `proposed_unit` returned for it.
    """
    if unit is None:
        return []
    return [f"{describe_unit(gathered, unit)}; --documents {unit} makes each of them a document"]


def _last_tenths(gathered: Gathered) -> tuple[Spans, Spans, str]:
    """Return the first nine tenths and the last tenth of each file, with newlines between them."""
    begins, ends = document_spans(gathered, "row").T
    cuts = begins + (ends - begins) * 9 // 10
    parts = []
    for first, last in ((begins, cuts), (cuts, ends)):
        spans = np.stack([first, last], axis=1)
        # Each text but the last is followed by the newline after the first of them.
        between = np.tile([[ends[0], ends[0] + 1]], (len(spans), 1))
        parts.append(np.stack([spans, between], axis=1).reshape(-1, 2)[:-1])
    return parts[0], parts[1], "validation: the last tenth of each file"
