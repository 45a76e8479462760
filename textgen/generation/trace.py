"""Where a text stands in the training text of a run: did the network copy it?"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.formats.decoding import normalized
from textgen.data.origins import Origins, Place
from textgen.data.sorted_entries import Ids
from textgen.data.text_index import Matches, TextIndex
from textgen.data.vocabulary import UNKNOWN_ID
from textgen.errors import UsageError
from textgen.runs.checkpoint import ModelConfig
from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.runs.trace_index import open_index
from textgen.settings import TRACE_LEAST_OF_ALL, TRACE_MOST_OF_ALL, check_number


@dataclass(frozen=True)
class Stretch:
    """A stretch of a text that stands in the training text.

    Attributes:
        begin: index of its first character in the text.
        end: index after its last character.
        places: number of places where it stands.
        is_longest: whether it is not longer at another place, and all places are counted. Of a
            passage that stands very often in the training text, not all places are looked at.
        first: place of its first character, where it stands first.
        last: place of its last character there.
    """

    begin: int
    end: int
    places: int
    is_longest: bool
    first: Place
    last: Place

    def __len__(self) -> int:
        """Return the number of characters."""
        return self.end - self.begin


@dataclass(frozen=True)
class Trace:
    """The stretches of a text that stand in the training text.

    Attributes:
        text: the text as it was looked up.
        least: smallest number of characters of a stretch.
        stretches: for each character of the text that stands in such stretches the longest of them,
            in the order of the text. They may overlap.
        owners: for each character the number of its stretch in the list; -1 if it is in none.
        problem: why the index could not be kept for the next time; empty if it is kept.
    """

    text: str
    least: int
    stretches: tuple[Stretch, ...]
    owners: NDArray[np.int64]
    problem: str = ""

    @property
    def copied(self) -> int:
        """Number of characters that stand in a stretch."""
        return int((self.owners >= 0).sum())

    @property
    def share(self) -> float:
        """Share of the characters that stand in a stretch; 0 for an empty text."""
        return self.copied / max(len(self.text), 1)

    @property
    def longest(self) -> int:
        """Number of characters of the longest stretch; 0 if there is none."""
        return max(map(len, self.stretches), default=0)

    def to_json(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it."""
        return {
            "characters": len(self.text),
            "least": self.least,
            "copied": self.copied,
            "share": self.share,
            "longest": self.longest,
            "stretches": [
                {
                    "begin": one.begin,
                    "end": one.end,
                    "characters": len(one),
                    "text": self.text[one.begin : one.end],
                    "file": one.first.file,
                    **_numbers(one),
                    "places": one.places,
                    "is_longest": one.is_longest,
                }
                for one in self.stretches
            ],
        }


def _numbers(stretch: Stretch) -> dict[str, Any]:
    """Return the lines, or the records, of a stretch, and another file in which it ends."""
    what = "record" if stretch.first.is_record else "line"
    numbers: dict[str, Any] = {what: stretch.first.number, f"last_{what}": stretch.last.number}
    if stretch.last.file != stretch.first.file:
        numbers["last_file"] = stretch.last.file
    return numbers


class Tracer:
    """Looks texts up in the training text of a run."""

    def __init__(
        self,
        ids: Ids,
        index: TextIndex,
        config: ModelConfig,
        origins: Origins,
        problem: str = "",
    ) -> None:
        """Put together what is needed.

        Args:
            ids: the training text.
            index: its index.
            config: the vocabulary, and the normal form of the text.
            origins: where the training text comes from.
            problem: why the index could not be kept; empty if it is kept.
        """
        self._ids, self._index, self._config = ids, index, config
        self._origins, self._problem = origins, problem
        vocabulary = config.vocabulary
        ends = (vocabulary.characters.find("\n") + 1, vocabulary.end_id)
        self._breaks = [one for one in ends if one]

    def trace(self, text: str, least: int) -> Trace:
        """Find the stretches of a text that stand in the training text.

        Args:
            text: any text; it is brought into the normal form of the training text first. A
                character that the vocabulary does not have is part of no stretch.
            least: smallest number of characters of a stretch.
        """
        text = normalized(text, self._config.normalization)
        query = self._config.vocabulary.encode(text, "replace").astype(np.int64)
        query[query == UNKNOWN_ID] = -1
        matches = self._index.find(query, least)
        chosen, owners = longest_of_each(matches, len(text))
        stretches = [self._stretch(matches, group) for group in chosen]
        return Trace(text, least, tuple(stretches), owners, self._problem)

    def _stretch(self, matches: Matches, group: slice) -> Stretch:
        begin, end = int(matches.begins[group.start]), int(matches.ends[group.start])
        position = int(matches.positions[group.start])
        first, last = self._origins.places(
            self._ids, self._breaks, position, position + end - begin
        )
        is_longest = not matches.is_frequent[begin:end].any()
        return Stretch(begin, end, group.stop - group.start, is_longest, first, last)


def longest_of_each(matches: Matches, length: int) -> tuple[list[slice], NDArray[np.int64]]:
    """Return the longest stretch that covers each character of a text; the first of equal ones.

    Args:
        matches: the stretches, by begin; equal ones follow each other.
        length: length of the text.

    Returns:
        Which matches are each of the stretches that are the longest somewhere; and for each
        character the number of its stretch, int64 [length], with -1 for none.
    """
    begins, ends = matches.begins, matches.ends
    is_new = np.append(True, (begins[1:] != begins[:-1]) | (ends[1:] != ends[:-1]))[: len(begins)]
    firsts = np.flatnonzero(is_new)
    owners = np.full(length, -1, np.int64)
    # Shorter ones are painted over by longer ones, and later ones by earlier ones.
    sizes = (ends - begins)[firsts]
    for number in np.lexsort((-begins[firsts], sizes)).tolist():
        owners[begins[firsts[number]] : ends[firsts[number]]] = number
    kept, numbers = np.unique(owners, return_inverse=True)
    has_none = int(len(kept) > 0 and kept[0] < 0)
    stops = np.append(firsts[1:], len(begins))
    groups = [slice(int(firsts[one]), int(stops[one])) for one in kept[has_none:].tolist()]
    return groups, numbers - has_none


def check_least(least: int) -> None:
    """Check the smallest number of characters of a stretch.

    Raises:
        SettingError: if it is out of range.
    """
    check_number("least", least, TRACE_LEAST_OF_ALL, TRACE_MOST_OF_ALL, whole=True)


def open_tracer(run: Run, least: int) -> Generator[float, None, Tracer]:
    """Open the training text of a run and its index, which is made and kept at the first use.

    Args:
        run: the run.
        least: smallest number of characters of the stretches that are to be found.

    Yields:
        The share of the index that is made, in [0, 1], if it has to be made.

    Raises:
        SettingError: if `least` is out of range.
        UsageError: if the run has not kept its training text.
        DamagedError: if a file of the run is damaged.
    """
    check_least(least)
    record = run.record()
    corpus = record.corpus
    if not corpus.kept:
        raise UsageError(
            f"the run {run.name!r} has not kept its training text, in which to look; train without "
            "--no-keep-corpus"
        )
    training, _, old = corpus.parts(run.open_tokens(record))
    parts = [np.asarray(training)]
    if old is not None:
        # An id that is part of no stretch keeps the two texts apart.
        parts += [np.array([UNKNOWN_ID], training.dtype), np.asarray(old)]
    ids = np.concatenate(parts) if old is not None else parts[0]
    index, problem = yield from open_index(run.path, ids, corpus.tokens_sha256, least)
    return Tracer(ids, index, record.config, _origins_of(run, record), problem)


def _origins_of(run: Run, record: RunRecord) -> Origins:
    """Return where the training text comes from, and the old text after it if there is one."""
    found = run.origins(record)
    if found is None:
        found = _one_text("the training text", 0)
    if record.corpus.old_ids:
        name = f"the text of the run {record.ancestry[-1].name!r}"
        found = found.followed_by(_one_text(name, record.corpus.training_ids + 1))
    return found


def _one_text(name: str, begin: int) -> Origins:
    zero = np.zeros(1, np.int64)
    return Origins((name,), ("text",), zero + begin, zero, zero + 1)
