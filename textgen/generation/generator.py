"""A session with a model: what it has read is a state that can be kept, forked and rewound."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary
from textgen.generation.copies import Tokens
from textgen.generation.endings import EndFinder, FinishReason
from textgen.generation.engine import Engine, Standing
from textgen.generation.filters import Draws, temperatures_between
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.sampler import Sampler
from textgen.network.inference import States
from textgen.settings import (
    MAX_LENGTH,
    MAX_SEED,
    MAX_WINDOW,
    OnUnknown,
    SamplingSettings,
    check_number,
)

# Characters of the first piece; the next ones are twice as long each, up to the engine's.
FIRST_PIECE = 16
# ... as long as they take no longer than this, so that writing can be watched and stopped; ...
PIECE_SECONDS = 0.05
# ... or than this, where several texts are written, which are not shown before they are whole.
PIECE_SECONDS_TOGETHER = 0.4
LENGTH = 500
SETTINGS = SamplingSettings()


@dataclass(frozen=True)
class GenerationState:
    """All that decides how a session goes on, beside the model and the settings.

    Attributes:
        recurrent: every layer's state, members float32 [H].
        recent: the last characters read or written, ids int32 [R] with R at most MAX_WINDOW; what
            penalties and constraints look back on.
        characters: how many characters were read or written so far.
        seed: of the draws.
        sample: index of the draws.
        position: draws made so far.
    """

    recurrent: States
    recent: NDArray[np.int32]
    characters: int
    seed: int
    sample: int
    position: int

    def after(self, recurrent: States, tokens: NDArray[np.int32], draws: int) -> "GenerationState":
        """Return the state after more characters, of which so many were drawn."""
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
        text: its characters.
        nats: their surprise under the model itself, before any filter, together; 0 if not wanted.
        finish: why the text ends with this piece; None if it goes on.
    """

    text: str
    nats: float
    finish: FinishReason | None


@dataclass(frozen=True)
class Sample:
    """A text that was written.

    Attributes:
        text: without what it went on from.
        bits_per_character: its surprise under the model itself, before any filter; 0 if empty.
        finish_reason: why it ends: at its `length`, before a `stop` text, after its `lines` or
            `sentences`, or `stuck` because the settings permitted no further character.
    """

    text: str
    bits_per_character: float
    finish_reason: FinishReason

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Self:
        """Put the pieces of a text together."""
        text = "".join(piece.text for piece in pieces)
        bits = sum(piece.nats for piece in pieces) / np.log(2) / max(len(text), 1)
        return cls(text, float(bits), (pieces[-1].finish if pieces else None) or "length")


class Generator:
    """Reads text, writes text, and carries its state from one to the other."""

    def __init__(
        self,
        reader: NumpyEngine,
        vocabulary: Vocabulary,
        start: str,
        *,
        seed: int = 0,
        sample: int = 0,
        engine: Engine | None = None,
        training: Callable[[], Tokens | None] = lambda: None,
    ) -> None:
        """Begin a session that has read nothing.

        Args:
            reader: the engine that reads.
            vocabulary: the model's characters.
            start: the character that is read first if the session writes before it reads.
            seed: with `sample`, decides what is drawn; in [0, 2**63).
            sample: which of a seed's samples this is.
            engine: the engine that writes; None for the reader.
            training: gives the ids of the training text, or None if it was not kept.
        """
        self.reader = reader
        self.engine: Engine = engine or reader
        self.vocabulary = vocabulary
        self._start, self._training = start, training
        self._sampler: Sampler | None = None
        self._unsettled: Callable[[], GenerationState] | None = None
        nothing = np.zeros(0, np.int32)
        self._state = GenerationState(reader.zero_states(), nothing, 0, seed, sample, 0)

    @property
    def state(self) -> GenerationState:
        """The state after the last character that was read, or given out as text."""
        if self._unsettled is not None:
            self.state = self._unsettled()
        return self._state

    @state.setter
    def state(self, state: GenerationState) -> None:
        self._state, self._unsettled = state, None

    def sampler(self, settings: SamplingSettings) -> Sampler:
        """Return settings made ready for this model; the last ones are kept.

        Raises:
            UsageError: if they cannot be used with this model.
        """
        if self._sampler is None or self._sampler.settings != settings:
            self._sampler = Sampler(settings, self.vocabulary, self._training)
        return self._sampler

    def feed(self, text: str, on_unknown: OnUnknown = "error") -> None:
        """Read text.

        Raises:
            UnknownCharacterError: if a character is not in the vocabulary and `on_unknown` is
                `error`; the state is then as it was.
        """
        self.feed_tokens(self.vocabulary.encode(text, on_unknown))

    def feed_tokens(self, tokens: NDArray[np.int32]) -> None:
        """Read characters by their ids, int32 [T]."""
        state = self.state
        self.state = state.after(self.reader.read(tokens, state.recurrent), tokens, 0)

    def score(self, text: str, on_unknown: OnUnknown = "error") -> NDArray[np.float64]:
        """Read text and return how surprising each character is, in bits.

        Args:
            text: to read; the state is the one after it.
            on_unknown: what to do with characters that the model does not know.

        Returns:
            float64 [T], one number a character, fewer if some were skipped.

        Raises:
            UnknownCharacterError: as `feed`.
        """
        tokens = self.vocabulary.encode(text, on_unknown)
        self._begin()
        state = self.state
        nats, recurrent = self.reader.read_scored(tokens, state.recurrent)
        self.state = state.after(recurrent, tokens, 0)
        bits: NDArray[np.float64] = nats.astype(np.float64) / math.log(2)
        return bits

    def stream(self, length: int = LENGTH, settings: SamplingSettings = SETTINGS) -> Iterator[str]:
        """Write text.

        Args:
            length: characters to write, at most.
            settings: how to draw them, and where to end before.

        Yields:
            The text in pieces; `state` is always the one after the last piece.
        """
        for (piece,) in write_side_by_side([self], length, settings, is_scored=False):
            if piece is not None:
                yield piece.text

    def pieces(
        self, length: int = LENGTH, settings: SamplingSettings = SETTINGS
    ) -> Iterator[Piece]:
        """Write text as `stream` does, with what is to be known about each piece."""
        for (piece,) in write_side_by_side([self], length, settings):
            if piece is not None:
                yield piece

    def generate(self, length: int = LENGTH, settings: SamplingSettings = SETTINGS) -> Sample:
        """Write text, and return it when it is whole.

        Args:
            length: characters to write, at most.
            settings: how to draw them, and where to end before.
        """
        return Sample.of([*self.pieces(length, settings)])

    def fork(self, sample: int | None = None) -> Self:
        """Return a second session in the same state, which then goes its own way.

        Args:
            sample: another index of draws, begun anew; None to go on with the same.
        """
        if sample is not None:
            check_number("sample", sample, 0, MAX_SEED, whole=True)
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        if sample is not None:
            twin.state = replace(self.state, sample=sample, position=0)
        return twin

    def _begin(self) -> None:
        if not self._state.characters:
            self.feed(self._start)


class _Writing:
    """A sample on its way: what was drawn, and how much of it was given out."""

    def __init__(self, generator: Generator, sampler: Sampler) -> None:
        generator._begin()
        state = generator.state
        self.draws = Draws(state.seed, state.sample, state.position)
        self.standing = Standing(state.recurrent, sampler.begin(state.recent))
        self.is_over = False
        self._generator, self._sampler = generator, sampler
        is_mid_line = not generator.vocabulary.decode(state.recent[-1:]).endswith("\n")
        self._ends = EndFinder(sampler.settings, is_mid_line=is_mid_line)
        # Where everything drawn was given out, and what was drawn since.
        self._base = (state, self.standing)
        self._drawn = _Drawn.nothing()
        self._given = 0

    def take(self, drawn: "_Drawn", standing: Standing, *, is_last: bool) -> Piece:
        """Take what the engine wrote, and give out what is certain to belong to the text.

        Args:
            drawn: what it wrote.
            standing: where the sample stands after it.
            is_last: whether the text has reached its length.
        """
        before, standing_before = len(self._drawn.tokens), self.standing
        self.standing = standing
        stuck = np.flatnonzero(drawn.tokens == UNKNOWN_ID)
        if len(stuck):
            drawn = drawn.first(int(stuck[0]))
        self._drawn = self._drawn.followed_by(drawn)
        text, finish = self._ends.follow(self._generator.vocabulary.decode(drawn.tokens))
        if finish is None and (len(stuck) or is_last):
            text += self._ends.rest()
            finish = "stuck" if len(stuck) else "length"
        self.is_over = finish is not None
        begin, self._given = self._given, self._given + len(text)
        nats = float(self._drawn.nats[begin : self._given].sum())
        if self._given == len(self._drawn.tokens) and not len(stuck):
            self._begin_again(self._given, standing)
            self._generator.state = self._base[0]
        else:
            if self._given >= before:
                self._begin_again(before, standing_before)
            self._generator._unsettled = partial(
                self._state_after, self._base, self._drawn.first(self._given)
            )
        return Piece(text, nats, finish)

    def _begin_again(self, count: int, standing: Standing) -> None:
        """Let what was drawn begin behind its first characters, where the sample stood then."""
        tokens, state = self._drawn.tokens[:count], self._base[0]
        self._base = (state.after(standing.recurrent, tokens, count), standing)
        self._drawn, self._given = self._drawn.after(count), self._given - count

    def _state_after(
        self, base: tuple[GenerationState, Standing], drawn: "_Drawn"
    ) -> GenerationState:
        """Write what was given out once more, for the state behind its last character."""
        (state, standing), piece = base, self._generator.engine.piece
        for begin in range(0, len(drawn.tokens), piece):
            part = slice(begin, begin + piece)
            uniforms, temperatures = drawn.uniforms[None, part], drawn.temperatures[part]
            written = self._generator.engine.write(
                [standing], uniforms, temperatures, self._sampler, is_scored=False
            )
            (standing,) = written.standings
        return state.after(standing.recurrent, drawn.tokens, len(drawn.tokens))


class _Drawn(NamedTuple):
    """Characters of one sample and what they were drawn with, each array [T]."""

    tokens: NDArray[np.int32]
    nats: NDArray[np.float32]
    uniforms: NDArray[np.float32]
    temperatures: NDArray[np.float32]

    @classmethod
    def nothing(cls) -> "_Drawn":
        return cls(np.zeros(0, np.int32), *[np.zeros(0, np.float32)] * 3)

    def first(self, count: int) -> "_Drawn":
        tokens, nats, uniforms, temperatures = (array[:count] for array in self)
        return _Drawn(tokens, nats, uniforms, temperatures)  # type: ignore[arg-type]

    def after(self, count: int) -> "_Drawn":
        tokens, nats, uniforms, temperatures = (array[count:] for array in self)
        return _Drawn(tokens, nats, uniforms, temperatures)  # type: ignore[arg-type]

    def followed_by(self, other: "_Drawn") -> "_Drawn":
        return _Drawn(*map(np.concatenate, zip(self, other, strict=True)))  # type: ignore[arg-type]


def write_side_by_side(
    generators: Sequence[Generator],
    length: int,
    settings: SamplingSettings,
    *,
    is_scored: bool = True,
) -> Iterator[tuple[Piece | None, ...]]:
    """Write with several sessions of one model at once.

    Args:
        generators: the sessions, at least one, with the same engine.
        length: characters each of them writes, at most.
        settings: how to draw them, and where to end before.
        is_scored: whether the surprise of the pieces is wanted.

    Yields:
        The next piece of each session's text; None for those that have ended.

    Raises:
        UsageError: if the settings cannot be used with the model.
    """
    check_number("length", length, 0, MAX_LENGTH, whole=True)
    engine, sampler = generators[0].engine, generators[0].sampler(settings)
    writings = [_Writing(generator, sampler) for generator in generators]
    drawn, size = 0, FIRST_PIECE
    longest = PIECE_SECONDS if len(generators) == 1 else PIECE_SECONDS_TOGETHER
    while drawn < length and not all(writing.is_over for writing in writings):
        count = min(size, engine.piece, length - drawn)
        temperatures = temperatures_between(settings.schedule, drawn, drawn + count, length)
        drawn, begun = drawn + count, time.perf_counter()
        active = [writing for writing in writings if not writing.is_over]
        uniforms = np.stack([writing.draws.take(count) for writing in active])
        standings = [writing.standing for writing in active]
        written = engine.write(standings, uniforms, temperatures, sampler, is_scored=is_scored)
        # The text is the same however it is cut into pieces.
        size *= 2 if time.perf_counter() - begun < longest / 2 else 1
        pieces: dict[int, Piece] = {}
        for row, writing in enumerate(active):
            pieces[id(writing)] = writing.take(
                _Drawn(written.tokens[row], written.nats[row], uniforms[row], temperatures),
                written.standings[row],
                is_last=drawn == length,
            )
        yield tuple(pieces.get(id(writing)) for writing in writings)
