"""What a scheduler has done: the figures that a server reports."""

from collections.abc import Mapping
from typing import NamedTuple


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
