"""The text of a session: it grows by turns, which are kept with the model's states as a tree."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from textgen.errors import TextgenError
from textgen.generation.copies import Tokens, longest_copies
from textgen.generation.generator import GenerationState, Generator, Piece
from textgen.generation.next_words import NextWord, next_words, unfinished_word
from textgen.session.prefill import Work, join_text, parts_of, read_typed, reread
from textgen.session.session_file import SavedSession, SavedTurn
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import MAX_SEED, OnUnknown, SamplingSettings

# Of an alternative: long enough to choose by, and short enough to be compared.
ALTERNATIVE_LENGTH = 80
# Beyond this, looking for copies takes seconds.
MAX_TRAINING_BYTES = 20 * 10**6
MAX_COMPARED = 10**6

# Of a word that is looked back on.
LONGEST_WORD = 100
# That a key which completes a word looks ahead, after reading the line.
COMPLETION_SECONDS = 0.08


class LoadedModel(Protocol):
    """What a session needs of a run: its name and step, the sum of its weights, its generator."""

    @property
    def name(self) -> str:
        """Name of the run."""
        ...

    @property
    def step(self) -> int:
        """Of its checkpoint."""
        ...

    @property
    def sha256(self) -> str:
        """Of the file of its weights."""
        ...

    def generator(self, *, seed: int) -> Generator:
        """Begin a session that has read nothing."""
        ...

    def training_tokens(self) -> Tokens | None:
        """Return the ids of its training text, or None."""
        ...


class Scored(NamedTuple):
    """A text and how surprising it is.

    Attributes:
        text: as the model read it.
        bits: of each character, float64 [T].
    """

    text: str
    bits: NDArray[np.float64]


class Conversation:
    """What was typed and written, and what the model is to write with."""

    def __init__(
        self,
        model: LoadedModel,
        settings: SamplingSettings,
        *,
        seed: int,
        length: int,
        on_unknown: OnUnknown = "error",
    ) -> None:
        """Begin without any text.

        Args:
            model: reads and writes.
            settings: how characters are drawn.
            seed: of the draws.
            length: characters that each turn writes, at most.
            on_unknown: what to do with typed characters that the model does not know.
        """
        self.model, self.settings = model, settings
        self.length, self.on_unknown = length, on_unknown
        self.generator = model.generator(seed=seed)
        self.generator.sampler(settings)  # refuses what the model cannot do
        self.tree = Tree(self.generator.state)
        self.alternatives: list[Turn] = []
        self._seed = seed
        # Each writing draws with a sample of its own; undoing one does not bring its draws back.
        self._writings = 0
        self._training: list[Tokens | None] = []
        self._copies: dict[Turn, int | None] = {}

    @property
    def seed(self) -> int:
        """Of the draws; a new one begins its samples anew."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed, self._writings = seed, 0
        self.go(self.tree.current)

    def go(self, turn: Turn) -> None:
        """Go to a turn."""
        self.tree.go(turn)
        self.generator.state = replace(turn.after, seed=self._seed)

    def continue_text(self, text: str) -> Work[None]:
        """Read a text and write on; yield what is written. Stopped while reading, nothing stays."""
        parent, rule = self.tree.current, self.on_unknown
        self.generator.vocabulary.encode(text, rule)  # refuses before anything is read
        try:
            read = yield from read_typed(self.generator, parent, text, rule, self._seed)
        except GeneratorExit:
            self.go(parent)
            raise
        prompted = self.generator.state
        turn = Turn(0, parent, text, read, "", "", rule, prompted, prompted)
        yield from self._write(turn, self.length, self.tree.add)

    def regenerate(self) -> Iterator[str]:
        """Write the last turn again, beside it; yield what is written."""
        yield from self._write(self.tree.current, self.length, self.tree.add)

    def write_alternatives(self, count: int) -> Iterator[Turn | None]:
        """Write short continuations of what was typed last; yield each turn when it is whole."""
        here = self.tree.current
        # Before any turn, those of an empty one.
        base = here if here.parent else replace(here, parent=here, on_unknown=self.on_unknown)
        self.alternatives, written = [], list[Turn]()
        try:
            for _ in range(count):
                length = min(self.length, ALTERNATIVE_LENGTH)
                for _ in self._write(base, length, written.append):
                    yield None
                self.alternatives.append(written[-1])
                yield written[-1]
        finally:
            self.go(here)

    def pick(self, alternative: Turn) -> None:
        """Make an alternative a turn of the text, and go there."""
        self.go(self.tree.add(alternative))

    def _write(self, turn: Turn, length: int, keep: Callable[[Turn], object]) -> Iterator[str]:
        """Write on from where a turn was read; hand over the turn, whole or as far as it came."""
        generator, pieces, seconds = self.generator, list[Piece](), 0.0
        sample = self._writings
        generator.state = replace(turn.prompted, seed=self._seed, sample=sample, position=0)
        self._writings = (sample + 1) % (MAX_SEED + 1)
        begun = time.perf_counter()
        try:
            for piece in generator.pieces(length, self.settings):
                seconds += time.perf_counter() - begun
                pieces.append(piece)
                yield piece.text
                begun = time.perf_counter()
        except TextgenError:
            self.go(self.tree.current)
            raise
        except GeneratorExit:
            keep(_finished(turn, pieces, generator.state, seconds))
            raise
        keep(_finished(turn, pieces, generator.state, seconds))

    def clear(self) -> None:
        """Forget all text."""
        self._put(self.generator, Tree(self.tree.turns[0].after))

    def _put(self, generator: Generator, tree: Tree) -> None:
        self.generator, self.tree = generator, tree
        self.alternatives, self._copies = [], {}
        self.go(tree.current)

    def switch(self, model: LoadedModel) -> Work[None]:
        """Go on with another model, which reads all text again; unknown characters by the rule.

        Raises:
            UsageError: if it cannot use the settings, or does not know a character; nothing has
                changed then.
        """
        generator = model.generator(seed=self._seed)
        generator.sampler(self.settings)
        turns = [replace(turn, on_unknown=self.on_unknown) for turn in self._saved_turns()]
        tree = yield from reread(generator, turns)
        self._place(tree, self.tree.names, self.tree.visited, self.tree.current.number)
        self.model, self._training = model, []
        self._put(generator, tree)

    def saved(self) -> SavedSession:
        """Return all that is to be saved."""
        return SavedSession(
            run=self.model.name,
            step=self.model.step,
            weights=self.model.sha256,
            settings=self.settings,
            length=self.length,
            seed=self._seed,
            on_unknown=self.on_unknown,
            writings=self._writings,
            turns=tuple(self._saved_turns()),
            current=self.tree.current.number,
            names=dict(self.tree.names),
            visited=dict(self.tree.visited),
        )

    def _saved_turns(self) -> list[SavedTurn]:
        return [
            SavedTurn(
                turn.parent.number,
                turn.typed,
                turn.original,
                turn.on_unknown,
                turn.after.seed,
                turn.after.sample,
            )
            for turn in self.tree.turns
            if turn.parent is not None
        ]

    def restore(self, saved: SavedSession) -> Work[None]:
        """Go on with a saved session: the model reads all its text again.

        Raises:
            UsageError: if the model cannot use the settings, or does not know a character; nothing
                has changed then.
        """
        generator = self.model.generator(seed=saved.seed)
        generator.sampler(saved.settings)
        tree = yield from reread(generator, saved.turns)
        self._place(tree, saved.names, saved.visited, saved.current)
        self.settings, self.length = saved.settings, saved.length
        self.on_unknown = saved.on_unknown
        self._seed, self._writings = saved.seed, saved.writings
        self._put(generator, tree)

    @staticmethod
    def _place(
        tree: Tree, names: Mapping[str, int], visited: Mapping[int, int], current: int
    ) -> None:
        tree.names, tree.visited = dict(names), dict(visited)
        tree.go(tree.turns[current])

    def score(self, turns: Sequence[Turn]) -> Work[Scored]:
        """Tell how surprising each character of turns is; the state does not change."""
        generator, bits = self.generator.fork(), [np.zeros(0)]
        for turn in turns:
            text = turn.text
            generator.state = turn.parent.after if turn.parent else turn.prompted
            if not generator.state.characters and turn.read:
                # A first character that was typed is scored after the start, but read without.
                bits.append(generator.fork().score(text[:1], "replace"))
                generator.feed(text[:1], "replace")
                text = text[1:]
            for part in parts_of(len(text)):
                yield ""
                bits.append(generator.score(text[part], "replace"))
        return Scored("".join(turn.text for turn in turns), np.concatenate(bits))

    def next_words(self, count: int) -> list[NextWord]:
        """Return the likeliest words after the text; those that its last word may become."""
        ending = self.tree.current.ending(LONGEST_WORD)
        return next_words(self.generator, count, unfinished_word(ending))

    def complete_word(self, typed: str, count: int) -> list[NextWord]:
        """Return the likeliest words that a line being typed may go on with."""
        generator = self.generator.fork()
        rule: OnUnknown = "replace" if self.on_unknown == "error" else self.on_unknown
        generator.feed(join_text(generator, self.tree.current, typed, is_begun=True), rule)
        stem = unfinished_word(typed[-LONGEST_WORD:])
        return next_words(generator, count, stem, COMPLETION_SECONDS)

    def longest_copy(self, turn: Turn) -> int | None:
        """Return the longest run of characters of a turn that stands in the training text.

        None without a training text, or with one so large that it would take seconds.
        """
        copies = self._copies
        if turn not in copies:
            training = self._training_tokens()
            if training is None or not 0 < len(turn.written) <= MAX_COMPARED:
                copies[turn] = None
            else:
                tokens = self.generator.vocabulary.encode(turn.written, "replace")
                copies[turn] = longest_copies(training, [tokens])[0]
        return copies[turn]

    def known_copy(self, turn: Turn) -> int | None:
        """Return what `longest_copy` found, if it was asked before."""
        return self._copies.get(turn)

    def _training_tokens(self) -> Tokens | None:
        # The same list to the end: another model, with a list of its own, may come meanwhile.
        kept = self._training
        if not kept:
            tokens = None
            with suppress(TextgenError, OSError):  # no reason to stop writing
                tokens = self.model.training_tokens()
            is_small = tokens is not None and tokens.nbytes <= MAX_TRAINING_BYTES
            kept.append(tokens if is_small else None)
        return kept[0]


def _finished(turn: Turn, pieces: list[Piece], after: GenerationState, seconds: float) -> Turn:
    written = "".join(piece.text for piece in pieces)
    return replace(
        turn,
        original=written,
        written=written,
        after=after,
        nats=sum(piece.nats for piece in pieces),
        seconds=seconds,
        finish=pieces[-1].finish if pieces else None,
    )
