"""A scheduler that writes each text with a generator of its own."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from textgen.data.formats.decoding import normalized
from textgen.errors import QueueFullError
from textgen.generation.model import Model
from textgen.serve.figures import Figures
from textgen.serve.order import Likely, Order, Part
from textgen.serve.scheduler import Scheduler, Ticket
from textgen.serve.served_model import ServedModel


class PretendModel(ServedModel):
    def __init__(self, model: Model) -> None:
        self.model, self.name = model, model.name
        self.vocabulary, self.settings = model.config.vocabulary, model.config.settings
        self.created, self.labels, self.documents = 0, model.config.labels, "whole"

    @property
    def step(self) -> int:
        return self.model.step

    def encode(self, text, on_unknown):
        return self.vocabulary.encode(normalized(text, self.model.config.normalization), on_unknown)


class PretendTicket(Ticket):
    def __init__(self) -> None:
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class PretendScheduler(Scheduler):
    def __init__(self, models: Sequence[Model], *, max_waiting: int = 10**6, **_: object) -> None:
        self.models = {model.name: PretendModel(model) for model in models}
        self.running = 0
        self.finished: Counter[str] = Counter()
        self.max_waiting, self.closes = max_waiting, False
        self.written = 0

    def start(self) -> None:
        pass

    def submit(self, order: Order, deliver: Callable[[Part | Exception], None]) -> PretendTicket:
        ticket, model = PretendTicket(), self.models[order.model].model
        order.check(len(model.config.vocabulary))
        if self.running >= self.max_waiting:
            raise QueueFullError(self.running, 1)
        generator = model.labelled(order.labels).generator(seed=order.seed, sample=order.sample)
        generator.sampler(order.settings)
        self.running += 1

        def write() -> None:
            try:
                if not order.is_continued:
                    generator.read_start()
                prompt = self._likely(generator, order.prompt, order) if order.scores_prompt else ()
                if not order.scores_prompt:
                    generator.feed_tokens(order.prompt)
                read, finish = len(order.prompt), None
                shadow = generator.fork()
                for piece in generator.pieces(order.length, order.settings):
                    finish = "cut" if ticket.is_cancelled or self.closes else piece.finish
                    ids = model.config.vocabulary.encode(piece.text)
                    likely = self._likely(shadow, ids, order) if order.top is not None else ()
                    deliver(Part(piece.text, likely, prompt, finish, read))
                    self.written += len(piece.text)
                    prompt, read = (), 0
                    if finish:
                        break
                    time.sleep(0.001)
                if finish is None:
                    finish = "length"
                    deliver(Part("", (), prompt, finish, read))
                self.finished[finish] += 1
            except Exception as error:
                deliver(error)
            finally:
                self.running -= 1

        threading.Thread(target=write, daemon=True).start()
        return ticket

    def _likely(self, generator, tokens, order: Order) -> tuple[Likely, ...]:
        found = []
        for token in np.asarray(tokens).tolist():
            every = [
                float(-generator.fork().score_tokens(np.array([one], np.int32))[0] * np.log(2))
                for one in range(len(generator.vocabulary))
            ]
            best = np.argsort(-np.array(every))[: order.top].tolist()
            generator.feed_tokens(np.array([token], np.int32))
            found.append(Likely(token, every[token], tuple((one, every[one]) for one in best)))
        return tuple(found)

    def close(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while self.running and time.monotonic() < end:
            time.sleep(0.01)
        self.closes = True

    def figures(self) -> Figures:
        return Figures(self.running, 0, self.written, 0, 0, 0, self.finished, {float("inf"): 0}, 0)
