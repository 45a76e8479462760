"""Choose the validation part of a text: whole, and like what is trained on."""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from textgen.aside import interruptibly
from textgen.data.documents import without_last_newlines
from textgen.data.gather import Gathered
from textgen.data.span_hashes import span_hashes
from textgen.data.text_rules import SHARE, DocumentUnit

SplitKind = Literal["end", "files", "records", "blocks"]

# Fewest files, or records, of which whole ones are held out.
FEWEST_DRAWN = 20
# A part drawn from whole texts may miss its share by this factor.
TOLERANCE = 1.25
# A list of lines has at least this many lines in the part that is looked at, few blank or indented
# ones among them, and no longer ones than this. Its lines are not filled up to one width.
LIST_LINES = 200
MOST_BLANK = 0.005
MOST_INDENTED = 0.2
LONGEST_LINE = 1000
MOST_FILLED = 0.6
# Number of ids that are looked at.
LOOKED_AT = 2**24
# Most blocks that are held out of a list, and lines in each at the least.
MOST_BLOCKS = 50
LINES_OF_BLOCK = 10

Spans = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """Which stretches of the gathered ids are validated on. All other ids are trained on.

    Attributes:
        kind: what is held out.
        validation: begin and end of each stretch, int64 [K, 2], in order and without overlap.
        reason: what is held out and why, in one line.
        unit: what the documents of the text may be; see `proposed_unit`.
    """

    kind: SplitKind
    validation: Spans
    reason: str
    unit: DocumentUnit | None = None

    def training(self, length: int) -> Spans:
        """Return the other stretches of a text of a length, int64 [M, 2]."""
        edges = np.concatenate([[0], self.validation.ravel(), [length]]).reshape(-1, 2)
        return edges[edges[:, 0] < edges[:, 1]]


def choose_split(gathered: Gathered, share: float, seed: int) -> Split:
    """Choose what is held out by what the text is.

    Whole files are drawn where there are many, whole records where there are records, and blocks of
    lines where the text is a list of lines. Of any other text the end is held out.

    Args:
        gathered: the text.
        share: share of the ids to hold out, in (0, 1).
        seed: seed of the draws.
    """
    unit = proposed_unit(gathered)
    if unit == "row":
        split = _drawn(gathered, np.arange(len(gathered.ends)), "records", share, seed)
    elif unit == "file":
        split = _drawn(gathered, gathered.files, "files", share, seed)
    else:
        split = _blocks(gathered, share, seed) if unit == "line" else _ends(gathered, share)
    return replace(split, unit=unit)


def proposed_unit(gathered: Gathered) -> DocumentUnit | None:
    """Return what the documents of a text may be; None if it looks like one text."""
    files, texts = len(gathered.files), len(gathered.ends)
    if texts > files and texts >= FEWEST_DRAWN:
        return "row"
    if files >= FEWEST_DRAWN:
        return "file"
    return "line" if texts == 1 and is_list(gathered) else None


def describe_unit(gathered: Gathered, unit: DocumentUnit) -> str:
    """Say what a text is made of."""
    if unit == "row":
        return f"the text is made of {len(gathered.ends):,} records"
    if unit == "file":
        return f"the text is made of {len(gathered.files):,} files"
    return "the text is a list of lines"


def _drawn(
    gathered: Gathered, firsts: NDArray[np.int64], kind: SplitKind, share: float, seed: int
) -> Split:
    """Draw whole texts; texts that are equal are never on both sides.

    Args:
        gathered: all texts.
        firsts: number of the first record or file of each text to draw.
        kind: what the texts are.
        share: share of the ids to hold out.
        seed: seed of the draw.
    """
    # Each text ends before the next begins, with the newline between them.
    begins = gathered.starts[firsts]
    ends = np.append(begins[1:], len(gathered))
    held = draw_texts(gathered, begins, ends, share, seed)
    spans = _merged(np.stack([begins[held], ends[held]], axis=1))
    reason = f"validation: {held.sum():,} of {len(firsts):,} {kind}, whole and drawn by the seed"
    return Split(kind, spans, reason)


def draw_texts(
    gathered: Gathered, begins: NDArray[np.int64], ends: NDArray[np.int64], share: float, seed: int
) -> NDArray[np.bool_]:
    """Draw texts that together hold about a share of all ids, and never one of two equal texts.

    Args:
        gathered: all texts.
        begins: index of the first id of each text, int64 [D].
        ends: index after the last id of each text.
        share: share of the ids to draw.
        seed: seed of the draw.

    Returns:
        Whether each text is drawn, bool [D]. At least one text is, and at least one is not.
    """
    spans = without_last_newlines(gathered, np.stack([begins, ends], axis=1))
    hashes = span_hashes(gathered.ids(), spans, len(gathered.characters))
    _, group = interruptibly(lambda: np.unique(hashes, return_inverse=True))
    sizes = np.bincount(group, weights=ends - begins)
    order = np.random.default_rng(seed).permutation(len(sizes))
    wanted = share * sizes.sum()
    chosen, total = np.zeros(len(sizes), bool), 0.0
    # Groups that fit are taken in the order of the draw.
    for number in order[:-1].tolist():
        if total >= wanted:
            break
        if total + sizes[number] <= TOLERANCE * wanted or not total:
            chosen[number] = True
            total += sizes[number]
    drawn: NDArray[np.bool_] = chosen[group]
    return drawn


def is_list(gathered: Gathered) -> bool:
    """Return whether a text is a list of lines that could stand in any order.

    It is, if its lines are short, neither blank nor indented, and not filled up to one width as
    those of prose are.
    """
    newline = gathered.characters.find("\n")
    ids = np.asarray(gathered.ids()[:LOOKED_AT])
    breaks = np.flatnonzero(ids == newline) if newline >= 0 else np.array([], np.int64)
    if len(breaks) < LIST_LINES:
        return False
    lengths = np.diff(breaks, prepend=-1) - 1
    spaces = [gathered.characters.find(space) for space in " \t"]
    first = ids[np.append(0, breaks[:-1] + 1)]
    width = np.quantile(lengths, 0.95)
    filled = (lengths > 0.85 * width).mean() if width > 40 else 0.0
    return bool(
        (lengths == 0).mean() <= MOST_BLANK
        and np.isin(first, spaces).mean() <= MOST_INDENTED
        and lengths.max() <= LONGEST_LINE
        and filled <= MOST_FILLED
    )


def _blocks(gathered: Gathered, share: float, seed: int) -> Split:
    """Hold out blocks of whole lines, spread over a text."""
    ids, newline = gathered.ids(), gathered.characters.find("\n")
    length = len(ids)
    lines = int(gathered.counts[newline])
    count = int(np.clip(share * lines / LINES_OF_BLOCK, 1, MOST_BLOCKS))
    segments = np.linspace(0, length, count + 1).astype(np.int64)
    random = np.random.default_rng(seed)
    spans = []
    for begin, end in zip(segments[:-1].tolist(), segments[1:].tolist(), strict=True):
        size = int(share * (end - begin))
        start = begin + int(random.integers(end - begin - size + 1))
        span = [_line_start(ids, newline, index) for index in (start, start + size)]
        if span[0] < span[1]:
            spans.append(span)
    reason = f"validation: {len(spans)} blocks of lines, spread over the text, since it is a list"
    return Split("blocks", _merged(np.array(spans, np.int64).reshape(-1, 2)), reason)


def _line_start(ids: NDArray[np.unsignedinteger], newline: int, index: int) -> int:
    """Return the beginning of the first line at or after an index; the length if there is none."""
    if index == 0:
        return 0
    for start in range(index - 1, len(ids), 4096):
        found = np.flatnonzero(ids[start : start + 4096] == newline)
        if len(found):
            return start + int(found[0]) + 1
    return len(ids)


def _ends(gathered: Gathered, share: float) -> Split:
    """Hold out the end of the text, or of each of a few files."""
    begins = gathered.starts[gathered.files]
    ends = np.append(begins[1:], len(gathered))
    if len(begins) == 1:
        length = len(gathered)
        cuts = np.array([length - round(length * share) if share != SHARE else length * 9 // 10])
        what = "the text"
    else:
        ids, newline = gathered.ids(), gathered.characters.find("\n")
        wanted = begins + ((ends - begins) * (1 - share)).astype(np.int64)
        starts = [_line_start(ids, newline, index) for index in wanted.tolist()]
        # A text of one line is cut inside it.
        cuts = np.where(np.array(starts) < ends, starts, wanted)
        what = f"each of the {len(begins)} files"
    spans = _merged(np.stack([cuts, ends], axis=1))
    return Split("end", spans, f"validation: the end of {what}, {share:.0%} of it")


def _merged(spans: Spans) -> Spans:
    """Join stretches that touch."""
    if not len(spans):
        return spans
    is_new = np.append(True, spans[1:, 0] > spans[:-1, 1])
    begins = spans[is_new, 0]
    ends = spans[np.append(is_new[1:], True), 1]
    return np.stack([begins, ends], axis=1)
