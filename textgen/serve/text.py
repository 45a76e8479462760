"""A text that was ordered: what of its prompt is read, what of it is written and delivered."""

import time
from collections.abc import Callable, Hashable, Iterable
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from textgen.generation.engine import Standing
from textgen.generation.filters import temperatures_between
from textgen.generation.sampler import Sampler
from textgen.generation.writing import Drawn, GenerationState, Writing
from textgen.network.inference import States
from textgen.serve.order import Ending, Likely, Order, Part
from textgen.serve.reading import Read
from textgen.serve.weights import Weights
from textgen.settings import MAX_WINDOW

# Takes the parts of a text, or what went wrong. It is called on a thread of the scheduler.
Deliver = Callable[[Part | Exception], None]


class Text:
    """A text from its order to its end.

    Attributes:
        order: what was ordered.
        weights: weights that it is read and written with, to its end.
        sampler: its settings.
        knobs: its settings as arrays, with its own bias of the logits.
        tokens: ids of all that is read: the start of a text, unless it is continued, and the
            prompt.
        states: state of each layer after the characters that were read, or given out if they are
            reported.
        is_cancelled: whether nobody waits for it any longer.
        has_failed: whether it has ended with an exception.
        finish: why it has ended; None if it has not.
        seconds: time from the order to the first part; None before that.
    """

    def __init__(
        self,
        order: Order,
        deliver: Deliver,
        weights: Weights,
        sampler: Sampler,
        start: NDArray[np.int32],
    ) -> None:
        """Take an order that was checked.

        Args:
            order: what was ordered.
            deliver: takes the parts.
            weights: weights to write with.
            sampler: the settings of the order, prepared.
            start: the id that is read before a text, int32 [1].
        """
        self.order, self.weights, self.sampler = order, weights, sampler
        self.knobs = sampler.knobs._replace(bias=_bias(order, len(sampler.vocabulary)))
        prompt = np.asarray(order.prompt, np.int32)
        self.tokens = prompt if order.is_continued else np.concatenate([start, prompt])
        self.states = weights.zero_states()
        self.is_cancelled = self.has_failed = False
        self.finish: Ending | None = None
        self.seconds: float | None = None
        self._deliver, self._begun = deliver, time.monotonic()
        self._digest = blake2b(self.tokens.tobytes()).digest()
        self._is_read = self._written = 0
        self._known = 0  # characters that were not read anew
        self._prompt_likely: list[Likely] = []
        self._given: list[str] = []
        self._writing: Writing | None = None
        self._schedule = order.settings.schedule

    @property
    def scores_prompt(self) -> bool:
        """Whether the characters of the prompt are reported."""
        return self.order.scores_prompt

    @property
    def unread(self) -> NDArray[np.int32]:
        """The ids that are still to be read."""
        return self.tokens[self._is_read :]

    @property
    def age(self) -> float:
        """Seconds since the order."""
        return time.monotonic() - self._begun

    @property
    def is_over(self) -> bool:
        """Whether nothing more is delivered."""
        return self.finish is not None or self.has_failed

    @property
    def is_read(self) -> bool:
        """Whether the whole prompt was read."""
        return self._is_read == len(self.tokens)

    @property
    def reading(self) -> Hashable:
        """Tells what is still to be read: texts for which this is equal are read together."""
        return self._digest, self._is_read, self.scores_prompt

    @property
    def remaining(self) -> int:
        """The number of characters that are still to be written at most."""
        return self.order.length - self._written

    @property
    def standing(self) -> Standing:
        """The state after everything that was drawn."""
        assert self._writing is not None
        return self._writing.standing

    @property
    def read_anew(self) -> int:
        """The number of characters of the prompt that were read for this text."""
        return min(len(self.tokens) - self._known, len(self.order.prompt))

    def skip(self, length: int, states: States, rest: NDArray[np.int32]) -> None:
        """Begin at a kept state.

        Args:
            length: number of ids of the text of the state.
            states: the state before the last of them.
            rest: those last ids, which are read again.
        """
        self.states, self._known = states, length
        self._is_read = length - len(rest)

    def take_read(self, read: Read) -> None:
        """Take what was read of the text."""
        begin, self._is_read = self._is_read, self._is_read + read.length
        self.states = read.states
        if self.scores_prompt:
            top = self.order.top or 0
            likely = likely_of(self.tokens[begin : self._is_read], read, top)
            is_start = begin == 0 and not self.order.is_continued
            self._prompt_likely += likely[is_start:]

    def begin(self) -> None:
        """Begin to write after the prompt."""
        order, recent = self.order, self.tokens[-MAX_WINDOW:]
        state = GenerationState(
            self.states, recent, len(self.tokens), order.seed, order.sample, position=0
        )
        self._writing = Writing(state, self.sampler)

    def draw(self, count: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return the random numbers and the temperatures of the next characters, float32 [T]."""
        assert self._writing is not None
        end, length = self._written + count, self.order.length
        temperatures = temperatures_between(self._schedule, self._written, end, length)
        return self._writing.draws.take(count), temperatures

    def take_written(self, drawn: Drawn, standing: Standing | None) -> tuple[str, Ending | None]:
        """Take what was drawn.

        Args:
            drawn: the characters.
            standing: the state after them; None if the loop wrote further than the length.

        Returns:
            The characters that belong to the text, and why it ends with them; None if it does not.
        """
        assert self._writing is not None
        self._written += len(drawn.tokens)
        piece = self._writing.take(drawn, standing, is_last=self._written >= self.order.length)
        self._given.append(piece.text)
        return piece.text, piece.finish

    def deliver(self, text: str, likely: Iterable[Likely], finish: Ending | None) -> bool:
        """Deliver a part, unless there is nothing to tell.

        Returns:
            Whether this is the first part.
        """
        self.finish = finish
        if not (text or finish):
            return False
        is_first = self.seconds is None
        part = Part(text, tuple(likely), finish=finish)
        if is_first:
            self.seconds = self.age
            part = part._replace(prompt_likely=tuple(self._prompt_likely), read=self.read_anew)
            self._prompt_likely = []
        self._tell(part)
        return is_first

    def fail(self, error: Exception) -> None:
        """Deliver what went wrong."""
        self.has_failed = True
        self._tell(error)

    def _tell(self, part: Part | Exception) -> None:
        try:
            self._deliver(part)
        except Exception:  # a fault of the client ends its own text and no other
            self.is_cancelled = True

    def last_state(self) -> tuple[NDArray[np.int32], States, NDArray[np.int32]]:
        """Return the ids of the whole text; a state near its end; and the ids after that state."""
        assert self._writing is not None
        given_out = self.sampler.vocabulary.encode("".join(self._given))
        tokens = np.concatenate([self.tokens, given_out])
        if self.order.top is not None:
            return tokens, self.states, tokens[:0]
        given = self._writing.given
        rest = given.drawn.tokens
        # A client does not send the symbol of the end of a document.
        rest = rest[:-1] if self.finish == "end" else rest
        return tokens, given.state.recurrent, rest


def likely_of(tokens: NDArray[np.int32], read: Read, top: int) -> list[Likely]:
    """Return what the model expected in the place of each of some characters that were read.

    Args:
        tokens: ids of the characters, int32 [T].
        read: what was reported of them.
        top: number of likeliest characters to report.
    """
    ids, logprobs = read.top[:, :top].tolist(), read.top_logprobs[:, :top].tolist()
    places = zip(tokens.tolist(), read.logprobs.tolist(), ids, logprobs, strict=True)
    return [
        Likely(token, own, tuple(zip(these, those, strict=True)))
        for token, own, these, those in places
    ]


def _bias(order: Order, vocab_size: int) -> NDArray[np.float32] | None:
    if not order.logit_bias:
        return None
    bias = np.zeros(vocab_size, np.float32)
    bias[list(order.logit_bias)] = list(order.logit_bias.values())
    return bias
