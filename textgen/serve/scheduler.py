"""The scheduler: one thread that writes all texts that are ordered of the served models."""

import threading
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from math import ceil

from textgen.errors import ClosingError, QueueFullError, UsageError
from textgen.generation.model import Model
from textgen.serve.figures import Counts, Figures
from textgen.serve.loops import ROWS, Loops
from textgen.serve.order import Order
from textgen.serve.rounds import Rounds
from textgen.serve.served_model import ServedModel
from textgen.serve.text import Deliver, Text

# Seconds between two looks for a better checkpoint.
FOLLOW_SECONDS = 2.0
# Number of loops that are compiled at the same time.
COMPILERS = 2
# Longest time that the thread sleeps while it waits for a compiler.
NAP_SECONDS = 0.02
# Longest time after which a client is told to try again, in seconds.
LONGEST_RETRY = 60


class Ticket:
    """A text that was ordered."""

    def __init__(self) -> None:
        """Begin before the text is prepared."""
        self.text: Text | None = None
        self.is_cancelled = False

    def cancel(self) -> None:
        """End the text; it frees its place before the next piece, and is delivered as `cut`."""
        self.is_cancelled = True
        if self.text is not None:
            self.text.is_cancelled = True


class Scheduler:
    """Writes the texts that are ordered of some models; those that run share compiled loops.

    Prepare JAX (`textgen.runtime.environment.prepare_jax`) before this module is imported.

    Attributes:
        models: the served models by id.
    """

    def __init__(
        self,
        models: Sequence[Model],
        *,
        sessions: int = 64,
        max_running: int = 256,
        max_waiting: int = 1024,
        follow: bool = False,
    ) -> None:
        """Prepare to serve models.

        Args:
            models: the models; the names of their runs are their ids.
            sessions: number of states that are kept, by what was read and written before them.
            max_running: largest number of texts that are written at the same time, in [1, 256].
            max_waiting: largest number of texts that wait for a place.
            follow: whether a new best checkpoint of a run is served as soon as it is there.

        Raises:
            UsageError: if two runs have the same name, or one reads in both directions.
        """
        self.models = {model.name: ServedModel(model) for model in models}
        if len(self.models) < len(models):
            names = [model.name for model in models]
            twice = next(name for name in names if names.count(name) > 1)
            raise UsageError(f"two runs have the name {twice!r}; rename one of them")
        for model in self.models.values():
            if model.settings.direction != "forward":
                raise UsageError(
                    f"the run {model.name!r} reads in both directions and cannot write after a "
                    "prompt; serve one that was trained without --direction both"
                )
        self._max_running, self._max_waiting = min(max_running, ROWS[-1]), max_waiting
        self._counts = Counts()
        self._compiler = ThreadPoolExecutor(COMPILERS, "compiler")
        self._preparer = ThreadPoolExecutor(1, "preparer")
        self._changed = threading.Condition()
        self._loops = Loops(self._compiler, self._wake)
        self._rounds = Rounds(self._loops, sessions, self._counts)
        self._waiting: deque[Text] = deque()
        self._preparing = 0
        self._deadline: float | None = None
        self._has_ended = False
        self._follows, self._is_closing = follow, threading.Event()
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._follower = threading.Thread(target=self._follow, name="follower", daemon=True)

    def start(self) -> None:
        """Compile what is used most and start the thread; return when texts can be written."""
        wait([each for model in self.models.values() for each in self._rounds.prepare(model, [1])])
        sizes = [rows for rows in ROWS[1:] if rows < 4 * self._max_running]
        for model in self.models.values():
            self._rounds.prepare(model, sizes)
        self._thread.start()
        if self._follows:
            self._follower.start()

    def submit(self, order: Order, deliver: Deliver) -> Ticket:
        """Order a text. This can be called from any thread and returns at once.

        Args:
            order: what to write.
            deliver: is called on a thread of the scheduler with each part of the text. Its last
                call has a part that says why the text ends, or an exception.

        Raises:
            QueueFullError: if too many texts wait.
            ClosingError: if the scheduler is about to end.
            UsageError: if the order cannot be written.
        """
        model = self.models.get(order.model)
        if model is None:
            raise UsageError(
                f"no model {order.model!r} is served; there is {', '.join(map(repr, self.models))}"
            )
        order.check(len(model.vocabulary))
        self._check_room()
        weights, ticket = model.weights(order.labels), Ticket()

        def prepare() -> None:
            sampler = model.sampler(order.settings)
            text = Text(order, deliver, weights, sampler, model.start)
            with self._changed:
                if self._has_ended:
                    raise ClosingError
                ticket.text, text.is_cancelled = text, ticket.is_cancelled
                self._waiting.append(text)
                self._changed.notify()

        def prepare_slowly() -> None:
            try:
                prepare()
            except Exception as error:
                with suppress(Exception):
                    deliver(error)
            finally:
                with self._changed:
                    self._preparing -= 1

        if model.is_prepared(order.settings):
            prepare()
        else:  # a list of words, or a table of the training text, may take seconds
            with self._changed:
                self._preparing += 1
            self._preparer.submit(prepare_slowly)
        return ticket

    def close(self, seconds: float) -> None:
        """Take no more orders, finish texts for this many seconds, cut the rest, and end."""
        self._is_closing.set()
        with self._changed:
            self._deadline = time.monotonic() + seconds
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join()
        for executor in (self._preparer, self._compiler):
            executor.shutdown(cancel_futures=True)  # what is being compiled now is waited for

    @property
    def is_compiling(self) -> bool:
        """Whether loops are being compiled in the background; texts are written meanwhile."""
        return self._loops.is_compiling

    def figures(self) -> Figures:
        """Return what was done since the start."""
        running, waiting = self._rounds.places, len(self._waiting) + self._preparing
        return self._counts.figures(running, waiting, len(self._rounds.kept))

    def _check_room(self) -> None:
        """Check that one more text can run or wait."""
        if self._is_closing.is_set():
            raise ClosingError
        waiting = len(self._waiting) + self._preparing
        if waiting + self._rounds.places >= self._max_running + self._max_waiting:
            seconds = self._counts.text_seconds * (waiting + 1) / self._max_running
            raise QueueFullError(waiting, min(max(ceil(seconds), 1), LONGEST_RETRY))

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify()

    def _run(self) -> None:
        """Work until the scheduler is closed, and cut what is left then."""
        try:
            self._work()
        finally:
            with self._changed:
                self._has_ended = True
            self._rounds.cut_all(self._waiting)
            self._waiting.clear()

    def _work(self) -> None:
        """Do round after round until the scheduler is closed."""
        rounds, is_working = self._rounds, True
        while True:
            with self._changed:
                has_work = bool(self._waiting or rounds.running)
                if not has_work:
                    if self._deadline is not None and not self._preparing:
                        return
                    self._changed.wait(NAP_SECONDS if self._deadline is not None else None)
                elif not is_working:
                    self._changed.wait(NAP_SECONDS)
                admitted = self._admitted()
            is_working = bool(admitted)
            for text in admitted:
                rounds.add(text)
            if self._deadline is not None and time.monotonic() > self._deadline:
                return
            is_working |= rounds.step()

    def _admitted(self) -> list[Text]:
        """Take texts from those that wait, as many as can run besides those that do."""
        admitted = [text for text in self._waiting if text.is_cancelled]  # they end at once
        for text in admitted:
            self._waiting.remove(text)
        while self._waiting and len(self._rounds.running) + len(admitted) < self._max_running:
            admitted.append(self._waiting.popleft())
        return admitted

    def _follow(self) -> None:
        """Take up better checkpoints until the scheduler is closed."""
        while not self._is_closing.wait(FOLLOW_SECONDS):
            for model in self.models.values():
                with suppress(Exception):  # the next look may succeed; texts go on from memory
                    model.follow()
