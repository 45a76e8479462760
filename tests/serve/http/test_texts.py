"""Texts while they are written: a slow reader gets what has piled up at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from textgen.data.vocabulary import Vocabulary
from textgen.serve.http.asked import Asked
from textgen.serve.http.characters import Read
from textgen.serve.http.job import Job
from textgen.serve.http.texts import LONGEST_SENDING_SECONDS, Pace, Texts
from textgen.serve.order import Part

MODEL: Any = SimpleNamespace(name="made-up", vocabulary=Vocabulary("abc"))
READ = Read(np.array([1, 2], np.int32), has_boundary=False)


class Script:
    """Stands for a scheduler: what it delivers is told by the test."""

    def __init__(self) -> None:
        self.deliver, self.cancelled = list[Any](), list[int]()

    def submit(self, order: object, deliver: object) -> object:
        number = len(self.deliver)
        self.deliver.append(deliver)
        return SimpleNamespace(cancel=lambda: self.cancelled.append(number))


def make(script: Any, count: int = 1, seconds: float = 10, *, pace: Pace | None = None) -> Texts:
    asked = Asked(count=count, drawn=count)
    job = Job(asked=asked, model=MODEL, reads=(READ,), labels={}, replaced={})
    return Texts(job, script, seconds, pace)


def test_parts_that_have_piled_up_are_one_piece_of_news() -> None:
    async def read() -> list[str]:
        script, found = Script(), list[str]()
        texts = make(script, pace=Pace())
        for _ in range(1000):
            script.deliver[0](Part("ab"))
        script.deliver[0](Part("c", finish="length"))
        async for _, news in texts.news():
            found.append(news.text)
        return found

    assert asyncio.run(read()) == ["ab" * 1000 + "c"]


def test_texts_are_cut_when_the_time_is_over_and_keep_what_was_written() -> None:
    async def read() -> tuple[list[tuple[str, str | None]], list[int]]:
        script = Script()
        texts = make(script, 2, 0.05)
        script.deliver[0](Part("ab", finish="stop"))
        script.deliver[1](Part("c"))
        found = [(news.text, choice.reason) async for choice, news in texts.news()]
        texts.close()
        return found, script.cancelled

    found, cancelled = asyncio.run(read())
    assert found == [("ab", "stop"), ("c", "cut")]
    assert cancelled == [1]


def test_an_error_of_one_text_is_raised() -> None:
    async def read() -> None:
        script = Script()
        texts = make(script, 2)
        script.deliver[1](ValueError("no"))
        async for _ in texts.news():
            pass

    with pytest.raises(ValueError, match=r"^no$"):
        asyncio.run(read())


def test_the_characters_that_were_known_are_counted() -> None:
    async def read() -> Any:
        script = Script()
        texts = make(script, 2)
        script.deliver[0](Part("ab", finish="length", read=1))
        script.deliver[1](Part("c", finish="length", read=0))
        async for _ in texts.news():
            pass
        return texts.usage()

    assert asyncio.run(read()) == {
        "prompt_tokens": 2,
        "completion_tokens": 3,
        "total_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


def test_parts_are_sent_less_often_the_more_texts_there_are() -> None:
    async def read() -> list[float]:
        pace, script = Pace(), Script()
        alone = pace.seconds
        texts = [make(script, 30, pace=pace) for _ in range(3)]
        together = pace.seconds
        for one in texts:
            one.close()
            one.close()
        return [alone, together, pace.seconds]

    alone, together, after = asyncio.run(read())
    assert (alone, together, after) == (0.02, pytest.approx(0.11), 0.02)
    pace = Pace()
    pace.texts = 10**6
    assert pace.seconds == LONGEST_SENDING_SECONDS
