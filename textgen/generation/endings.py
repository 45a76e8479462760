"""Where a text ends before its length: before a stop text, after lines, after sentences.

Where the network was trained on documents, it also writes the end of a text itself.
"""

from typing import Literal

from textgen.settings import SamplingSettings

FinishReason = Literal["length", "end", "stop", "lines", "sentences", "stuck"]

# A sentence ends after one of these and any closing characters, if white space follows. The period
# of an abbreviation therefore counts as the end of a sentence.
TERMINATORS = ".!?\u2026"
# A sentence ends after one of these East Asian characters, whatever follows.
WIDE_TERMINATORS = "\u3002\uff01\uff1f"
# Quotes and brackets that still belong to the sentence before them.
CLOSING = "\"')]}\u2019\u201d\u00bb\u300d\u300f\uff09*_"


class EndFinder:
    """Finds the end of a text while it is written.

    Characters that may be the beginning of a stop text are held back until that is known. If a text
    has several ends, the one that is known first counts. A text therefore ends at the same
    character however it is cut into pieces.
    """

    def __init__(self, settings: SamplingSettings, *, is_mid_line: bool = False) -> None:
        """Begin before any text.

        Args:
            settings: where to end.
            is_mid_line: whether the text first completes a line that began before. This line is not
                one of the lines of `starts`.
        """
        self._settings = settings
        starts = len(settings.starts)
        self._last_line = settings.lines or (starts + is_mid_line if starts else 0)
        self._held = ""
        self._lines = self._sentences = 0
        self._is_closed = self._is_wide = False

    def follow(self, text: str) -> tuple[str, FinishReason | None]:
        """Take more text.

        Args:
            text: the next characters.

        Returns:
            The characters that certainly belong to the text, including those held back before; and
            why the text ends after them, or None if it does not. The stop text and everything after
            an end are dropped.
        """
        at, pending = len(self._held), self._held + text
        # For each end: the index at which it is known, the index at which the text ends, and why.
        ends: list[tuple[int, int, FinishReason]] = []
        for stop in self._settings.stop:
            index = pending.find(stop)
            if index >= 0:
                ends.append((index + len(stop), index, "stop"))
        if self._last_line or self._settings.sentences:
            ends += self._counted_ends(pending, at)
        if ends:
            _, index, reason = min(ends)
            self._held = ""
            return pending[:index], reason
        held = max((_begun(pending, stop) for stop in self._settings.stop), default=0)
        self._held = pending[len(pending) - held :]
        return pending[: len(pending) - held], None

    def rest(self) -> str:
        """Return the characters that are held back, when no more text comes."""
        held, self._held = self._held, ""
        return held

    def _counted_ends(self, text: str, begin: int) -> list[tuple[int, int, FinishReason]]:
        for index in range(begin, len(text)):
            character = text[index]
            if self._is_closed and character not in CLOSING + TERMINATORS + WIDE_TERMINATORS:
                self._is_closed = False
                self._sentences += character.isspace() or self._is_wide
                if 0 < self._settings.sentences <= self._sentences:
                    return [(index + 1, index, "sentences")]
            if character in TERMINATORS or character in WIDE_TERMINATORS:
                self._is_closed, self._is_wide = True, character in WIDE_TERMINATORS
            if character == "\n":
                self._lines += 1
                if 0 < self._last_line <= self._lines:
                    return [(index + 1, index, "lines")]
        return []


def _begun(text: str, stop: str) -> int:
    """Return how many characters at the end of a text are the beginning of a stop text."""
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)
