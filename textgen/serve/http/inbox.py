"""What is written for a request, handed from the thread that writes to the event loop."""

import asyncio
import threading
from collections.abc import Callable
from typing import NamedTuple

from textgen.serve.order import Part


class Arrival(NamedTuple):
    """A part of one of the texts of a request, or why it cannot be written."""

    number: int
    part: Part | Exception

    @property
    def is_last(self) -> bool:
        """Whether nothing more comes of the text."""
        return isinstance(self.part, Exception) or self.part.finish is not None


class Inbox:
    """The parts of the texts of one request, in the order in which they were written.

    A client that reads slowly takes many parts at once. What waits for it is at most its texts.
    """

    def __init__(self, count: int, *, is_eager: bool) -> None:
        """Wait for some texts; call this in the event loop.

        Args:
            count: number of texts.
            is_eager: whether each part is wanted at once. Otherwise the event loop is woken when
                all texts are complete.
        """
        self._loop, self._ready = asyncio.get_running_loop(), asyncio.Event()
        self._lock = threading.Lock()
        self._arrived = list[Arrival]()
        self._open, self._is_eager, self._is_woken = count, is_eager, False

    def slot(self, index: int) -> Callable[[Part | Exception], None]:
        """Return the function that takes the parts of a text, in any thread."""

        def deliver(part: Part | Exception) -> None:
            self._put(Arrival(index, part))

        return deliver

    def _put(self, arrival: Arrival) -> None:
        is_error = isinstance(arrival.part, Exception)
        with self._lock:
            self._arrived.append(arrival)
            self._open -= arrival.is_last
            wakes = self._is_eager or is_error or self._open <= 0
            wakes, self._is_woken = wakes and not self._is_woken, wakes or self._is_woken
        if wakes and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._ready.set)

    async def take(self) -> list[Arrival]:
        """Wait for parts and return all that have arrived."""
        await self._ready.wait()
        return self.taken()

    def taken(self) -> list[Arrival]:
        """Return all parts that have arrived, without waiting for one."""
        self._ready.clear()
        with self._lock:
            arrived, self._arrived, self._is_woken = self._arrived, [], False
        return arrived
