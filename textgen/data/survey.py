"""What is in a text: its characters, lines and documents, and what may harm a model of it."""

import unicodedata
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from textgen.data.documents import document_spans
from textgen.data.gather import AT_ONCE, Gathered
from textgen.data.origins import NUMBERED, Place
from textgen.data.span_hashes import span_hashes
from textgen.data.split import Split

# A character that appears fewer times than this is rare.
RARE = 10
# Number of the longest lines that are named.
LONGEST_LINES = 3
# Shortest line, in characters, that counts as a copy of another one in the training part.
LEAST_COPIED = 20
# Characters that people do not see, or take for a plain space.
INVISIBLE = {"\u00a0", "\u00ad", "\u2007", "\u202f", "\u3000"}
# Names of control characters, which Unicode itself does not name, and of kinds of characters.
CONTROLS = {
    "\a": "BELL",
    "\b": "BACKSPACE",
    "\t": "TAB",
    "\n": "NEW LINE",
    "\v": "VERTICAL TAB",
    "\f": "FORM FEED",
    "\r": "CARRIAGE RETURN",
    "\x1a": "SUBSTITUTE",
    "\x1b": "ESCAPE",
    "\x7f": "DELETE",
    "\x85": "NEXT LINE",
}
KINDS = {"Cc": "CONTROL CHARACTER", "Co": "PRIVATE USE CHARACTER"}


@dataclass(frozen=True)
class Character:
    """A character of a text.

    Attributes:
        character: the character.
        count: how often it appears.
        place: where it appears first, for a character that is rare or invisible.
    """

    character: str
    count: int
    place: Place | None = None

    @property
    def name(self) -> str:
        """Its Unicode name, or what kind of character it is if it has none."""
        kind = KINDS.get(unicodedata.category(self.character), "UNASSIGNED CHARACTER")
        return unicodedata.name(self.character, CONTROLS.get(self.character, kind))

    @property
    def is_invisible(self) -> bool:
        """Whether people do not see it, or take it for a plain space."""
        kind = unicodedata.category(self.character)
        return self.character in INVISIBLE or (
            kind in ("Cc", "Cf") and self.character not in "\n\t"
        )


@dataclass(frozen=True)
class Survey:
    """What is in a text.

    Attributes:
        characters: length of the text, without the newlines that are put between files and records.
        lines: number of its lines.
        blank_lines: number of those that are empty.
        alphabet: the characters, the most frequent first.
        mixed: letters that are written both as one character and as a letter with a mark, each with
            how often they are written either way.
        longest_lines: lengths and places of the longest lines.
        repeated_lines: number of lines that an earlier line equals.
        repeated_texts: number of files or records that an earlier one equals.
        leaked: share of the validation part, in characters, in lines that also stand in the
            training part; lines of fewer than 20 characters do not count.
        scripts: share of each script among the letters, the most frequent first.
    """

    characters: int
    lines: int
    blank_lines: int
    alphabet: tuple[Character, ...]
    mixed: tuple[tuple[str, int, int], ...]
    longest_lines: tuple[tuple[int, Place], ...]
    repeated_lines: int
    repeated_texts: int
    leaked: float
    scripts: tuple[tuple[str, float], ...]

    @property
    def rare(self) -> tuple[Character, ...]:
        """The characters that appear fewer than 10 times."""
        return tuple(one for one in self.alphabet if one.count < RARE)

    @property
    def invisible(self) -> tuple[Character, ...]:
        """The characters that people do not see."""
        return tuple(one for one in self.alphabet if one.is_invisible)


def survey(gathered: Gathered, split: Split) -> Survey:
    """Look at a text.

    Args:
        gathered: the text, without normalisation, so that what it would change is seen.
        split: what would be held out of it.
    """
    ids = gathered.ids()
    lines = document_spans(gathered, "line")
    num_ids = len(gathered.characters)
    hashes = span_hashes(ids, lines, num_ids)
    texts = span_hashes(ids, np.stack([gathered.starts, gathered.ends], axis=1), num_ids)
    sizes = lines[:, 1] - lines[:, 0]
    num_lines = _count_lines(gathered)
    longest = np.argsort(-sizes, kind="stable")[:LONGEST_LINES]
    places = _places(gathered, lines[longest, 0])
    return Survey(
        characters=len(gathered) - len(gathered.ends) + 1,
        lines=num_lines,
        blank_lines=num_lines - len(lines),
        alphabet=_alphabet(gathered),
        mixed=tuple(_mixed(gathered)),
        longest_lines=tuple(zip(sizes[longest].tolist(), places, strict=True)),
        repeated_lines=len(hashes) - len(np.unique(hashes)),
        repeated_texts=len(texts) - len(np.unique(texts)),
        leaked=_leaked(lines, hashes, split),
        scripts=tuple(_scripts(gathered)),
    )


def _count_lines(gathered: Gathered) -> int:
    newline = gathered.characters.find("\n")
    written = int(gathered.counts[newline]) if newline >= 0 else 0
    unended = int((gathered.ids()[gathered.ends - 1] != newline).sum())
    return written - (len(gathered.ends) - 1) + unended


def _alphabet(gathered: Gathered) -> tuple[Character, ...]:
    """Return the characters, the most frequent first, and the places of those to look at."""
    pairs = zip(gathered.characters, gathered.counts.tolist(), strict=True)
    found = [Character(*pair) for pair in pairs]
    is_odd = np.array([one.count < RARE or one.is_invisible for one in found])
    first = _first_indices(gathered.ids(), is_odd)
    places = _places(gathered, first)
    placed = dict(zip(np.flatnonzero(is_odd).tolist(), places, strict=True))
    found = [replace(one, place=placed.get(number)) for number, one in enumerate(found)]
    return tuple(sorted(found, key=lambda one: -one.count))


def _first_indices(
    ids: NDArray[np.unsignedinteger], is_wanted: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Return where each wanted id stands first, int64 [K], in the order of the ids."""
    first = np.full(len(is_wanted), len(ids))
    for start in range(0, len(ids), AT_ONCE):
        piece = ids[start : start + AT_ONCE]
        indices = np.flatnonzero(is_wanted[piece])
        np.minimum.at(first, piece[indices], indices + start)
    found: NDArray[np.int64] = first[is_wanted]
    return found


def _places(gathered: Gathered, indices: NDArray[np.int64]) -> list[Place]:
    """Return where in the sources some ids stand."""
    if not len(indices):
        return []
    points, which = np.unique(indices, return_inverse=True)
    origins = gathered.origins.moved(
        gathered.ids(),
        gathered.characters.find("\n"),
        np.stack([points, points + 1], axis=1),
        points,
        has_newlines=True,
    )
    pairs = zip(origins.files[which].tolist(), origins.numbers[which].tolist(), strict=True)
    return [
        Place(origins.names[file], number, origins.kinds[file] in NUMBERED)
        for file, number in pairs
    ]


def _mixed(gathered: Gathered) -> Iterator[tuple[str, int, int]]:
    """Yield each letter written in both ways, and how often in one and in two characters."""
    marks = [n for n, one in enumerate(gathered.characters) if unicodedata.combining(one)]
    if not marks:
        return
    ids, pairs = gathered.ids(), Counter[tuple[int, int]]()
    for start in range(0, len(ids), AT_ONCE):
        piece = ids[max(start - 1, 0) : start + AT_ONCE].astype(np.int64)
        places = np.flatnonzero(np.isin(piece[1:], marks))
        pairs.update(zip(piece[places].tolist(), piece[places + 1].tolist(), strict=True))
    for (letter, mark), count in pairs.most_common():
        written = gathered.characters[letter] + gathered.characters[mark]
        composed = unicodedata.normalize("NFC", written)
        whole = gathered.characters.find(composed) if len(composed) == 1 else -1
        if whole >= 0:
            yield composed, int(gathered.counts[whole]), count


def _leaked(lines: NDArray[np.int64], hashes: NDArray[np.uint64], split: Split) -> float:
    sizes = lines[:, 1] - lines[:, 0]
    # A line belongs to the part in which it begins.
    rank = np.searchsorted(split.validation.ravel(), lines[:, 0], side="right")
    is_held = rank % 2 == 1
    is_long = sizes >= LEAST_COPIED
    copied = np.isin(hashes, hashes[~is_held & is_long]) & is_held & is_long
    return float(sizes[copied].sum() / max(sizes[is_held].sum(), 1))


def _scripts(gathered: Gathered) -> Iterator[tuple[str, float]]:
    counts = Counter[str]()
    for character, count in zip(gathered.characters, gathered.counts.tolist(), strict=True):
        if character.isalpha():
            counts[unicodedata.name(character, "UNNAMED").split()[0].capitalize()] += count
    total = sum(counts.values())
    for script, count in counts.most_common():
        yield script, count / total
