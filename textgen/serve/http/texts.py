"""The texts of one request while they are written."""

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from textgen.serve.http.choice import Choice, News
from textgen.serve.http.inbox import Arrival, Inbox
from textgen.serve.http.job import Job
from textgen.serve.order import Part

if TYPE_CHECKING:  # it imports JAX
    from textgen.serve.scheduler import Scheduler, Ticket

# Seconds between two parts of a text that is sent while it is written; shorter parts are joined.
# For each text that is sent at the same time it is longer, up to a limit, since each part costs the
# time in which others could be written.
SENDING_SECONDS, SENDING_SECONDS_EACH, LONGEST_SENDING_SECONDS = 0.02, 0.001, 0.25


class Pace:
    """How often parts of texts are sent: the more texts there are, the less often.

    Attributes:
        texts: number of texts that are sent while they are written.
    """

    def __init__(self) -> None:
        self.texts = 0

    @property
    def seconds(self) -> float:
        """Seconds between two parts of a text."""
        return min(SENDING_SECONDS + self.texts * SENDING_SECONDS_EACH, LONGEST_SENDING_SECONDS)


class Texts:
    """The texts of one request while they are written. Whoever makes it also ends it with `close`.

    Attributes:
        choices: the texts.
    """

    def __init__(
        self, job: Job, scheduler: "Scheduler", seconds: float, pace: Pace | None = None
    ) -> None:
        """Order the texts; call this in the event loop.

        Args:
            job: the request.
            scheduler: what writes.
            seconds: time after which the texts are cut.
            pace: how often parts of a text are sent; None if only whole texts are.

        Raises:
            TextgenError: if one of them cannot be ordered; none of them is written then.
        """
        asked, self._job, self._pace = job.asked, job, pace
        self._end = asyncio.get_running_loop().time() + seconds
        self._inbox = Inbox(job.count, is_eager=pace is not None)
        self._open = set(range(job.count))
        self.choices = [
            Choice(
                index,
                job.model.vocabulary,
                job.read_of(index),
                echoes=asked.echoes,
                is_scored=asked.top is not None,
            )
            for index in range(job.count)
        ]
        self._tickets = list["Ticket"]()
        self._sent = job.count if pace is not None else 0
        if pace is not None:
            pace.texts += self._sent
        try:
            for index, order in enumerate(job.orders()):
                self._tickets.append(scheduler.submit(order, self._inbox.slot(index)))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End what is still written, so that it frees its places."""
        for index, ticket in enumerate(self._tickets):
            if index in self._open:
                ticket.cancel()
        if self._pace is not None:
            self._pace.texts -= self._sent
            self._sent = 0

    async def news(self) -> AsyncIterator[tuple[Choice, News]]:
        """Yield what is new of the texts, until all of them have ended or the time is over.

        Raises:
            Exception: what prevents a text from being written.
        """
        loop = asyncio.get_running_loop()
        while self._open:
            try:
                async with asyncio.timeout_at(self._end):
                    arrived = await self._inbox.take()
            except TimeoutError:
                arrived = self._inbox.taken()
                self._open -= {arrival.number for arrival in arrived if arrival.is_last}
                self.close()
                late = Part("", finish="cut")
                arrived += [Arrival(index, late) for index in sorted(self._open)]
            sent = loop.time()
            for index, parts in _by_text(arrived).items():
                if parts[-1].finish is not None:
                    self._open.discard(index)
                choice = self.choices[index]
                yield choice, choice.take(parts)
            if self._open and self._pace is not None:
                await asyncio.sleep(sent + self._pace.seconds - loop.time())

    def usage(self) -> dict[str, object]:
        """Return the numbers of characters as clients count tokens."""
        drawn, reads = self._job.asked.drawn, self._job.reads
        read = sum(len(one.tokens) + one.has_boundary for one in reads)
        anew = sum(
            max(choice.read for choice in self.choices[begin : begin + drawn])
            for begin in range(0, len(self.choices), drawn)
        )
        written = sum(choice.written for choice in self.choices)
        return {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
            "prompt_tokens_details": {"cached_tokens": max(0, read - anew)},
        }


def _by_text(arrived: list[Arrival]) -> dict[int, list[Part]]:
    """Return the parts by text.

    Raises:
        Exception: the first one among them.
    """
    parts = dict[int, list[Part]]()
    for index, part in arrived:
        if isinstance(part, Exception):
            raise part
        already = parts.setdefault(index, [])
        if not already or already[-1].finish is None:
            already.append(part)
    return parts
