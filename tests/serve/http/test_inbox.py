"""Parts come from another thread, in their order, and wake whoever waits as rarely as possible."""

import asyncio
import threading

from textgen.serve.http.inbox import Inbox
from textgen.serve.order import Part


def test_parts_of_all_threads_arrive_in_their_order() -> None:
    count, texts = 200, 4

    async def read() -> dict[int, list[str]]:
        inbox = Inbox(texts, is_eager=True)

        def write(number: int) -> None:
            deliver = inbox.slot(number)
            for part in range(count):
                deliver(Part(str(part), finish="length" if part == count - 1 else None))

        threads = [threading.Thread(target=write, args=[number]) for number in range(texts)]
        for thread in threads:
            thread.start()
        found: dict[int, list[str]] = {number: [] for number in range(texts)}
        while sum(map(len, found.values())) < count * texts:
            for number, part in await inbox.take():
                assert isinstance(part, Part)
                found[number].append(part.text)
        for thread in threads:
            thread.join()
        return found

    expected = [*map(str, range(count))]
    assert asyncio.run(read()) == dict.fromkeys(range(texts), expected)


def test_whole_texts_wake_the_loop_once_they_are_all_there() -> None:
    async def read() -> int:
        inbox = Inbox(2, is_eager=False)
        taking = asyncio.create_task(inbox.take())
        for number in (0, 1):
            deliver = inbox.slot(number)
            await asyncio.sleep(0)
            deliver(Part("a"))
            deliver(Part("b", finish="length"))
            await asyncio.sleep(0.01)
            assert taking.done() == (number == 1)
        return len(await taking)

    assert asyncio.run(read()) == 4


def test_an_error_is_told_at_once() -> None:
    async def read() -> object:
        inbox = Inbox(2, is_eager=False)
        inbox.slot(1)(ValueError("no"))
        ((_, found),) = await inbox.take()
        return found

    assert isinstance(asyncio.run(read()), ValueError)
