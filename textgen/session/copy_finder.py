"""How much of each turn is copied from the training text."""

from contextlib import suppress
from functools import cached_property

from textgen.data.tokens import Tokens
from textgen.data.vocabulary import Vocabulary
from textgen.errors import TextgenError
from textgen.generation.copies import longest_copies
from textgen.session.loaded_model import LoadedModel
from textgen.session.turn_tree import Turn

# Largest training text, in bytes, and longest turn, in characters, that are searched for copies.
# Larger ones take seconds.
MAX_TRAINING_BYTES = 20 * 10**6
MAX_COMPARED = 10**6


class CopyFinder:
    """Finds copies from the training text of a model, and remembers them for each turn."""

    def __init__(self, model: LoadedModel, vocabulary: Vocabulary) -> None:
        self._model, self._vocabulary = model, vocabulary
        self._found: dict[Turn, int | None] = {}

    def longest(self, turn: Turn) -> int | None:
        """Return the length of a turn's longest run of characters that the training text holds.

        Returns:
            The length in characters; None if there is no training text, or if the search would
            take seconds.
        """
        if turn not in self._found:
            training = self._training
            if training is None or not 0 < len(turn.written) <= MAX_COMPARED:
                self._found[turn] = None
            else:
                tokens = self._vocabulary.encode(turn.written, "replace")
                self._found[turn] = longest_copies(training, [tokens])[0]
        return self._found[turn]

    def known(self, turn: Turn) -> int | None:
        """Return what `longest` found for a turn; None if it was not called."""
        return self._found.get(turn)

    @cached_property
    def _training(self) -> Tokens | None:
        tokens = None
        with suppress(TextgenError, OSError):  # a session goes on without its training text
            tokens = self._model.training_tokens()
        is_small = tokens is not None and tokens.nbytes <= MAX_TRAINING_BYTES
        return tokens if is_small else None
