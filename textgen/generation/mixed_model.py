"""Several trained models in memory that write together: their probabilities are mixed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from textgen.data.formats.decoding import Normalization
from textgen.data.labels import AskedLabels, LabelField, LabelShares, fitting_labels, label_shares
from textgen.data.mixed_vocabulary import PartIds, mixed_vocabulary, part_ids
from textgen.data.text_rules import DocumentUnit
from textgen.data.tokens import Tokens, token_dtype
from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary
from textgen.generation.copy_index import CopyIndex
from textgen.generation.engine import Engine
from textgen.generation.generator import Generator
from textgen.generation.model import Model, make_generator
from textgen.network.mixture import MixedPart, Mixture
from textgen.network.parameters import Arrays
from textgen.runs.run import Run

# Logit of what a part must not write. Its probability is 0 then, and the others add up to 1.
NEVER = np.float32(-1e4)
BIAS = "projection.bias"


@dataclass(frozen=True, kw_only=True)
class MixedConfig:
    """All of a mixture except its parameters; see `ModelConfig`.

    Attributes:
        settings: the networks' shapes.
        vocabulary: the characters and their ids.
        start: the character that is read first, or `END`.
        normalization: Unicode normal form of texts; that of the first run.
        labels: fields of the labels of all parts.
    """

    settings: Mixture
    vocabulary: Vocabulary
    start: str
    normalization: Normalization
    labels: tuple[LabelField, ...]


@dataclass(frozen=True)
class MixedModel:
    """Several models whose probabilities are mixed; it is used as a `Model` is.

    The first one decides what begins and what ends a text; see `textgen.data.mixed_vocabulary`.

    Attributes:
        models: at least two models that read forward.
        weights: weight of the probabilities of each, in (0, 1); their sum is 1.
        labels: shares of the labels that it writes with. Each part that has a field writes with it.
    """

    models: tuple[Model, ...]
    weights: tuple[float, ...]

    @property
    def main(self) -> Model:
        """The first model."""
        return self.models[0]

    @property
    def others(self) -> tuple[tuple[Model, float], ...]:
        """The other models with their weights."""
        return tuple(zip(self.models[1:], self.weights[1:], strict=True))

    @property
    def run(self) -> Run:
        """The run of the first model."""
        return self.main.run

    @property
    def step(self) -> int:
        """Step of the first model."""
        return self.main.step

    @property
    def name(self) -> str:
        """Names of the runs, with their weights unless these are equal: `a:0.7+b:0.3`."""
        return self._named([model.name for model in self.models])

    @property
    def place(self) -> str:
        """Paths of the runs, which tell this mixture from another one."""
        return self._named([model.place for model in self.models])

    def _named(self, names: Sequence[str]) -> str:
        if len({*self.weights}) == 1:
            return "+".join(names)
        pairs = zip(names, self.weights, strict=True)
        return "+".join(f"{name}:{weight:.3g}" for name, weight in pairs)

    @property
    def sha256(self) -> str:
        """SHA-256 of those of the models, and of their weights in the mixture."""
        parts = zip(self.models, self.weights, strict=True)
        told = "\n".join(f"{model.sha256} {weight!r}" for model, weight in parts)
        return hashlib.sha256(told.encode()).hexdigest()

    def to_json(self) -> list[dict[str, Any]]:
        """Return what is mixed as JSON can hold it: each run, its checkpoint and its weight."""
        return [
            {"run": model.name, "step": model.step, "sha256": model.sha256, "weight": weight}
            for model, weight in zip(self.models, self.weights, strict=True)
        ]

    @property
    def documents(self) -> DocumentUnit:
        """What a document of the first model's training text is."""
        return self.main.documents

    @cached_property
    def config(self) -> MixedConfig:
        """All of it but the parameters."""
        vocabulary = mixed_vocabulary([model.config.vocabulary for model in self.models])
        parts = tuple(model.config.settings for model in self.models)
        return MixedConfig(
            settings=Mixture(parts=parts, vocab_size=len(vocabulary)),
            vocabulary=vocabulary,
            start=self.main.config.start,
            normalization=self.main.config.normalization,
            labels=_all_fields([model.config.labels for model in self.models]),
        )

    @cached_property
    def ids(self) -> tuple[PartIds, ...]:
        """What each part makes of the ids of the mixture."""
        mixed = self.config.vocabulary
        return tuple(part_ids(mixed, model.config.vocabulary) for model in self.models)

    @cached_property
    def parameters(self) -> tuple[MixedPart, ...]:
        """The arrays of each part, and what it makes of the ids of the mixture."""
        return tuple(map(_mixed_part, self.models, self.weights, self.ids))

    @property
    def labels(self) -> LabelShares:
        """Shares of the labels that the parts write with."""
        return {name: shares for model in self.models for name, shares in model.labels.items()}

    def labelled(self, asked: AskedLabels) -> "MixedModel":
        """Return the mixture that writes with other labels; see `Model.labelled`.

        Each part takes those that it has; a field with a value that it does not have is left out.
        """
        shares = label_shares(self.config.labels, asked)
        if not shares and not self.labels:
            return self
        parts = [
            model.labelled(fitting_labels(model.config.labels, shares)) for model in self.models
        ]
        return replace(self, models=tuple(parts))

    def generator(self, *, seed: int, sample: int = 0, engine: Engine | None = None) -> Generator:
        """Begin a session; see `Model.generator`."""
        return make_generator(self, seed=seed, sample=sample, engine=engine)

    @property
    def copies(self) -> CopyIndex:
        """What opens the table of the training texts; it is not kept, since no run has them all."""
        return CopyIndex(self.training_tokens, len(self.config.vocabulary))

    def training_tokens(self) -> Tokens | None:
        """Return the training texts of all runs, each once; None if one of them was not kept."""
        texts, seen = list[Tokens](), set[tuple[str, int, str]]()
        for model, ids in zip(self.models, self.ids, strict=True):
            tokens = model.training_tokens()
            if tokens is None:
                return None
            corpus = model.run.record().corpus
            text = corpus.tokens_sha256, corpus.training_ids, model.config.vocabulary.characters
            if text not in seen:
                texts.append(self._recoded(tokens, ids))
            seen.add(text)
        if len(texts) == 1:
            return texts[0]
        # No run of characters goes from one text to the next.
        between = np.array([UNKNOWN_ID], token_dtype(len(self.config.vocabulary)))
        joined = [array for text in texts for array in (between, np.asarray(text))]
        return np.concatenate(joined[1:])

    def validation_tokens(self) -> Tokens | None:
        """Return the validation text of the first run; None if it was not kept."""
        tokens = self.main.validation_tokens()
        return None if tokens is None else self._recoded(tokens, self.ids[0])

    def _recoded(self, tokens: Tokens, ids: PartIds) -> Tokens:
        if np.array_equal(ids.written, np.arange(len(ids.written))):
            return tokens
        table = ids.written.astype(token_dtype(len(self.config.vocabulary)))
        found: Tokens = table[np.asarray(tokens)]
        return found

    def jax_engine(self) -> Engine:
        """Start JAX and return the engine for many or long samples; see `Model.jax_engine`."""
        from textgen.generation.jax_engine import JaxEngine  # only here: it costs a second

        for model in self.models:
            model.check_jax_memory()
        return JaxEngine(self.config.settings, self.parameters)


AnyModel = Model | MixedModel


def _mixed_part(model: Model, weight: float, ids: PartIds) -> MixedPart:
    arrays: Arrays = model.parameters
    if len(ids.silent):
        bias = arrays[BIAS].copy()
        bias[ids.silent] = NEVER
        arrays = {**arrays, BIAS: bias}
    with np.errstate(divide="ignore"):  # ln 0 is what is meant
        shares = np.log(weight * ids.shares).astype(np.float32)
    return MixedPart(arrays, np.float32(weight), ids.readings, shares)


def _all_fields(each: Sequence[Sequence[LabelField]]) -> tuple[LabelField, ...]:
    """Return the fields of the labels of several runs, each with the values of all."""
    counts: dict[str, dict[str, int]] = {}
    for fields in each:
        for field in fields:
            values = counts.setdefault(field.name, {})
            for value, number in zip(field.values, field.documents, strict=True):
                values[value] = values.get(value, 0) + number
    return tuple(
        LabelField(name, tuple(values), tuple(values.values())) for name, values in counts.items()
    )
