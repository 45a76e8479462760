"""Make the training text of a run: read the sources, cut documents, hold a part out, write ids."""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.documents import document_spans, has_newline
from textgen.data.gather import AT_ONCE, Gathered, Progress, gather
from textgen.data.label_values import (
    DocumentLabels,
    number_labels,
    unit_of_labels,
    write_labels,
)
from textgen.data.labels import labels_path
from textgen.data.read_report import ReadReport, check_has_fields
from textgen.data.span_hashes import span_hashes
from textgen.data.split import (
    Spans,
    choose_split,
    describe_unit,
    draw_texts,
    is_list,
    proposed_unit,
)
from textgen.data.text_rules import DocumentUnit, TextRules
from textgen.data.tokens import BlockSums, Tokens, token_dtype
from textgen.data.vocabulary import END, UNKNOWN_ID, Vocabulary, in_order
from textgen.errors import CorpusError, SettingError, UsageError, storage_errors
from textgen.settings import MAX_CHARACTERS

# Shortest text that can be trained on, in characters.
MIN_CHARACTERS = 100
# Share of the time that reading the sources takes. The rest is for writing the ids.
READING = 0.6
# Fewest documents of which some can be held out.
FEWEST_DOCUMENTS = 2


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
        gathered, dropped, what = _without_repeats(gathered, rules.documents)
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
    training, held, reason, proposed = _hold_out(gathered, documents, rules, path)
    notes += proposed
    length = len(gathered)
    writer = _TokenWriter(
        vocabulary,
        lambda ids: progress(length, min(READING + (1 - READING) * ids / length, 1.0)),
        has_documents=has_documents,
    )
    is_kept_of_held = is_kept if held[0] is gathered else np.ones(len(held[0].characters), bool)
    with storage_errors(path), path.open("wb") as file:
        training_ids = writer.write(file, gathered, training, is_kept)
        validation_ids = writer.write(file, *held, is_kept_of_held)
        if old is not None:
            writer.copy(file, old)
        file.flush()
        os.fsync(file.fileno())
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


class _Parts(NamedTuple):
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


def _hold_out(gathered: Gathered, documents: Spans, rules: TextRules, path: Path) -> _Parts:
    """Choose what is held out, by the rules.

    Args:
        gathered: the text.
        documents: begin and end of each document, int64 [D, 2].
        rules: how the training text is made of its sources.
        path: file of the ids, beside which another text is gathered.
    """
    if isinstance(rules.validation, str):
        beside = path.with_name(f".tmp-{path.name}-gathered-validation")
        other = gather([Path(rules.validation)], rules.source, beside)
        held = other, document_spans(other, rules.documents)
        return _Parts(documents, held, f"validation: the text of {rules.validation!r}", [])
    notes = list[str]()
    if rules.documents != "whole":
        training, validation, reason = _drawn(gathered, documents, rules.validation, rules.seed)
    elif not rules.fits_text:
        training, validation, reason = _last_tenths(gathered)
    else:
        notes = proposed_documents(gathered)
        split = choose_split(gathered, rules.validation, rules.seed)
        training, validation, reason = (
            split.training(len(gathered)),
            split.validation,
            split.reason,
        )
    return _Parts(training, (gathered, validation), reason, notes)


def _origins(
    gathered: Gathered,
    spans: Spans,
    rules: TextRules,
    vocabulary: Vocabulary,
) -> bytes | None:
    """Return the origins of stretches of gathered texts as `_TokenWriter` writes them."""
    if not rules.fits_text:
        return None
    between = int(rules.documents != "whole")
    newline = gathered.characters.find("\n")
    origins = gathered.origins.moved(
        gathered.ids(),
        newline,
        spans,
        _joined_begins(spans, between) + between,
        has_newlines="\n" in vocabulary,
    )
    return origins.to_bytes()


def _joined_begins(spans: Spans, between: int) -> NDArray[np.int64]:
    """Return where each stretch begins if all are joined with some ids between each two."""
    sizes = spans[:, 1] - spans[:, 0] + between
    begins: NDArray[np.int64] = np.cumsum(sizes) - sizes
    return begins


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


def proposed_documents(gathered: Gathered) -> list[str]:
    """Say which documents a whole text could be made of instead; nothing if it looks like one."""
    unit = proposed_unit(gathered)
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


def _without_repeats(gathered: Gathered, unit: DocumentUnit) -> tuple[Gathered, int, str]:
    """Return texts without those that equal an earlier one, their number, and what they are."""
    what = "documents"
    if unit == "whole":
        is_lines = len(gathered.ends) == 1 and is_list(gathered)
        unit, what = ("line", "lines") if is_lines else ("row", "files and records")
    spans = document_spans(gathered, unit)
    hashes = span_hashes(gathered.ids(), spans, len(gathered.characters))
    _, first = np.unique(hashes, return_index=True)
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
        for piece in _joined(ids, spans, newline):
            counts += np.bincount(piece, minlength=len(counts))
            file.write(piece.astype(gathered.dtype).tobytes())
    begins = _joined_begins(spans, 1)
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


class _TokenWriter:
    """Writes stretches of gathered texts as ids of a vocabulary."""

    def __init__(
        self, vocabulary: Vocabulary, progress: Callable[[int], None], *, has_documents: bool
    ) -> None:
        self.sums, self._progress, self._written = BlockSums(), progress, 0
        self._vocabulary, self._has_documents = vocabulary, has_documents
        self._dtype = token_dtype(len(vocabulary))

    def write(
        self, file: BinaryIO, gathered: Gathered, spans: Spans, is_kept: NDArray[np.bool_]
    ) -> int:
        """Write stretches, with an end symbol before, between and after documents.

        Returns:
            The number of ids written.
        """
        ids = self._vocabulary.encode(gathered.characters, "replace")
        table = np.where(is_kept, ids, UNKNOWN_ID).astype(self._dtype)
        count = 0
        end = self._vocabulary.end_id
        if not self._has_documents or end is None:
            texts = gathered.ids()
            for begin, stop in spans.tolist():
                for start in range(begin, stop, AT_ONCE):
                    piece = texts[start : min(start + AT_ONCE, stop)]
                    count += self._put(file, table.take(piece))
            return count
        count += self._put(file, np.array([end], self._dtype))
        # One entry more stands for the end symbol.
        table = np.append(table, np.array([end], self._dtype))
        for joined in _joined(gathered.ids(), spans, len(table) - 1):
            count += self._put(file, table.take(joined))
        return count + self._put(file, np.array([end], self._dtype))

    def copy(self, file: BinaryIO, tokens: Tokens) -> None:
        """Write ids as they are."""
        for start in range(0, len(tokens), AT_ONCE):
            self._put(file, tokens[start : start + AT_ONCE].astype(self._dtype))

    def _put(self, file: BinaryIO, tokens: NDArray[np.unsignedinteger]) -> int:
        data = tokens.tobytes()
        self.sums.update(data)
        file.write(data)
        before, self._written = self._written, self._written + len(tokens)
        if before // AT_ONCE < self._written // AT_ONCE:
            self._progress(self._written)
        return len(tokens)


def _joined(
    ids: NDArray[np.unsignedinteger], spans: Spans, between: int
) -> Iterator[NDArray[np.int64]]:
    """Yield the ids of stretches, with another id between each two, in pieces."""
    totals = np.append(0, np.cumsum(spans[:, 1] - spans[:, 0] + 1))
    first = 0
    while first < len(spans):
        last = int(np.searchsorted(totals, totals[first] + AT_ONCE, side="right")) - 1
        last = min(max(last, first + 1), len(spans))
        begins, ends = spans[first:last].T
        if last - first == 1:  # it may be longer than what is written at once
            for start in range(int(begins[0]), int(ends[0]), AT_ONCE):
                yield ids[start : min(start + AT_ONCE, int(ends[0]))].astype(np.int64)
            if last < len(spans):
                yield np.array([between])
            first = last
            continue
        sizes = ends - begins + 1
        offsets = np.cumsum(sizes) - sizes
        index = np.arange(int(sizes.sum())) + np.repeat(begins - offsets, sizes)
        is_between = np.zeros(len(index), bool)
        is_between[offsets + sizes - 1] = True
        index[is_between] = 0
        piece = np.where(is_between, between, ids[index].astype(np.int64))
        yield piece if last < len(spans) else piece[:-1]
        first = last
