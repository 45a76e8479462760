"""Make the training text of a run: read the sources, cut documents, hold a part out, write ids."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from textgen.data.documents import document_spans, has_newline
from textgen.data.gather import Gathered, Progress, gather
from textgen.data.hold_out import hold_out
from textgen.data.label_values import (
    DocumentLabels,
    number_labels,
    unit_of_labels,
    write_labels,
)
from textgen.data.labels import labels_path
from textgen.data.read_report import ReadReport, check_has_fields
from textgen.data.repeats import without_repeats
from textgen.data.split import Spans
from textgen.data.text_rules import DocumentUnit, TextRules
from textgen.data.token_writer import TokenWriter, joined_begins
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import END, Vocabulary, in_order
from textgen.errors import CorpusError, SettingError, storage_errors
from textgen.settings import MAX_CHARACTERS

# Shortest text that can be trained on, in characters.
MIN_CHARACTERS = 100
# Share of the time that reading the sources takes. The rest is for writing the ids.
READING = 0.6


@dataclass(frozen=True)
class PreparedText:
    """A training text whose ids are on the disk: the training part, then the validation part.

    Attributes:
        vocabulary: the characters and their ids.
        training_characters: characters of the training part, without what was put between files,
            records and documents.
        validation_characters: those of the validation part.
        training_ids: number of ids of the training part, end symbols and newlines between files and
            records included.
        validation_ids: that of the validation part.
        documents: number of documents; 0 if it is one whole text.
        start: the character that a network reads before it writes: a newline, or else the first of
            the text; `END` if the text is made of documents.
        sha256: SHA-256 of the text in UTF-8, before anything is left out of it.
        tokens_sha256: SHA-256 of the file of ids.
        sums: SHA-256 of each of its blocks; see `BlockSums`.
        origins: content of the file that tells where the training part comes from; see
            `Origins.to_bytes`. None if the rules are those of textgen 0.2.
        report: what was read.
        notes: what was done to the text, one line for each.
        reason: what is held out and why, in one line.
        unit: what a document is.
        labels: the labels of the documents; None if they have none. Their file stands beside that
            of the ids.
        labels_sha256: SHA-256 of that file.
    """

    vocabulary: Vocabulary
    training_characters: int
    validation_characters: int
    training_ids: int
    validation_ids: int
    documents: int
    start: str
    sha256: str
    tokens_sha256: str
    sums: bytes = field(repr=False)
    origins: bytes | None = field(repr=False)
    report: ReadReport
    notes: tuple[str, ...]
    reason: str
    unit: DocumentUnit
    labels: DocumentLabels | None = None
    labels_sha256: str | None = None


def prepare_text(
    paths: Sequence[Path],
    rules: TextRules,
    path: Path,
    vocabulary: Vocabulary | None = None,
    old: Tokens | None = None,
    progress: Progress = lambda characters, share: None,
) -> PreparedText:
    """Read sources and write them as ids.

    Args:
        paths: sources; see `read_sources`.
        rules: how the text is made of them.
        path: file for the ids. Temporary files are made beside it.
        vocabulary: ids to keep. Characters that it lacks get ids at its end; without one, all
            characters of the text get ids in the order of code points.
        old: ids of another text, in those of `vocabulary`, unsigned [K]. They are written after the
            validation part.
        progress: called now and then with the number of characters read and the share of the work
            that is done, see `Progress`.

    Raises:
        CorpusError: if a source cannot be read, or the text is too short.
        StorageError: if a file cannot be written.
        UsageError: if the rules do not fit the text.
    """
    temporary = path.with_name(f".tmp-{path.name}-gathered")
    try:
        gathered = gather(
            paths,
            rules.source,
            temporary,
            lambda characters, share: progress(characters, share and READING * share),
        )
        check_has_fields(rules.source, gathered.report)
        if len(gathered) < MIN_CHARACTERS:
            found = f"{len(gathered)} character{'' if len(gathered) == 1 else 's'}"
            problem = f"only {found}; at least {MIN_CHARACTERS} are needed"
            raise CorpusError(paths[0], problem)
        return _prepare(gathered, rules, path, vocabulary, old, progress)
    finally:
        for file in path.parent.glob(f"{temporary.name}*"):
            file.unlink()


def _prepare(
    gathered: Gathered,
    rules: TextRules,
    path: Path,
    vocabulary: Vocabulary | None,
    old: Tokens | None,
    progress: Progress,
) -> PreparedText:
    sha256, notes = gathered.sha256, list(gathered.report.changes())
    if rules.source.label_fields:
        unit = unit_of_labels(gathered, rules.source, rules.documents)
        if unit != rules.documents:
            notes.append(f"each {unit} is a document, which has labels; see --documents")
        rules = replace(rules, documents=unit)
    if rules.drop_repeats:
        gathered, dropped, what = without_repeats(gathered, rules.documents)
        if dropped:
            notes.append(f"left out {dropped:,} {what} that equal an earlier one")
    has_documents = rules.documents != "whole"
    documents = document_spans(gathered, rules.documents)
    is_known = np.array([vocabulary is not None and c in vocabulary for c in gathered.characters])
    is_rare = (gathered.counts < rules.rare) & ~is_known
    is_kept = ~is_rare
    if has_documents and not has_newline(gathered, documents):
        # The newlines between documents are not part of the text.
        is_kept[gathered.characters.find("\n")] = False
    if not is_kept.any():
        most = int(gathered.counts.max())
        raise SettingError("rare", rules.rare, f"at most {most}", ": it leaves no character")
    vocabulary = _vocabulary_of(gathered, is_kept, vocabulary, has_documents=has_documents)
    if rare := int(is_rare.sum()):
        notes.append(f"{rare:,} characters are rarer than {rules.rare} and become unknown")
    training, held, reason, proposed = hold_out(
        gathered, documents, rules, path, lambda characters, share: progress(characters, None)
    )
    notes += proposed
    length = len(gathered)
    is_kept_of_held = is_kept if held[0] is gathered else np.ones(len(held[0].characters), bool)
    with storage_errors(path), path.open("wb") as file:
        writer = TokenWriter(
            file,
            vocabulary,
            lambda ids: progress(length, min(READING + (1 - READING) * ids / length, 1.0)),
            has_documents=has_documents,
        )
        training_ids = writer.write(gathered, training, is_kept)
        validation_ids = writer.write(*held, is_kept_of_held)
        if old is not None:
            writer.copy(old)
        writer.finish()
    labels = labels_sha256 = None
    if rules.source.label_fields:
        labels = number_labels((gathered, training), held)
        notes += labels.notes
        labels_sha256 = write_labels(labels_path(path), labels)
    if min(training_ids, validation_ids) < 2:
        raise CorpusError(
            gathered.report.files[0].name, "too short for a training and a validation part"
        )
    return PreparedText(
        vocabulary=vocabulary,
        training_characters=_characters(gathered, training),
        validation_characters=_characters(*held),
        training_ids=training_ids,
        validation_ids=validation_ids,
        documents=len(documents) if has_documents else 0,
        start=END if has_documents else _start(gathered, vocabulary),
        sha256=sha256,
        tokens_sha256=writer.sums.sha256,
        sums=writer.sums.blocks(),
        origins=_origins(gathered, training, rules, vocabulary),
        report=gathered.report,
        notes=tuple(notes),
        reason=reason,
        unit=rules.documents,
        labels=labels,
        labels_sha256=labels_sha256,
    )


def _origins(
    gathered: Gathered,
    spans: Spans,
    rules: TextRules,
    vocabulary: Vocabulary,
) -> bytes | None:
    """Return the origins of stretches of gathered texts as `TokenWriter` writes them."""
    if not rules.fits_text:
        return None
    between = int(rules.documents != "whole")
    newline = gathered.characters.find("\n")
    origins = gathered.origins.moved(
        gathered.ids(),
        newline,
        spans,
        joined_begins(spans, between) + between,
        has_newlines="\n" in vocabulary,
    )
    return origins.to_bytes()


def _vocabulary_of(
    gathered: Gathered,
    is_kept: NDArray[np.bool_],
    known: Vocabulary | None,
    *,
    has_documents: bool,
) -> Vocabulary:
    """Return the ids of the characters that are kept; those that are known keep their ids.

    Raises:
        CorpusError: if there are too many characters.
    """
    kept = "".join(c for c, keep in zip(gathered.characters, is_kept, strict=True) if keep)
    kept += END * has_documents
    if known is None:
        return Vocabulary(in_order(kept))
    grown = known.grown(kept)
    if len(grown.alphabet) > MAX_CHARACTERS:
        problem = (
            f"more than {MAX_CHARACTERS:,} different characters together with the "
            f"{len(known.alphabet):,} that the run knows, too many for a model"
        )
        raise CorpusError(gathered.report.files[0].name, problem)
    return grown


def _characters(gathered: Gathered, spans: Spans) -> int:
    """Count the characters of stretches, without the newlines that were put between two texts."""
    between = np.searchsorted(gathered.ends[:-1], spans)
    return int(np.diff(spans).sum() - np.diff(between).sum())


def _start(gathered: Gathered, vocabulary: Vocabulary) -> str:
    known = (one for one in gathered.characters if one in vocabulary)
    return "\n" if "\n" in vocabulary else next(known)
