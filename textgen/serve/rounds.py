"""Rounds: in each of them every text that runs is read or written for a few milliseconds."""

import time
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.generation.engine import Standing
from textgen.generation.writing import Drawn
from textgen.serve.figures import Counts
from textgen.serve.kept_states import KeptStates
from textgen.serve.loops import Loops, Pace
from textgen.serve.order import Ending, Likely, Order
from textgen.serve.reading import Reader
from textgen.serve.served_model import ServedModel
from textgen.serve.text import Text, likely_of
from textgen.serve.writing_rows import Group, kind_of

# Time that a round should take: for few texts short, so that a new one begins soon, and longer for
# many, so that what is done once a piece for each text does not count. At most a text that was
# cancelled keeps its place for two rounds.
ROUND_SECONDS, ROUND_SECONDS_PER_TEXT, LONGEST_ROUND = 0.008, 0.0003, 0.035
# Shortest time of a piece. Many kinds of texts at once make a round longer.
SHORTEST_PIECE = 0.001

# What was written of a text in a round: its characters, and why it ends.
Given = tuple[Text, str, Ending | None]


class Rounds:
    """The texts that run.

    Attributes:
        running: the texts.
        kept: the states after the last texts.
    """

    def __init__(self, loops: Loops, sessions: int, counts: Counts) -> None:
        """Begin without a text.

        Args:
            loops: the compiled loops.
            sessions: number of states that are kept.
            counts: counts what is done.
        """
        self._loops, self._pace, self._counts = loops, Pace(), counts
        self._reader = Reader(loops, self._pace)
        self._groups: dict[Hashable, Group] = {}
        self.running: list[Text] = []
        self.kept = KeptStates(sessions)

    def add(self, text: Text) -> None:
        """Let a text run, from a kept state if there is one."""
        self.running.append(text)
        if not text.is_cancelled:
            self._guarded([text], partial(self._admit, text))

    def _admit(self, text: Text) -> None:
        kept = None
        if not text.scores_prompt:
            kept = self.kept.find(text.weights.network, text.tokens)
        if kept is not None:
            self._counts.hits += 1
            text.skip(kept.length, kept.recurrent, kept.rest)
        self._begin_if_read([text])

    @property
    def places(self) -> int:
        """The number of texts that run and have not ended."""
        return sum(not text.is_over for text in self.running)

    def prepare(self, model: ServedModel, rows: Sequence[int]) -> list[Future[None]]:
        """Compile what texts without controls need, in the background; see `Loops.prepare`."""
        order = Order(model=model.name, prompt=np.zeros(0, np.int32))
        weights, sampler = model.weights({}), model.sampler(order.settings)
        text = Text(order, lambda _: None, weights, sampler, model.start)
        text.begin()
        group = Group(text, self._loops, self._pace)
        loops = partial(self._reader.prepare, weights), group.prepare
        prepared = [prepare(size) for size in rows for prepare in loops]
        return [future for future in prepared if future is not None]

    def step(self) -> bool:
        """Read or write a piece of every text that runs.

        Returns:
            Whether anything was read or written; otherwise all texts wait for a compiler.
        """
        self._end_cancelled()
        before = self._counts.read, self._counts.written, len(self.running)
        reading = _grouped(text for text in self.running if not text.is_read)
        calls = max(len(reading) + len(self._groups), 1)
        seconds = ROUND_SECONDS + ROUND_SECONDS_PER_TEXT * len(self.running)
        seconds = max(min(seconds, LONGEST_ROUND) / calls, SHORTEST_PIECE)
        for texts in reading.values():
            self._guarded(texts, partial(self._read, texts, seconds))
        for group in [*self._groups.values()]:
            self._guarded(group.texts, partial(self._write, group, seconds))
        self._drop_ended()
        return before != (self._counts.read, self._counts.written, len(self.running))

    def cut_all(self, waiting: Iterable[Text]) -> None:
        """End all texts that run, and some that wait."""
        self.running += waiting
        for text in self.running:
            text.is_cancelled = True
        self._end_cancelled()

    def _guarded(self, texts: Sequence[Text], function: Callable[[], None]) -> None:
        """Call a function; what goes wrong is the end of these texts, and of no others."""
        try:
            function()
        except Exception as error:
            for text in texts:
                if not text.is_over:
                    self._counts.ended("error", text.age)
                    text.fail(error)

    def _read(self, texts: Sequence[Text], seconds: float) -> None:
        """Read a piece of the prompts of texts with the same weights."""
        weights, is_scored = texts[0].weights, texts[0].scores_prompt
        together: dict[Hashable, list[Text]] = {}
        for text in texts:
            together.setdefault(text.reading, []).append(text)
        rows = [(same[0].unread, same[0].states) for same in together.values()]
        read = self._reader.read(weights, rows, seconds, is_scored=is_scored)
        for same, piece in zip(together.values(), read, strict=False):
            self._counts.read += piece.length
            for text in same:
                text.take_read(piece)
            first = same[0]
            if first.is_read:
                self.kept.keep(weights.network, first.tokens, first.states)
        self._begin_if_read(texts)

    def _begin_if_read(self, texts: Iterable[Text]) -> None:
        """Begin to write the texts whose prompts are read."""
        for text in texts:
            if text.is_read and not text.is_over:
                text.begin()
                if text.order.length:
                    kind = kind_of(text)
                    if kind not in self._groups:
                        self._groups[kind] = Group(text, self._loops, self._pace)
                    self._groups[kind].texts.append(text)
                else:
                    self._tell(text, "", (), "length")

    def _write(self, group: Group, seconds: float) -> None:
        """Write a piece of the texts of a group, and deliver it."""
        given: list[Given] = []

        def take(text: Text, drawn: Drawn, standing: Standing | None) -> None:
            given.append((text, *text.take_written(drawn, standing)))

        first = group.texts[0]
        if is_reported := first.order.top is not None:
            # Nothing is written before it can be scored, which a compiler may delay.
            if not self._reader.is_ready(first.weights, is_scored=True):
                return
            seconds /= 2
        group.write(seconds, take)
        likely: dict[int, list[Likely]] = {}
        if is_reported:
            encode = first.sampler.vocabulary.encode
            scored = [(text, encode(characters)) for text, characters, _ in given]
            likely = self._score(scored, seconds)
            ended = [text for text, _, finish in given if finish == "end"]
            for key, found in self._score_ends(ended, seconds).items():
                likely[key] += found
        for text, characters, finish in given:
            self._counts.written += len(characters)
            self._tell(text, characters, likely.get(id(text), ()), finish)
            if finish is not None:
                self.kept.keep(text.weights.network, *text.last_state())

    def _score_ends(self, ended: Sequence[Text], seconds: float) -> dict[int, list[Likely]]:
        """Return what the model expected of the symbol after texts; their states are kept."""
        texts = [(text, text.states) for text in ended]
        symbol = [np.array([text.sampler.vocabulary.end_id], np.int32) for text, _ in texts]
        likely = self._score([*zip([text for text, _ in texts], symbol, strict=True)], seconds)
        for text, states in texts:
            text.states = states
        return likely

    def _score(
        self, given: Sequence[tuple[Text, NDArray[np.int32]]], seconds: float
    ) -> dict[int, list[Likely]]:
        """Return what the model expected of what was written."""
        likely: dict[int, list[Likely]] = {id(text): [] for text, _ in given}
        rest = [(text, tokens) for text, tokens in given if len(tokens)]
        while rest:
            rows = [(tokens, text.states) for text, tokens in rest]
            pieces = self._reader.read(rest[0][0].weights, rows, seconds, is_scored=True)
            if not pieces:  # its loop is compiled again, after too many others were
                time.sleep(SHORTEST_PIECE)
            for (text, tokens), piece in zip(rest, pieces, strict=False):
                top = text.order.top or 0
                likely[id(text)] += likely_of(tokens[: piece.length], piece, top)
                text.states = piece.states
            lengths = [piece.length for piece in pieces] + [0] * (len(rest) - len(pieces))
            after = [
                (text, tokens[length:])
                for (text, tokens), length in zip(rest, lengths, strict=True)
            ]
            rest = [(text, tokens) for text, tokens in after if len(tokens)]
        return likely

    def _tell(
        self, text: Text, characters: str, likely: Iterable[Likely], finish: Ending | None
    ) -> None:
        if finish is not None:  # counted before a client knows of it
            self._counts.ended(finish, text.age)
        if text.deliver(characters, likely, finish):
            self._counts.first_part(text.seconds or 0.0)

    def _end_cancelled(self) -> None:
        for text in self.running:
            if text.is_cancelled and not text.is_over:
                self._tell(text, "", (), "cut")
        self._drop_ended()

    def _drop_ended(self) -> None:
        if self.places == len(self.running):
            return
        self.running = [text for text in self.running if not text.is_over]
        for kind, group in [*self._groups.items()]:
            group.texts = [text for text in group.texts if not text.is_over]
            if not group.texts:
                del self._groups[kind]


def _grouped(texts: Iterable[Text]) -> dict[Any, list[Text]]:
    """Return texts that can be read by one loop side by side."""
    groups: dict[Any, list[Text]] = {}
    for text in texts:
        groups.setdefault((id(text.weights), text.scores_prompt), []).append(text)
    return groups
