"""The text of a session: a tree of turns, each with the states of the model before and after it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import fitting_labels
from textgen.data.vocabulary import END
from textgen.errors import TextgenError, UsageError
from textgen.generation.generator import Generator
from textgen.generation.next_words import NextWord, next_words, unfinished_word
from textgen.generation.writing import GenerationState, Piece
from textgen.session.copy_finder import CopyFinder
from textgen.session.loaded_model import LoadedModel
from textgen.session.prefill import Progress, T, Work, join_text, parts_of, read_so_far, read_typed
from textgen.session.session_file import SavedPart, SavedSession, SavedTurn
from textgen.session.taught import Taught, learning_of
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import MAX_SEED, PROMPT_UNKNOWN, OnUnknown, SamplingSettings

# Most characters of an alternative: a whole turn of the usual length.
ALTERNATIVE_LENGTH = 300
# Most characters at the end of the text that are looked at for an unfinished word.
LONGEST_WORD = 100
# Time limit for finding the words that Tab offers, in seconds.
COMPLETION_SECONDS = 0.08


class Scored(NamedTuple):
    """A text and its surprise.

    Attributes:
        text: the text as the model read it. A newline stands for the end of a document.
        bits: surprise of each character in bits, float64 [T].
    """

    text: str
    bits: NDArray[np.float64]


class Conversation:
    """The text of a session, the model, and the settings that it writes with.

    Attributes:
        model: the model that reads and writes.
        settings: how characters are drawn.
        length: largest number of characters that a turn writes.
        on_unknown: what to do with typed characters that the model does not know.
        generator: the generator of the model, in the state after the current turn.
        tree: all turns.
        alternatives: the alternatives that were written last.
        copies: finds what the model has copied from its training text.
        exported: SHA-256 of what /export has written, for the SHA-256 of the path of each file.
        taught: what the network has learnt from the turns.
    """

    def __init__(
        self,
        model: LoadedModel,
        settings: SamplingSettings,
        *,
        seed: int,
        length: int,
        on_unknown: OnUnknown = PROMPT_UNKNOWN,
        begins: bool = True,
    ) -> None:
        """Begin without any text.

        Args:
            model: the model that reads and writes.
            settings: how characters are drawn.
            seed: seed of the draws.
            length: largest number of characters that a turn writes.
            on_unknown: what to do with typed characters that the model does not know.
            begins: whether the first text begins a document, or a line where the text has lines;
                otherwise it is read as the middle of a text.

        Raises:
            UsageError: if the settings cannot be used with the model.
        """
        self.model, self.settings = model, settings
        self.length, self.on_unknown = length, on_unknown
        self._begins = begins
        self.generator = model.generator(seed=seed)
        self.generator.sampler(settings)  # an error if the model cannot write with them
        self.tree = Tree(self.generator.settle())
        self.alternatives: list[Turn] = []
        self._seed = seed
        # Index of the next sample. Each turn draws a sample of its own, also after an undo.
        self._writings = 0
        self.copies = CopyFinder(model, self.generator.vocabulary)
        self.exported: dict[str, str] = {}
        self.taught = Taught(self.generator)

    @property
    def seed(self) -> int:
        """Seed of the draws. A new seed begins with its first sample."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed, self._writings = seed, 0
        self.go(self.tree.current)

    def go(self, turn: Turn) -> None:
        """Go to a turn, and bring back the weights that it was written with."""
        self.taught.use(_result(self.taught.recall(turn)))
        self.tree.go(turn)
        self.generator.state = replace(turn.after, seed=self._seed)
        self.taught.study(turn)

    def continue_text(self, text: str) -> Work[None]:
        """Read a text and continue it, as a new turn.

        If this is stopped while it reads, nothing has changed.

        Yields:
            Pieces of text as they are written.
        """
        parent, rule = self.tree.current, self.on_unknown
        self.generator.encode(text, rule)  # an error before anything is read
        try:
            learnt = yield from self.taught.learn(parent, text, rule)
            read = yield from read_typed(
                self.generator, parent, text, rule, self._seed, begins=self._begins
            )
        except GeneratorExit:
            self.go(parent)
            raise
        prompted = self.generator.settle()
        turn = Turn(0, parent, text, read, "", "", rule, prompted, prompted, begins=self._begins)
        turn = replace(turn, learns=self.taught.learns, learnt=learnt)
        yield from self._write(turn, self.length, self._add)

    def regenerate(self) -> Work[None]:
        """Write the last turn again, as another turn after its parent.

        Yields:
            Pieces of text as they are written.
        """
        turn = yield from self._prompted(self.tree.current)
        yield from self._write(turn, self.length, self._add)

    def write_alternatives(self, count: int) -> Iterator[Turn | None]:
        """Write alternatives to the last turn, which do not become turns of the text.

        Yields:
            Each alternative when it is complete; None while it is being written.
        """
        here = self.tree.current
        # Before any turn, alternatives to an empty turn are written.
        base = here if here.parent else replace(here, parent=here, on_unknown=self.on_unknown)
        self.alternatives, written = [], list[Turn]()
        try:
            base = _result(self._prompted(base))
            for _ in range(count):
                length = min(self.length, ALTERNATIVE_LENGTH)
                for _ in self._write(base, length, written.append):
                    yield None
                self.alternatives.append(written[-1])
                yield written[-1]
        finally:
            self.go(here)

    def _prompted(self, turn: Turn) -> Work[Turn]:
        """Return a turn whose typed text was read with what is set and was learnt by now."""
        learnt = turn.learnt
        if self.taught.learns and turn.learns and turn.parent is not None:
            learnt = yield from self.taught.learn(turn.parent, turn.typed, turn.on_unknown, learnt)
        is_same = turn.prompted.labels == self.generator.labels and learnt == turn.learnt
        if is_same or turn.parent is None:
            return turn
        read = yield from read_typed(
            self.generator,
            turn.parent,
            turn.typed,
            turn.on_unknown,
            self._seed,
            begins=turn.begins,
        )
        return replace(turn, read=read, prompted=self.generator.settle(), learnt=learnt)

    def _add(self, turn: Turn) -> None:
        self.taught.study(self.tree.add(turn))

    def pick(self, alternative: Turn) -> None:
        """Make an alternative a turn of the text, and go to it."""
        self.go(self.tree.add(alternative))

    def _write(self, turn: Turn, length: int, keep: Callable[[Turn], object]) -> Iterator[str]:
        """Write a turn.

        Args:
            turn: the turn, whose typed text was read.
            length: largest number of characters to write.
            keep: is called with the finished turn, also if the writing was stopped.

        Yields:
            Pieces of text as they are written.
        """
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
            keep(_finished(turn, pieces, generator.settle(), seconds))
            raise
        keep(_finished(turn, pieces, generator.settle(), seconds))

    def clear(self) -> bool:
        """Begin anew without any text; return False if there is none.

        `go_to_earlier_text` brings the text back.
        """
        if len(self.tree.turns) == 1:
            return False
        self._put_after(self.generator, Tree(self.tree.turns[0].after))
        return True

    def go_to_earlier_text(self) -> bool:
        """Bring back the text that `clear` or `restore` took away; return False if none was."""
        later, earlier = self.tree, self.tree.earlier
        if earlier is None:
            return False
        if len(later.turns) > 1:
            earlier.later = later
        self._put(self.generator, earlier)
        return True

    def go_to_later_text(self) -> bool:
        """Undo `go_to_earlier_text`; return False if there is no later text."""
        if self.tree.later is None:
            return False
        self._put(self.generator, self.tree.later)
        return True

    def _put_after(self, generator: Generator, tree: Tree) -> None:
        """Begin or continue another text, from which one can return to this one."""
        tree.earlier = self.tree if len(self.tree.turns) > 1 else self.tree.earlier
        self._put(generator, tree)

    def _put(self, generator: Generator, tree: Tree) -> None:
        self.generator = self.taught.generator = generator
        self.tree = tree
        self.alternatives = []
        self.go(tree.current)

    def switch(self, model: LoadedModel, rule: OnUnknown | None = None) -> Work[None]:
        """Continue with another model, which reads all text again.

        Args:
            model: the model.
            rule: what to do with characters that it does not know; None for `on_unknown`.

        Raises:
            UsageError: if the model cannot write with the settings, or does not know a character
                and the rule is `error`; or if the session learns and the model is a mixture.
                Nothing has changed then.
        """
        if model.others and self.taught.learning:
            raise UsageError("this session learns, and a mixture of runs does not")
        generator = model.generator(seed=self._seed)
        yield from _prepared(generator, self.settings)
        generator.sampler(self.settings)
        learning = self.taught.learning and learning_of(model, self.taught.learning.settings)
        rule = rule or self.on_unknown
        turns = [replace(turn, on_unknown=rule) for turn in self._saved_turns()]
        tree = yield from self.taught.reread(generator, turns, learning)
        generator.use_labels(fitting_labels(generator.label_fields, self.generator.labels))
        self._complete(tree, self.tree.names, self.tree.visited, self.tree.current.number)
        self.model, self.copies = model, CopyFinder(model, generator.vocabulary)
        self.taught.replace_learning(learning)
        self._put(generator, tree)

    def saved(self) -> SavedSession:
        """Return the session as it is saved."""
        return SavedSession(
            run=self.model.main.name,
            step=self.model.main.step,
            weights=self.model.main.sha256,
            mixed=saved_parts(self.model),
            settings=self.settings,
            length=self.length,
            seed=self._seed,
            on_unknown=self.on_unknown,
            writings=self._writings,
            turns=tuple(self._saved_turns()),
            current=self.tree.current.number,
            names=dict(self.tree.names),
            visited=dict(self.tree.visited),
            exported=dict(self.exported),
            labels=self.generator.labels,
            learning=self.taught.learning.settings if self.taught.learning else None,
            learns=self.taught.learns,
            learnt_weights=self.taught.weights,
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
                turn.begins,
                turn.ended,
                turn.after.labels,
                turn.learns,
                turn.learnt,
            )
            for turn in self.tree.turns
            if turn.parent is not None
        ]

    def restore(self, saved: SavedSession, model: LoadedModel | None = None) -> Work[None]:
        """Continue a saved session: the model reads all of its text again.

        Args:
            saved: the session.
            model: the model that continues it; None for that of this session.

        Raises:
            UsageError: if the model cannot write with the settings, or does not know a character.
                Nothing has changed then.
        """
        model = model or self.model
        generator = model.generator(seed=saved.seed)
        yield from _prepared(generator, saved.settings)
        generator.sampler(saved.settings)
        learning = self.taught.learning_for(model, saved)
        tree = yield from self.taught.reread(generator, saved.turns, learning)
        generator.use_labels(fitting_labels(generator.label_fields, saved.labels))
        self._complete(tree, saved.names, saved.visited, saved.current)
        if model is not self.model:
            self.model, self.copies = model, CopyFinder(model, generator.vocabulary)
        self.settings, self.length = saved.settings, saved.length
        self.on_unknown = saved.on_unknown
        self._seed, self._writings = saved.seed, saved.writings
        self.exported = {**saved.exported, **self.exported}
        self.taught.replace_learning(learning)
        self.taught.learns = learning is not None and (self.taught.learns or saved.learns)
        self._put_after(generator, tree)

    @staticmethod
    def _complete(
        tree: Tree, names: Mapping[str, int], visited: Mapping[int, int], current: int
    ) -> None:
        tree.names, tree.visited = dict(names), dict(visited)
        tree.go(tree.turns[current])

    def score(self, turns: Sequence[Turn]) -> Work[Scored]:
        """Return the surprise of each character of some turns; the state does not change."""
        generator, texts, bits = self.generator.fork(), list[str](), [np.zeros(0)]
        total = sum(len(turn.text) for turn in turns)
        for turn in turns:
            tokens = generator.vocabulary.encode(turn.text, "replace")
            texts.append(turn.text)
            if turn.finish == "end":
                tokens = np.concatenate([tokens, generator.vocabulary.encode_start(END)])
                texts.append("\n")
            generator.use_labels(turn.prompted.labels)
            generator.state = turn.parent.after if turn.parent else turn.prompted
            if not generator.settle().characters and turn.read and not turn.begins:
                # The text was read without the start of a text before it. For its first character
                # to have a probability, a fork reads that start and scores it.
                twin, first, tokens = generator.fork(), tokens[:1], tokens[1:]
                twin.read_start()
                bits.append(twin.score_tokens(first))
                generator.feed_tokens(first)
            generator.read_start()
            for part in parts_of(len(tokens)):
                yield read_so_far(sum(map(len, bits)), total)
                bits.append(generator.score_tokens(tokens[part]))
        return Scored("".join(texts), np.concatenate(bits))

    def next_words(self, count: int) -> list[NextWord]:
        """Return the likeliest next words; if the text ends in a word, the words it may become."""
        turn = self.tree.current
        ending = "" if turn.finish == "end" else turn.ending(LONGEST_WORD)
        return next_words(self.generator, count, unfinished_word(ending))

    def complete_word(self, typed: str, count: int) -> list[NextWord]:
        """Return the likeliest next words of a line that is being typed."""
        generator = self.generator.fork()
        rule: OnUnknown = "replace" if self.on_unknown == "error" else self.on_unknown
        text = join_text(generator, self.tree.current, typed, is_begun=True)
        generator.read_start()
        generator.feed_tokens(generator.encode(text, rule))
        stem = unfinished_word(typed[-LONGEST_WORD:])
        return next_words(generator, count, stem, COMPLETION_SECONDS)


def saved_parts(model: LoadedModel) -> tuple[SavedPart, ...]:
    """Return what is mixed with a model as it is saved."""
    return tuple(
        SavedPart(other.run.title, other.step, other.sha256, weight)
        for other, weight in model.others
    )


def _prepared(generator: Generator, settings: SamplingSettings) -> Work[None]:
    for share in generator.prepare(settings):
        yield "" if share is None else Progress(f"indexing the training text: {share:.0%}")


def _result(work: Work[T]) -> T:
    """Run out a piece of work, and return its result."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            found: T = done.value
            return found


def _finished(turn: Turn, pieces: list[Piece], after: GenerationState, seconds: float) -> Turn:
    written = "".join(piece.text for piece in pieces)
    finish = pieces[-1].finish if pieces else None
    return replace(
        turn,
        original=written,
        written=written,
        after=after,
        nats=sum(piece.nats for piece in pieces),
        seconds=seconds,
        finish=finish,
        ended=finish == "end",
    )
