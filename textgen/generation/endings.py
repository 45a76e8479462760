"""Where a text ends before its length: at given texts, after lines, after sentences."""

from typing import Literal

from textgen.settings import SamplingSettings

FinishReason = Literal["length", "stop", "lines", "sentences", "stuck"]

# A sentence ends behind these and what closes after them, if white space follows; behind those of
# East Asia whatever follows. The dot of an abbreviation is taken for the end of a sentence.
TERMINATORS = ".!?\u2026"
WIDE_TERMINATORS = "\u3002\uff01\uff1f"
CLOSING = "\"')]}\u2019\u201d\u00bb\u300d\u300f\uff09*_"


class EndFinder:
    """Follows a text as it is written; what may yet turn out to be a stop text is held back.

    Of several ends it takes the one that shows first, character by character, so that a text ends
    at the same place however it is cut into pieces.
    """

    def __init__(self, settings: SamplingSettings, *, is_mid_line: bool = False) -> None:
        """Begin before any text.

        Args:
            settings: where to end.
            is_mid_line: whether the text goes on in a line begun before, which is none of those
                that `starts` asks for.
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
            What may be shown of it and of what was held back before; and why it ends there, or
            None if it goes on. What follows an end, the stop text included, is dropped.
        """
        at, pending = len(self._held), self._held + text
        # Where each end shows, and where the text then ends.
        ends: list[tuple[int, int, FinishReason]] = []
        for stop in self._settings.stop:
            place = pending.find(stop)
            if place >= 0:
                ends.append((place + len(stop), place, "stop"))
        if self._last_line or self._settings.sentences:
            ends += self._counted_ends(pending, at)
        if ends:
            _, place, reason = min(ends)
            self._held = ""
            return pending[:place], reason
        held = max((_begun(pending, stop) for stop in self._settings.stop), default=0)
        self._held = pending[len(pending) - held :]
        return pending[: len(pending) - held], None

    def rest(self) -> str:
        """Return what is held back, now that no more text comes."""
        held, self._held = self._held, ""
        return held

    def _counted_ends(self, text: str, begin: int) -> list[tuple[int, int, FinishReason]]:
        for place in range(begin, len(text)):
            character = text[place]
            if self._is_closed and character not in CLOSING + TERMINATORS + WIDE_TERMINATORS:
                self._is_closed = False
                self._sentences += character.isspace() or self._is_wide
                if 0 < self._settings.sentences <= self._sentences:
                    return [(place + 1, place, "sentences")]
            if character in TERMINATORS or character in WIDE_TERMINATORS:
                self._is_closed, self._is_wide = True, character in WIDE_TERMINATORS
            if character == "\n":
                self._lines += 1
                if 0 < self._last_line <= self._lines:
                    return [(place + 1, place, "lines")]
        return []


def _begun(text: str, stop: str) -> int:
    """Return how many of the last characters of a text are the first of a stop text."""
    lengths = range(min(len(stop) - 1, len(text)), 0, -1)
    return next((length for length in lengths if text.endswith(stop[:length])), 0)
