"""A generator: a model with a state, which reads and writes text.

The state can be kept, returned to and forked.
"""

import math
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from textgen.aside import aside, once
from textgen.data.formats.decoding import Normalization, normalized
from textgen.data.labels import AskedLabels, LabelField, LabelShares, label_shares
from textgen.data.replaced import describe_replaced, find_replaced
from textgen.data.tokens import Tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import SettingError, TextgenWarning, UsageError
from textgen.generation.copy_index import CopyIndex
from textgen.generation.endings import FinishReason
from textgen.generation.engine import Engine, EngineName, LongReader, choose_engine
from textgen.generation.filters import temperatures_between
from textgen.generation.learning import SETTINGS as LEARNING
from textgen.generation.learning import Learnt, Lesson, TextLearner
from textgen.generation.numpy_engine import NumpyEngine
from textgen.generation.sampler import Sampler
from textgen.generation.writing import Drawn, GenerationState, Given, Piece, Writing
from textgen.network.inference import States
from textgen.network.mixture import Mixture
from textgen.network.parameters import Arrays
from textgen.settings import (
    MAX_LENGTH,
    MAX_SEED,
    PROMPT_UNKNOWN,
    TEXT_UNKNOWN,
    LearningSettings,
    OnUnknown,
    SamplingSettings,
    check_number,
)

# Length of the first piece in characters. Each next piece is twice as long while that takes at most
# the seconds below, and up to the largest piece of the engine.
FIRST_PIECE = 16
# Longest time between two pieces of one text, so that writing can be watched and stopped.
PIECE_SECONDS = 0.05
# Longest time between two pieces of several texts, which are not shown before they are complete.
PIECE_SECONDS_TOGETHER = 0.4
# Default length of a text, in characters.
LENGTH = 500
SETTINGS = SamplingSettings()


# Starts JAX and returns what reads long texts with the network of an engine.
StartReader = Callable[[NumpyEngine], LongReader]
# Returns for labels that are asked for their shares, the engine that reads and the one that writes.
Relabel = Callable[[AskedLabels], tuple[LabelShares, NumpyEngine, Engine]]


@dataclass(frozen=True)
class Sample:
    """A text that was written.

    Attributes:
        text: the text, without the prompt.
        bits_per_character: its surprise under the model, before any filter; 0 if it is empty.
        finish_reason: why it ends: `length`, `end` if the network wrote the end of a document,
            `stop`, `lines`, `sentences`, or `stuck` if the settings permitted no further character.
    """

    text: str
    bits_per_character: float
    finish_reason: FinishReason

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> Self:
        """Join the pieces of a text."""
        text = "".join(piece.text for piece in pieces)
        bits = sum(piece.nats for piece in pieces) / np.log(2) / max(len(text), 1)
        return cls(text, float(bits), (pieces[-1].finish if pieces else None) or "length")


class Generator:
    """Reads and writes text, and carries its state from one to the other.

    An engine writes ahead of the text that is given out: the end of a stop text may still be open,
    and what follows an end is dropped. The state after the text is then not at hand. `settle`
    computes it, and everything that goes on from the state calls `settle` first.

    Attributes:
        reader: the engine that reads.
        engine: the engine that writes.
        vocabulary: the model's vocabulary.
        labels: shares of the labels that it reads and writes with. Where it has none, the labels
            of the training text are left out.
        label_fields: fields of the labels of the training text.
    """

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
        copies: CopyIndex | None = None,
        normalization: Normalization = "none",
        labels: LabelShares | None = None,
        label_fields: Sequence[LabelField] = (),
        relabel: Relabel | None = None,
        start_reader: StartReader | None = None,
    ) -> None:
        """Begin before any text.

        Args:
            reader: the engine that reads.
            vocabulary: the model's vocabulary.
            start: the character that is read first: a newline, or `END` before a document.
            seed: seed of the draws, in [0, 2**63).
            sample: index of the sample, in [0, 2**63); each sample of a seed has its own draws.
            engine: the engine that writes; the reader by default.
            training: returns the ids of the training text, or None if it was not kept.
            copies: opens the table for a limit of copies; by default it is made of the training
                text each time.
            normalization: Unicode normal form of the training text, into which the texts that are
                read are brought too.
            labels: shares of the labels that the engines write with.
            label_fields: fields of the labels of the training text.
            relabel: returns the engines that write with other labels; None if there are no labels.
            start_reader: starts what reads long texts; None to read all texts with `reader`.
        """
        self.labels, self._relabel = labels or {}, relabel
        self.label_fields = tuple(label_fields)
        self.reader = self._origin = self._trained = reader
        self.engine: Engine = engine or reader
        self.vocabulary = vocabulary
        self._start, self._training, self._normalization = start, training, normalization
        self._copies = copies or CopyIndex(training, len(vocabulary))
        self._sampler: Sampler | None = None
        self._start_reader = start_reader
        # What was learnt, and the weights that are in use in place of the trained ones.
        self._lesson: Lesson | None = None
        self._weights: Arrays | None = None
        # Computes the state after the text given out; None if the state is settled.
        self._unsettled: Callable[[], GenerationState] | None = None
        nothing = np.zeros(0, np.int32)
        self._zero = reader.zero_states()
        self._state = GenerationState(self._zero, nothing, 0, seed, sample, 0, self.labels)

    def settle(self) -> GenerationState:
        """Return the state after the last character that was read or given out.

        If the engine has written further than that, it writes the last piece once more, up to
        there. A state that was settled stays so until more is written.
        """
        if self._unsettled is not None:
            self.state = self._unsettled()
        return self._state

    def follow(self, given: Given) -> None:
        """Take over what was given out of the text that this generator writes."""
        if len(given.drawn.tokens):
            self._unsettled = lambda: given.settle(self.engine)
        else:
            self.state = given.state

    @property
    def state(self) -> GenerationState:
        """The state that was settled last. To return to a state, assign it.

        Raises:
            RuntimeError: if more was written since; `settle` then returns the state.
        """
        if self._unsettled is not None:
            raise RuntimeError("the state is not settled; call settle(), which returns it")
        return self._state

    @state.setter
    def state(self, state: GenerationState) -> None:
        is_state = isinstance(state, GenerationState)
        if not is_state or len(state.recurrent) != len(self._zero):
            raise SettingError(
                "state", type(state).__name__, "a state of a generator of this model"
            )
        self._state, self._unsettled = self._relabelled(state), None

    def use_labels(self, asked: AskedLabels) -> None:
        """Read and write with other labels from here on.

        Inside a text the state is kept. At the end of a document the next one begins anew, since
        its labels are read with the symbol between the two.

        Args:
            asked: for each field a value, or the weights of several, of which only the proportions
                count. A field that is not among them is left out.

        Raises:
            UsageError: if there is no such field or value, or the weights are not proportions.
        """
        if self._relabel is None:
            label_shares((), asked)  # an error if a label is asked for
            return
        state = self.settle()  # with the engine that has written
        self.labels, self.reader, self.engine = self._relabel(asked)
        self._trained = self.reader
        if self._weights is not None:
            self._put_weights(self._weights)
        self.state = state

    def use_weights(self, weights: Arrays | None) -> None:
        """Read and write with other weights from here on. The state is kept.

        Args:
            weights: arrays of the network by name, as a `TextLearner` has learnt them from the
                weights that this generator began with; None for those that it was trained with.
        """
        if weights is not self._weights:
            self.settle()  # with the engine that has written
            self._put_weights(weights)

    def _put_weights(self, weights: Arrays | None) -> None:
        self._weights, trained = weights, self._trained.parameters
        found = dict(trained)
        for name, array in (weights or {}).items():
            # A label is a difference of some weights.
            same = trained[name] is self._origin.parameters[name]
            found[name] = array if same else array + (trained[name] - self._origin.parameters[name])
        engine = NumpyEngine(self.reader.settings, found)
        is_alone = self.engine is self.reader
        self.engine = engine if is_alone else type(self.engine)(engine.settings, found)
        self.reader = engine

    def learn(self, text: str, on_unknown: OnUnknown = PROMPT_UNKNOWN) -> Learnt:
        """Read text and learn from it: the weights move towards predicting such text.

        Texts that are learnt one after the other are one text. The last characters, which fill no
        whole segment of 20, are learnt with the text that follows. The first call starts JAX, which
        takes a few seconds. What was learnt is not part of `state`: to come back to the weights
        before, `fork` first.

        Args:
            text: the text.
            on_unknown: what to do with characters that the model does not know.

        Returns:
            What was learnt so far, and how well the text was predicted before it was learnt.

        Raises:
            UnknownCharacterError: as `feed`.
            UsageError: if the training text was not kept, which learning needs.
        """
        tokens = self.encode(text, on_unknown)
        if self._lesson is None:
            learner = self.learner()
            self._lesson = Lesson(learner, self.start, learner.trained)
        self._lesson = self._lesson.followed_by(tokens)
        self.use_weights(self._lesson.learnt.arrays)
        self.read_start()
        self.feed_tokens(tokens)
        return self._lesson.learnt

    def learner(
        self, settings: LearningSettings = LEARNING, check: Callable[[], None] = lambda: None
    ) -> TextLearner:
        """Start JAX and return what learns with this network; see `TextLearner`.

        Raises:
            UsageError: if it is a mixture of several networks, or as `TextLearner`.
        """
        shape = self.reader.settings
        if isinstance(shape, Mixture):
            raise UsageError("a mixture of runs does not learn; take one run alone")
        return TextLearner(shape, self._origin.parameters, self._training(), settings, check)

    def _relabelled(self, state: GenerationState) -> GenerationState:
        """Return a state from which the text goes on with the labels of this generator."""
        if state.labels == self.labels:
            return state
        recurrent, end = state.recurrent, state.recent[-1:]
        if end.tolist() == [self.vocabulary.end_id]:
            recurrent = self.reader.read(end, self._zero)
        return replace(state, recurrent=recurrent, labels=self.labels)

    def sampler(self, settings: SamplingSettings) -> Sampler:
        """Return settings made ready for this model. Those of the last call are remembered.

        Raises:
            UsageError: if the settings cannot be used with this model.
        """
        if not isinstance(settings, SamplingSettings):
            raise SettingError("settings", settings, "SamplingSettings")
        if self._sampler is None or self._sampler.settings != settings:
            others = [] if self._sampler is None else [self._sampler]
            self._sampler = Sampler(settings, self.vocabulary, self._copies.table, others)
        return self._sampler

    def prepare(self, settings: SamplingSettings) -> Iterator[float | None]:
        """Prepare the index of the training text that settings need, before `sampler` is called.

        Yields:
            The share of the index that is made, in [0, 1), if it has to be made; None again and
            again while that takes long.

        Raises:
            DamagedError: if the training text is damaged.
        """
        limit, sampler = settings.max_copy, self._sampler
        if limit and (sampler is None or sampler.settings.max_copy != limit):
            self.sampler(replace(settings, max_copy=0))  # an error at once
            yield from aside(self._copies.prepare(limit))

    def encode(self, text: str, on_unknown: OnUnknown) -> NDArray[np.int32]:
        """Turn text into ids, in the normal form of the training text; see `Vocabulary.encode`."""
        return self.vocabulary.encode(normalized(text, self._normalization), on_unknown)

    def feed(
        self, text: str, on_unknown: OnUnknown = PROMPT_UNKNOWN, *, continues: bool = False
    ) -> None:
        """Read text. A `TextgenWarning` says which characters were read as others.

        A generator that has read nothing reads the start of a text first: the text then begins a
        document, or a line.

        Args:
            text: the text.
            on_unknown: what to do with characters that the model does not know; see
                `Vocabulary.encode`.
            continues: whether to read the text as the middle of one, without a start before it.

        Raises:
            UnknownCharacterError: if a character is not in the vocabulary and `on_unknown` is
                `error`, or if it is `nearest` and no known character is near. The state has not
                changed then.
        """
        tokens = self.encode(text, on_unknown)
        if not continues:
            self.read_start()
        self.feed_tokens(tokens)
        if on_unknown == "nearest" and (replaced := find_replaced(text, self.vocabulary)):
            warnings.warn(describe_replaced(replaced), TextgenWarning, stacklevel=2)

    def feed_tokens(self, tokens: NDArray[np.int32]) -> None:
        """Read characters by their ids, int32 [T]."""
        state = self.settle()
        self.state = state.after(self.reader.read(tokens, state.recurrent), tokens, 0)

    def feed_long(self, tokens: NDArray[np.int32], engine: EngineName = "auto") -> Iterator[int]:
        """Read the beginning of a long text in a compiled loop, if that is worth the start of JAX.

        The states differ from those of `feed_tokens` in the last bits.

        Args:
            tokens: ids of the whole text, int32 [T].
            engine: what reads; `auto` for the one that is estimated to finish first.

        Yields:
            The number of characters read so far, again and again, so that it can be stopped. The
            rest, less than a piece of the compiled loop, is left to be read with `feed_tokens`.
        """
        settings = self.reader.settings
        if not self._start_reader or choose_engine(engine, settings, len(tokens), 1) == "numpy":
            return
        yield 0
        start, recurrent, read = self._start_reader, self.settle().recurrent, 0
        begun = list[tuple[LongReader, States]]()

        def begin() -> None:
            reader = start(self.reader)
            if reader.piece <= len(tokens):  # the first piece compiles the loop
                begun.append((reader, reader.read(tokens[: reader.piece], recurrent)))

        for _ in once(begin):
            yield 0
        for reader, after in begun:
            part = tokens[: reader.piece]
            self.state = self.settle().after(after, part, 0)
            read = len(part)
            yield read
            while pieces := min(reader.pieces, (len(tokens) - read) // reader.piece):
                part = tokens[read : read + pieces * reader.piece]
                after = reader.read(part, self.settle().recurrent)
                self.state = self.settle().after(after, part, 0)
                read += len(part)
                yield read

    def score(self, text: str, on_unknown: OnUnknown = TEXT_UNKNOWN) -> NDArray[np.float64]:
        """Read text and return the surprise of each character, in bits.

        A generator that has read nothing reads the start of a text first.

        Args:
            text: the text.
            on_unknown: what to do with characters that the model does not know.

        Returns:
            float64 [T], a number for each character that was not skipped.

        Raises:
            UnknownCharacterError: as `feed`.
        """
        tokens = self.encode(text, on_unknown)
        self.read_start()
        return self.score_tokens(tokens)

    def score_tokens(self, tokens: NDArray[np.int32]) -> NDArray[np.float64]:
        """Read characters by their ids, int32 [T]; return their surprise in bits, float64 [T]."""
        state = self.settle()
        nats, recurrent = self.reader.read_scored(tokens, state.recurrent)
        self.state = state.after(recurrent, tokens, 0)
        bits: NDArray[np.float64] = nats.astype(np.float64) / math.log(2)
        return bits

    def stream(self, length: int = LENGTH, settings: SamplingSettings = SETTINGS) -> Iterator[str]:
        """Write text.

        Args:
            length: largest number of characters to write.
            settings: how to draw them, and where to end.

        Yields:
            The text in pieces. Between two of them, `settle` returns the state after the last one.
        """
        for (piece,) in write_side_by_side([self], length, settings, is_scored=False):
            if piece is not None:
                yield piece.text

    def pieces(
        self, length: int = LENGTH, settings: SamplingSettings = SETTINGS
    ) -> Iterator[Piece]:
        """Write text as `stream` does, with the surprise of each piece and the reason to end."""
        for (piece,) in write_side_by_side([self], length, settings):
            if piece is not None:
                yield piece

    def generate(self, length: int = LENGTH, settings: SamplingSettings = SETTINGS) -> Sample:
        """Write text, and return it when it is complete.

        Args:
            length: largest number of characters to write.
            settings: how to draw them, and where to end.
        """
        return Sample.of([*self.pieces(length, settings)])

    def fork(self, sample: int | None = None) -> Self:
        """Return a second generator in the same state, which shares the model.

        Args:
            sample: index of the sample that the second one draws, from its first draw on; None to
                go on with the draws of this one.
        """
        if sample is not None:
            check_number("sample", sample, 0, MAX_SEED, whole=True)
            sample = int(sample)
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        if sample is not None:
            twin.state = replace(self.settle(), sample=sample, position=0)
        return twin

    def read_start(self) -> None:
        """Read the start of a text, unless something was read or written before."""
        if not self._state.characters:
            self.feed_tokens(self.start)

    @property
    def start(self) -> NDArray[np.int32]:
        """The id that is read before a text, int32 [1]."""
        return self.vocabulary.encode_start(self._start)


def write_side_by_side(
    generators: Sequence[Generator],
    length: int,
    settings: SamplingSettings,
    *,
    is_scored: bool = True,
) -> Iterator[tuple[Piece | None, ...]]:
    """Write with several generators of one model at the same time.

    Args:
        generators: at least one, all with the same engine.
        length: largest number of characters that each of them writes.
        settings: how to draw them, and where to end.
        is_scored: whether to compute the surprise of the pieces.

    Yields:
        The next piece of each generator's text; None for a text that has ended.

    Raises:
        UsageError: if the settings cannot be used with the model.
    """
    check_number("length", length, 0, MAX_LENGTH, whole=True)
    length = int(length)
    engine, sampler = generators[0].engine, generators[0].sampler(settings)
    for generator in generators:
        generator.read_start()
    writings = [Writing(generator.settle(), sampler) for generator in generators]
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
        # The sizes of the pieces depend on the time, but the text does not depend on the sizes.
        size *= 2 if time.perf_counter() - begun < longest / 2 else 1
        pieces: dict[int, Piece] = {}
        for row, writing in enumerate(active):
            pieces[id(writing)] = writing.take(
                Drawn(written.tokens[row], written.nats[row], uniforms[row], temperatures),
                written.standings[row],
                is_last=drawn == length,
            )
        for generator, writing in zip(generators, writings, strict=True):
            if id(writing) in pieces:
                generator.follow(writing.given)
        yield tuple(pieces.get(id(writing)) for writing in writings)
