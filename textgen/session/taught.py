"""What the network of a session has learnt from its turns, and brings back with them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.errors import TextgenError, UsageError
from textgen.generation.generator import Generator
from textgen.generation.learning import Learnt
from textgen.session.learning import Learning, lesson, lesson_with
from textgen.session.loaded_model import LoadedModel
from textgen.session.prefill import Work, reread
from textgen.session.session_file import SavedSession, SavedTurn
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import LearningSettings, OnUnknown


class Taught:
    """The learning of the network of a session.

    Attributes:
        generator: the generator of the session, whose weights change.
        learning: what the network learns with; None if it has learnt nothing.
        learns: whether it learns from the next turn.
        in_use: what was learnt before the current turn was written; None for nothing.
    """

    def __init__(self, generator: Generator) -> None:
        """Begin without learning."""
        self.generator = generator
        self.learning: Learning | None = None
        self.learns = False
        self.in_use: Learnt | None = None
        self._notes: list[str] = []

    def start(
        self, model: LoadedModel, settings: LearningSettings | None = None, *, waits: bool = False
    ) -> None:
        """Learn from the next turn on. What learns is made ready in the background.

        Args:
            model: the model of the session.
            settings: how to learn; None to go on as before.
            waits: whether each turn waits until everything is learnt.

        Raises:
            UsageError: if the run has not kept its training text, or the model is a mixture.
        """
        if model.others:
            raise UsageError("a mixture of runs does not learn; /mix off ends the mixture")
        if model.training_tokens() is None:
            raise UsageError(
                f"the run {model.name!r} has not kept its training text, which learning needs"
            )
        if self.learning is None or self.learning.problem:
            self.learning = learning_of(model, settings)
        self.learning.waits, self.learns = waits, True

    def take_notes(self) -> list[str]:
        """Return what happened to the learning since the last call, in words."""
        notes, self._notes = self._notes, []
        return notes

    def close(self) -> None:
        """End the learning in the background."""
        if self.learning is not None:
            self.learning.close()

    def lesson(self, turn: Turn, *, is_kept: bool = False) -> NDArray[np.int32]:
        """Return the ids of the text that leads to a turn, as far as the network learns it."""
        return lesson(self.generator, turn.path(), is_kept=is_kept)

    def recall(self, turn: Turn) -> Work[Learnt | None]:
        """Return what had been learnt when a turn was written; None for nothing.

        What is not kept in memory any more is learnt again.
        """
        if self.learning is None or not turn.learnt:
            return None
        return (yield from self.learning.recall(self.lesson(turn), turn.learnt))

    def missing(self, turn: Turn) -> int:
        """Return how many characters must be learnt again for the weights of a turn."""
        if self.learning is None or not turn.learnt:
            return 0
        found = self.learning.weights.find(self.lesson(turn), turn.learnt)
        return (turn.learnt - found.segments) * self.learning.learner.segment

    def learn_whole(self, turn: Turn) -> Work[Learnt | None]:
        """Learn all that leads to a turn, and return it; None for nothing.

        The weights in use stay the same.
        """
        if self.learning is None:
            return None
        learnt = yield from self.recall(turn)
        if self.learns and turn.learns:
            tokens = self.lesson(turn)
            segments = (len(tokens) - 1) // self.learning.settings.segment
            learnt = yield from self.learning.recall(tokens, segments)
            self.study(turn)
        return learnt if learnt is not None and learnt.segments else None

    def learn(self, parent: Turn, text: str, rule: OnUnknown, least: int = 0) -> Work[int]:
        """Learn a text that is typed after a turn, and read and write with what was learnt.

        Args:
            parent: the turn.
            text: the text as typed.
            rule: what to do with characters that the model does not know.
            least: number of segments to learn at least.

        Returns:
            The number of segments that the weights in use have learnt.
        """
        least = max(parent.learnt, least)
        if not self.learns or self.learning is None:
            return least
        tokens = lesson_with(self.generator, parent, text, rule)
        try:
            learnt = yield from self.learning.advance(tokens, least)
        except TextgenError as error:
            self.learns = False
            self._notes.append(f"learning is off: {error}")
            return least
        if learnt is None:
            self._notes.append("the network is not ready to learn yet; it wrote this without")
            return least
        self.use(learnt)
        return learnt.segments

    def use(self, learnt: Learnt | None) -> None:
        """Read and write with what was learnt; None for the trained network."""
        self.in_use = learnt if learnt is not None and learnt.segments else None
        self.generator.use_weights(self.in_use.arrays if self.in_use is not None else None)

    def study(self, turn: Turn) -> None:
        """Learn in the background what leads to a turn, and then what was written in it."""
        if self.learns and self.learning is not None and turn.learns:
            self.learning.study(self.lesson(turn), self.lesson(turn, is_kept=True))

    @property
    def weights(self) -> str:
        """SHA-256 of what is in use, in hexadecimal; empty if nothing was learnt."""
        return self.in_use.sha256 if self.in_use is not None else ""

    def learning_for(self, model: LoadedModel, saved: SavedSession) -> Learning | None:
        """Return what learns as a saved session did; None if neither it nor this one learns."""
        if saved.learning is None or (
            self.learning is not None and self.learning.settings == saved.learning
        ):
            return self.learning
        return learning_of(model, saved.learning)

    def reread(
        self, generator: Generator, turns: Sequence[SavedTurn], learning: Learning | None
    ) -> Work[Tree]:
        """Read turns again as `reread` does, and learn what had been learnt."""

        def learn(parent: Turn, turn: SavedTurn) -> Work[int]:
            learnt = None
            if learning is not None and turn.learnt:
                typed = turn.typed if turn.learns else ""
                tokens = lesson_with(generator, parent, typed, turn.on_unknown)
                learnt = yield from learning.recall(tokens, turn.learnt)
            generator.use_weights(learnt.arrays if learnt is not None else None)
            return learnt.segments if learnt is not None else 0

        try:
            return (yield from reread(generator, turns, learn))
        except (GeneratorExit, TextgenError):
            if learning is not None and learning is not self.learning:
                learning.close()
            raise

    def replace_learning(self, learning: Learning | None) -> None:
        """Go on with something else that learns."""
        if learning is not self.learning:
            self.close()
        if learning is not None and self.learning is not None:
            learning.waits = self.learning.waits
        self.learning = learning
        self.learns = self.learns and learning is not None


def learning_of(model: LoadedModel, settings: LearningSettings | None = None) -> Learning:
    """Return what learns with a model. It is made ready in the background."""
    return Learning(model.generator(seed=0).learner, settings or LearningSettings())
