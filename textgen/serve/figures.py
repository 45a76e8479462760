"""What a scheduler has done: the figures that a server reports."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

# Limits in seconds of the time to the first part of a text, for which texts are counted.
FIRST_LIMITS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))

# Share of the last text in the average time of a text.
MEMORY = 0.05


class Figures(NamedTuple):
    """What a scheduler has done since its start, and what it does now.

    Attributes:
        running: texts that are read or written now.
        waiting: texts that wait for a place now.
        written: characters written.
        read: characters of prompts read, without those that were known from a kept state.
        kept: states that are kept now.
        hits: texts that began from a kept state.
        finished: number of texts that have ended by the reason; `error` for those that failed.
        first_seconds: for each limit in seconds the number of texts whose first part was delivered
            within it; `inf` counts all of them.
        first_seconds_sum: seconds until the first part, all texts together.
    """

    running: int
    waiting: int
    written: int
    read: int
    kept: int
    hits: int
    finished: Mapping[str, int]
    first_seconds: Mapping[float, int]
    first_seconds_sum: float


class Counts:
    """What is counted while a scheduler works.

    Attributes:
        written: characters written.
        read: characters of prompts read.
        hits: texts that began from a kept state.
        finished: number of texts by the reason why they ended.
        first_seconds: for each limit the number of texts that had their first part within it.
        first_seconds_sum: seconds until the first part, all texts together.
        text_seconds: average time of the last texts from their order to their end.
    """

    def __init__(self) -> None:
        """Begin with zeros."""
        self.text_seconds = 1.0
        self.written = self.read = self.hits = 0
        self.finished: Counter[str] = Counter()
        self.first_seconds = dict.fromkeys(FIRST_LIMITS, 0)
        self.first_seconds_sum = 0.0

    def first_part(self, seconds: float) -> None:
        """Count the first part of a text."""
        self.first_seconds_sum += seconds
        for limit in FIRST_LIMITS:
            self.first_seconds[limit] += seconds <= limit

    def ended(self, reason: str, seconds: float) -> None:
        """Count the end of a text that took some seconds."""
        self.finished[reason] += 1
        self.text_seconds += MEMORY * (seconds - self.text_seconds)

    def figures(self, running: int, waiting: int, kept: int) -> Figures:
        """Return the figures."""
        return Figures(
            running,
            waiting,
            self.written,
            self.read,
            kept,
            self.hits,
            dict(self.finished),
            dict(self.first_seconds),
            self.first_seconds_sum,
        )
