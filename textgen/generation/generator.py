"""A session with a model: what it has read is a state that can be kept, forked and rewound."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from textgen.data.vocabulary import OnUnknown, Vocabulary
from textgen.generation.engines import Engine, NumpyEngine, States
from textgen.generation.sampling import Draws
from textgen.settings import SamplingSettings


@dataclass(frozen=True)
class GenerationState:
    """All that decides how a session goes on, beside the model and the settings.

    Attributes:
        recurrent: every layer's state, members float32 [H].
        characters: how many characters were read or written so far.
        seed: of the draws.
        sample: index of the draws.
        position: draws made so far.
    """

    recurrent: States
    characters: int
    seed: int
    sample: int
    position: int


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
    ) -> None:
        """Begin a session that has read nothing.

        Args:
            reader: the engine that reads.
            vocabulary: the model's characters.
            start: the character that is read first if the session writes before it reads.
            seed: with `sample`, decides what is drawn; in [0, 2**63).
            sample: which of a seed's samples this is.
            engine: the engine that writes; None for the reader.
        """
        self._reader = reader
        self._engine: Engine = engine or reader
        self._start = start
        self.vocabulary = vocabulary
        self.state = GenerationState(reader.zero_states(), 0, seed, sample, 0)

    def feed(self, text: str, on_unknown: OnUnknown = "error") -> None:
        """Read text.

        Raises:
            UnknownCharacterError: if a character is not in the vocabulary and `on_unknown` is
                `error`; the state is then as it was.
        """
        tokens = self.vocabulary.encode(text, on_unknown)
        state = self.state
        self.state = replace(
            state,
            recurrent=self._reader.read(tokens, state.recurrent),
            characters=state.characters + len(tokens),
        )

    def stream(self, length: int, settings: SamplingSettings) -> Iterator[str]:
        """Write text.

        Args:
            length: characters to write.
            settings: how to draw them.

        Yields:
            The text in pieces; `state` is always the one after the last piece.
        """
        for (piece,) in write_side_by_side([self], length, settings):
            yield piece

    def fork(self, sample: int | None = None) -> Self:
        """Return a second session in the same state, which then goes its own way.

        Args:
            sample: another index of draws, begun anew; None to go on with the same.
        """
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        if sample is not None:
            twin.state = replace(self.state, sample=sample, position=0)
        return twin


def write_side_by_side(
    generators: list[Generator], length: int, settings: SamplingSettings
) -> Iterator[tuple[str, ...]]:
    """Write with several sessions of one model at once.

    Args:
        generators: the sessions, at least one, with the same engine.
        length: characters each of them writes.
        settings: how to draw them.

    Yields:
        The next piece of each session's text.
    """
    for generator in generators:
        if not generator.state.characters:
            generator.feed(generator._start)
    engine = generators[0]._engine
    written = 0
    draws = [Draws(g.state.seed, g.state.sample, g.state.position) for g in generators]
    while written < length:
        count = min(engine.piece, length - written)
        states = [generator.state.recurrent for generator in generators]
        tokens, states = engine.write(states, draws, settings, count)
        written += count
        for generator, recurrent, numbers in zip(generators, states, draws, strict=True):
            generator.state = replace(
                generator.state,
                recurrent=recurrent,
                characters=generator.state.characters + count,
                position=numbers.position,
            )
        decode = generators[0].vocabulary.decode
        yield tuple(decode(row) for row in tokens)
