"""A client of a scheduler: it orders texts and collects their parts."""

import threading
from typing import Any

from textgen.generation.generator import Generator, Sample
from textgen.generation.model import Model
from textgen.serve.order import Order, Part
from textgen.serve.scheduler import Scheduler
from textgen.settings import SamplingSettings

# Longest time that a test waits for a text, in seconds.
PATIENCE = 60


class Answer:
    """A text that was ordered, and the parts of it that came so far."""

    def __init__(self, scheduler: Scheduler, **order: Any) -> None:
        self.parts: list[Part] = []
        self.error: Exception | None = None
        self._begun, self._ended = threading.Event(), threading.Event()
        order.setdefault("model", next(iter(scheduler.models)))
        if isinstance(order.get("prompt", ""), str):
            model = scheduler.models[order["model"]]
            order["prompt"] = model.encode(order.get("prompt", ""), "error")
        self.ticket = scheduler.submit(Order(**order), self._take)

    def _take(self, part: Part | Exception) -> None:
        if isinstance(part, Exception):
            self.error = part
            self._ended.set()
            return
        self.parts.append(part)
        self._begun.set()
        if part.finish is not None:
            self._ended.set()

    @property
    def is_over(self) -> bool:
        return self._ended.is_set()

    def begun(self) -> "Answer":
        """Wait for the first part."""
        assert self._begun.wait(PATIENCE)
        return self

    def whole(self) -> "Answer":
        """Wait for the end."""
        assert self._ended.wait(PATIENCE)
        if self.error is not None:
            raise self.error
        return self

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.whole().parts)

    @property
    def finish(self) -> str | None:
        return self.whole().parts[-1].finish

    @property
    def likely(self) -> list[Any]:
        return [place for part in self.whole().parts for place in part.likely]


def session(model: Model, prompt: str, **options: Any) -> Generator:
    """Return a session that has read a prompt with NumPy."""
    generator = model.generator(**({"seed": 0} | options))
    generator.feed(prompt)
    return generator


def sample(
    model: Model, prompt: str, length: int, settings: SamplingSettings, **options: Any
) -> Sample:
    """Return what `textgen sample` writes, with NumPy."""
    return session(model, prompt, **options).generate(length, settings)
