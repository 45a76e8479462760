"""Score how well a text fits each of several models, line by line and as a whole."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from itertools import chain, islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.vocabulary import END, UNKNOWN_ID, Vocabulary
from textgen.errors import UnknownCharacterError, UsageError
from textgen.evaluation.scored_text import Line, Part, Unknown, cut_blocks, cut_lines, gather_lines
from textgen.evaluation.scoring import (
    AScorer,
    MixedScorer,
    MixedSeparateScorer,
    NumpyScorer,
    Scorer,
    SeparateScorer,
    charge_unknown,
    posteriors,
)
from textgen.generation.engine import choose_engine
from textgen.generation.mixed_model import AnyModel, MixedModel
from textgen.generation.model import Model
from textgen.network.parameters import Arrays
from textgen.runtime.environment import prepare_jax
from textgen.settings import ModelSettings, OnUnknown

# Number of independent lines scored at a time, and the longest of them in characters.
LINES_AT_ONCE = 1024
MAX_LINE = 2**16


class Scoring:
    """Reads a text with several models, and sums up its surprise to each of them.

    Attributes:
        models: M models.
        names: names of their runs, or the paths if two runs have the same name.
        characters: number of characters read so far, with the ends of documents.
        documents: number of ends of documents among them.
        nats: surprise of these characters to each model, float64 [M].
        unknown: the characters that each model does not know.
    """

    def __init__(
        self,
        models: Sequence[AnyModel],
        *,
        on_unknown: OnUnknown = "replace",
        dynamic: bool = False,
        priors: NDArray[np.float64] | None = None,
    ) -> None:
        """Prepare to read.

        Args:
            models: at least one.
            on_unknown: what to do with characters that a model does not know. `replace` counts each
                as one of the other characters of Unicode (see `charge_unknown`). `nearest` and
                `skip` change the text for all models in the same way.
            dynamic: whether the models go on learning from what they read.
            priors: prior probability of each model for `report`; None for the same for all.

        Raises:
            UsageError: if no character is known to all models.
        """
        self.models = models
        names = [model.name for model in models]
        self.names = (
            names
            if len({*names}) == len({model.place for model in models})
            else [model.place for model in models]
        )
        self.characters = self.documents = 0
        self.nats = np.zeros(len(models))
        self.unknown = [Unknown() for _ in models]
        self._on_unknown, self._dynamic, self._priors = on_unknown, dynamic, priors
        self._protocol = "dynamic" if dynamic else "stream"
        alphabets = [model.config.vocabulary.characters for model in models]
        known = reduce(_common, alphabets)
        if any(END in alphabet for alphabet in alphabets):
            known = known.replace(END, "") + END
        if not known:
            raise UsageError("no character is known to all of the runs; give runs of similar texts")
        self._known = Vocabulary(known)

    def read(self, chunks: Iterable[str]) -> Iterator[Part]:
        """Read a text with the state carried along.

        Args:
            chunks: the text in pieces of any length.

        Yields:
            The text with its surprise, part by part.

        Raises:
            UsageError: if the models go on learning, and a run has not kept its training text.
        """
        text, source = _peek(iter(chunks))
        scorers = self._scorers(text)
        size = scorers[0].piece
        for piece in cut_blocks(self._rewritten(source), size):
            ids = [self._ids(model, piece) for model in self.models]
            nats = [scorer.read(tokens) for scorer, tokens in zip(scorers, ids, strict=True)]
            yield Part(piece, self._count(piece, ids, nats))

    def read_lines(self, chunks: Iterable[str]) -> Iterator[Line]:
        """Read a text as `read` does, and yield its lines."""
        return gather_lines(self.read(chunks))

    def read_each_line(self, chunks: Iterable[str]) -> Iterator[Line]:
        """Read each line of a text by itself, without context; the models do not learn.

        Raises:
            UsageError: if a line is longer than 65,536 characters.
        """
        self._protocol = "each line by itself"
        text, source = _peek(iter(chunks))
        scorers: list[SeparateScorer] = self._separate_scorers(text)
        lines = enumerate(cut_lines(self._rewritten(source), MAX_LINE), start=1)
        while some := list(islice(lines, LINES_AT_ONCE)):
            texts = [line for _, line in some]
            found = []
            for model, scorer in zip(self.models, scorers, strict=True):
                ids = [self._ids(model, line) for line in texts]
                found.append((ids, scorer.read_each(ids)))
            for index, (number, line) in enumerate(some):
                ids = [tokens[index] for tokens, _ in found]
                nats = self._count(line, ids, [scored[index] for _, scored in found])
                yield Line.of(number, line, nats)

    def report(self) -> dict[str, Any]:
        """Return the scores of the text so far as JSON can hold them; it must not be empty."""
        bits = self.nats / math.log(2)
        shares = posteriors(self.nats, self._priors)
        runs = [
            {
                "run": self.names[number],
                "step": model.step,
                "sha256": model.sha256,
                **({"mixed": model.to_json()} if isinstance(model, MixedModel) else {}),
                "bits_per_character": float(bits[number] / self.characters),
                "perplexity": float(2 ** (bits[number] / self.characters)),
                "bits": float(bits[number]),
                "posterior": float(shares[number]),
                "unknown": {
                    "count": unknown.count,
                    "bits": unknown.nats / math.log(2),
                    "examples": unknown.examples,
                },
            }
            for number, (model, unknown) in enumerate(zip(self.models, self.unknown, strict=True))
        ]
        return {
            "characters": self.characters,
            "documents": self.documents,
            "protocol": self._protocol,
            "runs": runs,
        }

    def _rewritten(self, chunks: Iterable[str]) -> Iterator[str]:
        """Apply the rule for characters that a model does not know."""
        position = 0
        for chunk in chunks:
            if self._on_unknown == "replace":
                yield chunk
                continue
            try:
                yield self._known.decode(self._known.encode_documents(chunk, self._on_unknown))
            except UnknownCharacterError as error:
                position += error.position
                raise UnknownCharacterError(error.character, position, error.rule) from None
            position += len(chunk)

    @staticmethod
    def _ids(model: AnyModel, text: str) -> NDArray[np.int32]:
        return model.config.vocabulary.encode_documents(text, "replace")

    def _count(
        self, text: str, ids: Sequence[NDArray[np.int32]], nats: Sequence[NDArray[np.float32]]
    ) -> NDArray[np.float32]:
        """Add characters to the sums, and return their surprise with `charge_unknown` applied."""
        charged = np.zeros((len(self.models), len(text)), np.float32)
        for number, (tokens, unknown) in enumerate(zip(ids, self.unknown, strict=True)):
            vocab_size = self.models[number].config.settings.vocab_size
            charged[number] = charge_unknown(nats[number], tokens, vocab_size)
            positions = np.flatnonzero(tokens == UNKNOWN_ID)
            unknown.add([text[at] for at in positions.tolist()], charged[number, positions])
        self.characters += len(text)
        self.documents += text.count(END)
        self.nats += charged.sum(axis=1, dtype=np.float64)
        return charged

    def _scorers(self, text: str) -> Sequence[Scorer]:
        if not self._dynamic:
            return self._separate_scorers(text)
        _start_jax()
        from textgen.evaluation.compiled_scoring import DynamicScorer

        def learning(model: Model, parameters: Arrays, start: int) -> Scorer:
            training = model.training_tokens()
            if training is None:
                raise UsageError(
                    f"the run {model.name!r} has not kept its training text, which --dynamic needs"
                )
            return DynamicScorer(model.config.settings, parameters, start, training)

        return [
            MixedScorer(_each(model, learning), model.parameters)
            if isinstance(model, MixedModel)
            else _each(model, learning)[0]
            for model in self.models
        ]

    def _separate_scorers(self, text: str) -> list[SeparateScorer]:
        """Return NumPy scorers for a text so short that starting JAX would take longer."""
        kind: Callable[[ModelSettings, Arrays, int], SeparateScorer] = NumpyScorer
        if not all(_is_short(text, model) for model in self.models):
            _start_jax()
            from textgen.evaluation.compiled_scoring import JaxScorer

            kind = JaxScorer

        def make(model: Model, parameters: Arrays, start: int) -> SeparateScorer:
            if kind is not NumpyScorer:
                from textgen.runtime.cpu_memory import check_use  # only here: it imports JAX

                use = f"scoring with the run {model.name!r} and JAX"
                check_use(model.config.settings, 1, use)
            return kind(model.config.settings, parameters, start)

        return [
            MixedSeparateScorer(_each(model, make), model.parameters)
            if isinstance(model, MixedModel)
            else _each(model, make)[0]
            for model in self.models
        ]


def _start_jax() -> None:
    prepare_jax()
    from textgen.runtime.devices import present_devices

    present_devices()


def _each(model: AnyModel, make: Callable[[Model, Arrays, int], AScorer]) -> list[AScorer]:
    """Make a scorer of a model's network, or one of each network that is mixed.

    Args:
        model: the model.
        make: returns the scorer of a model, its parameters, and the id before the first character.
    """
    start = int(model.config.vocabulary.encode_start(model.config.start)[0])
    if isinstance(model, Model):
        return [make(model, model.parameters, start)]
    pairs = zip(model.models, model.parameters, strict=True)
    return [make(one, part.arrays, int(part.readings[start])) for one, part in pairs]


def _is_short(text: str, model: AnyModel) -> bool:
    return choose_engine("auto", model.config.settings, len(text), 1) == "numpy"


def _common(first: str, second: str) -> str:
    return "".join(character for character in first if character in second)


def _peek(chunks: Iterator[str]) -> tuple[str, Iterator[str]]:
    """Return the first piece of a text, which is the whole of a short text, and the whole text."""
    first = next(chunks, "")
    return first, chain([first], chunks)
