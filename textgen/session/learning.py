"""Learning of the network of a session, in the background between its turns.

What a turn has learnt is a function of the text that led to it and of a number of segments. So the
weights of any turn can be learnt again, and those of the last turns are kept in memory.
"""

import hashlib
import math
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END
from textgen.errors import RunError, TextgenError
from textgen.generation.generator import Generator
from textgen.generation.learning import Learnt, TextLearner
from textgen.runtime.environment import prepare_jax
from textgen.session.prefill import Work, typed_tokens
from textgen.session.turn_tree import Turn
from textgen.settings import LearningSettings, OnUnknown

# Time that a turn may spend on learning before it begins to write, in seconds.
BEFORE_WRITING = 0.15
# Most bytes of weights that are kept in memory.
MOST_BYTES = 200 * 2**20
# Seconds after which Python lets another thread go on while JAX is started. The network gives way
# at every matrix product, and would wait for the usual 5 milliseconds each time.
SWITCH_INTERVAL = 1e-4
# Seconds between two checks for Ctrl-C while JAX is started.
WAIT = 0.05

Tokens = NDArray[np.int32]


def lesson(generator: Generator, path: Sequence[Turn], *, is_kept: bool) -> Tokens:
    """Return the ids of the text that a session has learnt or will learn, int32 [N].

    Args:
        generator: generator of the model.
        path: turns that follow each other.
        is_kept: whether what was written in the last turn counts. It does as soon as another turn
            follows it.
    """
    vocabulary, parts = generator.vocabulary, [generator.start]
    for place, turn in enumerate(path, start=1):
        if turn.learns:
            parts.append(vocabulary.encode(turn.read, "replace"))
            if is_kept or place < len(path):
                parts.append(vocabulary.encode(turn.written, "replace"))
                if turn.finish == "end":
                    parts.append(vocabulary.encode_start(END))
    return np.concatenate(parts)


def lesson_with(generator: Generator, parent: Turn, text: str, rule: OnUnknown) -> Tokens:
    """Return the ids of `lesson` with what the model reads of a text that is typed after a turn.

    Raises:
        UnknownCharacterError: if a character is unknown and the rule is `error`.
    """
    typed = generator.vocabulary.decode(typed_tokens(generator, parent, text, rule))
    before = lesson(generator, parent.path(), is_kept=True)
    return np.concatenate([before, generator.vocabulary.encode(typed, "replace")])


class Weights:
    """What was learnt of the beginnings of texts, the last ones in bounded memory.

    Attributes:
        dropped: number of sets of weights that were dropped for lack of room. They can be learnt
            again.
    """

    def __init__(self, trained: Learnt, segment: int, most_bytes: int = MOST_BYTES) -> None:
        """Begin with the trained network.

        Args:
            trained: the network before it has learnt anything; it is never dropped.
            segment: number of characters of a segment.
            most_bytes: most bytes of weights that are kept.
        """
        self._trained, self._segment, self._most = trained, segment, most_bytes
        self._kept: OrderedDict[tuple[int, bytes], Learnt] = OrderedDict()
        self.dropped = 0

    def keep(self, tokens: Tokens, learnt: Learnt) -> None:
        """Keep what was learnt of the beginning of a text; the oldest is dropped if it must be."""
        if not learnt.segments:
            return
        key = self._key(tokens, learnt.segments)
        self._kept[key] = learnt
        self._kept.move_to_end(key)
        while len(self._kept) > 1 and self.nbytes > self._most:
            self._kept.popitem(last=False)
            self.dropped += 1

    def find(self, tokens: Tokens, most: int | None = None) -> Learnt:
        """Return what was learnt of the longest beginning of a text that is kept.

        Args:
            tokens: ids of the text.
            most: largest number of segments of this beginning; None for any.
        """
        longest = self._trained
        for (segments, digest), learnt in self._kept.items():
            fits = most is None or segments <= most
            is_longer = segments > longest.segments and segments * self._segment < len(tokens)
            if fits and is_longer and self._key(tokens, segments)[1] == digest:
                longest = learnt
        return longest

    @property
    def nbytes(self) -> int:
        """Size of the weights in bytes, without those of the trained network."""
        return sum(learnt.nbytes for learnt in self._kept.values())

    def __len__(self) -> int:
        """Return the number of sets of weights that are kept."""
        return len(self._kept)

    def _key(self, tokens: Tokens, segments: int) -> tuple[int, bytes]:
        beginning = tokens[: segments * self._segment + 1]
        return segments, hashlib.sha256(np.ascontiguousarray(beginning).tobytes()).digest()


@dataclass(frozen=True)
class _Ready:
    """What learns, and what was learnt."""

    learner: TextLearner
    weights: Weights


@dataclass(eq=False)
class Learning:
    """Teaches the network of a session.

    The methods are called by the thread of the session. Another thread learns ahead between two
    turns, and stops before the next one begins.

    Attributes:
        start: returns what learns with the network. It is called in the other thread, with a
            function to call now and then, which raises an error once the session has ended.
        settings: how to learn.
        waits: whether each turn waits until everything is learnt, so that the same lines always
            give the same text.
    """

    start: Callable[[LearningSettings, Callable[[], None]], TextLearner]
    settings: LearningSettings = field(default_factory=LearningSettings)
    waits: bool = False

    def __post_init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="learning")
        self._stops, self._closes = threading.Event(), threading.Event()
        self._ready: Future[_Ready] = self._pool.submit(self._begin)
        self._studying: Future[None] | None = None

    def _begin(self) -> _Ready:
        before = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL)
        try:
            prepare_jax()
            learner = self.start(self.settings, self._check_open)
            # What a turn needs is compiled before it needs it.
            for _ in learner.learn(np.zeros(learner.segment + 1, np.int32), learner.trained):
                self._check_open()
        finally:
            sys.setswitchinterval(before)
        return _Ready(learner, Weights(learner.trained, learner.segment))

    def _check_open(self) -> None:
        if self._closes.is_set():
            raise RunError("the session has ended")

    @property
    def is_ready(self) -> bool:
        """Whether JAX has started and the network can learn."""
        return self._ready.done()

    @property
    def problem(self) -> TextgenError | None:
        """Why the network cannot learn; None if it can or is not ready yet."""
        error = self._ready.exception() if self._ready.done() else None
        if error is not None and not isinstance(error, TextgenError):
            raise error
        return error

    @property
    def learner(self) -> TextLearner:
        """What learns. It waits until that is ready."""
        return self._ready.result().learner

    @property
    def weights(self) -> Weights:
        """What was learnt. It waits until the network is ready."""
        return self._ready.result().weights

    def wait(self) -> Work[None]:
        """Wait until the network can learn.

        Raises:
            TextgenError: if it cannot.
        """
        while not self.is_ready:
            time.sleep(WAIT)
            yield ""
        self._ready.result()

    def recall(self, tokens: Tokens, segments: int) -> Work[Learnt]:
        """Return what was learnt of the first segments of a text; learn it again if it must be.

        Raises:
            TextgenError: if the network cannot learn.
        """
        self.pause()
        yield from self.wait()
        learnt = self.weights.find(tokens, segments)
        end = segments * self.learner.segment + 1
        return (yield from self._learn(tokens[:end], learnt, math.inf))

    def advance(self, tokens: Tokens, least: int) -> Work[Learnt | None]:
        """Learn a text before a turn is written, as much of it as there is time for.

        Args:
            tokens: ids of the text.
            least: number of segments that the turn before had learnt.

        Returns:
            What was learnt; None if the network cannot learn yet.

        Raises:
            TextgenError: if the network cannot learn at all.
        """
        end = time.perf_counter() + BEFORE_WRITING
        self.pause()
        if self.waits or least:
            yield from self.wait()
        elif not self.is_ready:
            return None
        elif self.problem:
            raise self.problem
        yield from self.recall(tokens, least)
        learnt = self.weights.find(tokens)
        return (yield from self._learn(tokens, learnt, math.inf if self.waits else end))

    def _learn(self, tokens: Tokens, learnt: Learnt, end: float) -> Work[Learnt]:
        """Learn a text from what was learnt of its beginning on, until a time in seconds."""
        try:
            for each in self.learner.learn(tokens, learnt):
                learnt = each
                yield ""
                if time.perf_counter() > end:
                    break
        finally:
            self.weights.keep(tokens, learnt)
        return learnt

    def study(self, *texts: Tokens) -> None:
        """Learn texts in the background, each of which begins with the one before.

        What was learnt of each of them is kept when it is learnt whole; of a text that is
        interrupted, what was learnt until then.
        """
        self.pause()
        self._stops.clear()
        self._studying = self._pool.submit(self._study, texts)

    def pause(self) -> None:
        """Stop learning in the background, after the segment that is being learnt."""
        self._stops.set()
        if self._studying is not None and not self._studying.cancel():
            self._studying.result()
        self._studying = None

    def close(self) -> None:
        """End the learning. What was learnt is lost."""
        self._closes.set()
        self._stops.set()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _study(self, texts: Sequence[Tokens]) -> None:
        if self.problem:
            return
        for tokens in texts:
            learnt = self.weights.find(tokens)
            for each in self.learner.learn(tokens, learnt):
                learnt = each
                if self._stops.is_set():
                    break
            self.weights.keep(tokens, learnt)
            if self._stops.is_set():
                return
