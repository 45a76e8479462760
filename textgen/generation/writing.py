"""A text that is being written: what was drawn of it, and how much of that was given out."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import LabelShares
from textgen.data.vocabulary import END, UNKNOWN_ID
from textgen.generation.endings import EndFinder, FinishReason
from textgen.generation.engine import Engine, Standing
from textgen.generation.filters import Draws
from textgen.generation.sampler import Sampler
from textgen.network.inference import States
from textgen.settings import MAX_WINDOW


@dataclass(frozen=True)
class GenerationState:
    """The state of a generator: with the model and the settings, it decides what is written next.

    Attributes:
        recurrent: state of every layer, members float32 [H].
        recent: ids of the last characters read or written, int32 [R] with R at most MAX_WINDOW.
            Penalties and constraints look back on them.
        characters: number of characters read or written so far.
        seed: seed of the draws.
        sample: index of the sample.
        position: number of draws made in this sample.
        labels: shares of the labels with which the next character is written.
    """

    recurrent: States
    recent: NDArray[np.int32]
    characters: int
    seed: int
    sample: int
    position: int
    labels: LabelShares = field(default_factory=dict)

    def after(self, recurrent: States, tokens: NDArray[np.int32], draws: int) -> "GenerationState":
        """Return the state after more characters.

        Args:
            recurrent: state of every layer after them.
            tokens: their ids, int32 [T].
            draws: how many of them were drawn.
        """
        recent = np.concatenate([self.recent, tokens[-MAX_WINDOW:]])[-MAX_WINDOW:]
        return replace(
            self,
            recurrent=recurrent,
            recent=recent,
            characters=self.characters + len(tokens),
            position=self.position + draws,
        )


class Piece(NamedTuple):
    """A part of a text as it is written.

    Attributes:
        text: the characters.
        nats: their total surprise under the model, before any filter; 0 if it was not asked for.
        finish: why the text ends with this piece; None if it does not.
        redrawn: how often the whole text was drawn before.
    """

    text: str
    nats: float
    finish: FinishReason | None
    redrawn: int = 0


class Writing:
    """A text that is being written.

    What an engine draws is not all given out: the end of a stop text may still be open, and what
    follows an end is dropped.

    Attributes:
        draws: the random numbers of the text.
        standing: the state after everything that was drawn.
        is_over: whether the text has ended.
    """

    def __init__(self, state: GenerationState, sampler: Sampler) -> None:
        """Begin after the text that a state has read."""
        self.draws = Draws(state.seed, state.sample, state.position)
        self.standing = Standing(state.recurrent, sampler.begin(state.recent))
        self.is_over = False
        self._sampler = sampler
        last = sampler.vocabulary.decode(state.recent[-1:])
        is_mid_line = not last.endswith(("\n", END))
        self._ends = EndFinder(sampler.settings, is_mid_line=is_mid_line)
        # A point at which everything drawn was given out. After it come the characters drawn since,
        # and the number of them that were given out.
        self._base = (state, self.standing)
        self._drawn = Drawn.nothing()
        self._given = 0

    def take(self, drawn: "Drawn", standing: Standing | None, *, is_last: bool) -> Piece:
        """Take the characters that the engine drew, and give out those that belong to the text.

        Args:
            drawn: the characters.
            standing: the state of the network and of the drawing after them. None if the engine
                wrote further, which only the last characters of a text permit.
            is_last: whether the text has reached its length.
        """
        before, standing_before = len(self._drawn.tokens), self.standing
        self.standing = standing or standing_before
        vocabulary = self._sampler.vocabulary
        is_stop = drawn.tokens == UNKNOWN_ID
        if vocabulary.end_id is not None:
            is_stop |= drawn.tokens == vocabulary.end_id
        stop = int(np.argmax(is_stop)) if is_stop.any() else None
        has_ended = stop is not None and int(drawn.tokens[stop]) != UNKNOWN_ID
        written = drawn.tokens[:stop]
        if stop is not None:
            # The end symbol is read, so that the next text begins after it.
            drawn = drawn.first(stop + has_ended)
        self._drawn = self._drawn.followed_by(drawn)
        text, finish = self._ends.follow(vocabulary.decode(written))
        if finish is None and (stop is not None or is_last):
            text += self._ends.rest()
            finish = "length" if stop is None else "end" if has_ended else "stuck"
        self.is_over = finish is not None
        begin, self._given = self._given, self._given + len(text)
        nats = float(self._drawn.nats[begin : self._given].sum())
        self._given += finish == "end"
        if self._given == len(self._drawn.tokens) and stop is None and standing is not None:
            self._begin_again(self._given, standing)
        elif self._given >= before:
            self._begin_again(before, standing_before)
        return Piece(text, nats, finish)

    @property
    def given(self) -> "Given":
        """What was given out."""
        return Given(*self._base, self._drawn.first(self._given), self._sampler)

    def _begin_again(self, count: int, standing: Standing) -> None:
        """Move the base behind the first `count` drawn characters.

        Args:
            count: characters that have all been given out.
            standing: the state of the network and of the drawing after them.
        """
        tokens, state = self._drawn.tokens[:count], self._base[0]
        self._base = (state.after(standing.recurrent, tokens, count), standing)
        self._drawn, self._given = self._drawn.after(count), self._given - count


class Given(NamedTuple):
    """What was given out of a text: all up to a known state, and some characters after it.

    Attributes:
        state: a state after which everything up to it was given out.
        standing: the same for an engine.
        drawn: the characters after it that were given out.
        sampler: what they were drawn with.
    """

    state: GenerationState
    standing: Standing
    drawn: "Drawn"
    sampler: Sampler

    def settle(self, engine: Engine) -> GenerationState:
        """Write the characters after the known state once more; return the state after the last."""
        tokens, standing = self.drawn.tokens, self.standing
        for begin in range(0, len(tokens), engine.piece):
            part = slice(begin, begin + engine.piece)
            uniforms, temperatures = self.drawn.uniforms[None, part], self.drawn.temperatures[part]
            written = engine.write(
                [standing], uniforms, temperatures, self.sampler, is_scored=False
            )
            (standing,) = written.standings
        return (
            self.state.after(standing.recurrent, tokens, len(tokens)) if len(tokens) else self.state
        )


class Drawn(NamedTuple):
    """Characters of one sample and what they were drawn with, each array [T].

    Attributes:
        tokens: ids.
        nats: surprise of each character under the model; 0 if it was not asked for.
        uniforms: random numbers in [0, 1).
        temperatures: temperatures.
    """

    tokens: NDArray[np.int32]
    nats: NDArray[np.float32]
    uniforms: NDArray[np.float32]
    temperatures: NDArray[np.float32]

    @classmethod
    def nothing(cls) -> "Drawn":
        """Return no characters."""
        return cls(np.zeros(0, np.int32), *[np.zeros(0, np.float32)] * 3)

    def first(self, count: int) -> "Drawn":
        """Return the first characters."""
        tokens, nats, uniforms, temperatures = (array[:count] for array in self)
        return Drawn(tokens, nats, uniforms, temperatures)  # type: ignore[arg-type]

    def after(self, count: int) -> "Drawn":
        """Return all but the first characters."""
        if count == len(self.tokens):
            return self.nothing()
        tokens, nats, uniforms, temperatures = (array[count:] for array in self)
        return Drawn(tokens, nats, uniforms, temperatures)  # type: ignore[arg-type]

    def followed_by(self, other: "Drawn") -> "Drawn":
        """Return these characters and some that follow them."""
        if not len(self.tokens):
            return other
        return Drawn(*map(np.concatenate, zip(self, other, strict=True)))  # type: ignore[arg-type]
