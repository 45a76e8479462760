"""A model that is served: its weights with each choice of labels, and its prepared settings."""

import threading
from collections import OrderedDict
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from textgen.data.formats.decoding import normalized
from textgen.data.labels import AskedLabels, label_shares
from textgen.data.text_rules import DocumentUnit
from textgen.errors import RunError
from textgen.generation.constraints import FREE, Script, WordTable
from textgen.generation.jax_engine import sampling_mesh
from textgen.generation.model import Model
from textgen.generation.sampler import Knobs, Sampler
from textgen.serve.weights import Placed, Weights
from textgen.settings import OnUnknown, SamplingSettings

Key = TypeVar("Key")
Value = TypeVar("Value")

# Most samplers, and most choices of labels, that are kept for the next texts.
MOST_KEPT = 32
# Smallest sizes of a list of words and of beginnings of lines in a compiled loop.
SMALLEST_WORDS, SMALLEST_SCRIPT = 2**12, 2**6


class ServedModel:
    """A model that is served. All methods can be called from any thread.

    Attributes:
        name: name of the run, which is the id of the model.
        vocabulary: the model's vocabulary.
        settings: shape of the network.
        created: when the run was begun, in seconds since 1970; 0 if that is not known.
        labels: fields of the labels that it can write with.
        documents: what a document of its training text is.
    """

    def __init__(self, model: Model) -> None:
        """Serve a model until there is a better one; see `follow`."""
        self.name, self.vocabulary = model.name, model.config.vocabulary
        self.settings, self.labels = model.config.settings, model.config.labels
        self.created = 0
        self.documents: DocumentUnit = "whole"
        with suppress(RunError):
            self.documents = model.documents
            self.created = int(datetime.fromisoformat(model.run.record().created).timestamp())
        self._model, self._lock = model, threading.Lock()
        self._weights: OrderedDict[object, Weights] = OrderedDict()
        self._samplers: OrderedDict[SamplingSettings, Sampler] = OrderedDict()

    @property
    def step(self) -> int:
        """The step of the checkpoint that new texts are written with."""
        return self._model.step

    def encode(self, text: str, on_unknown: OnUnknown) -> NDArray[np.int32]:
        """Turn text into ids, in the normal form of the training text; see `Vocabulary.encode`."""
        return self.vocabulary.encode(
            normalized(text, self._model.config.normalization), on_unknown
        )

    @property
    def start(self) -> NDArray[np.int32]:
        """The id that is read before a text, int32 [1]."""
        return self.vocabulary.encode_start(self._model.config.start)

    def weights(self, asked: AskedLabels) -> Weights:
        """Return the weights of the served checkpoint with some labels.

        Raises:
            UsageError: if there is no such label, or the weights are not proportions.
        """
        shares = label_shares(self.labels, asked)
        key = tuple((name, *sorted(values.items())) for name, values in sorted(shares.items()))
        with self._lock:
            if key not in self._weights:
                model = self._model.labelled(asked) if self.labels else self._model
                self._weights[key] = Weights(self.settings, model.parameters, (model.sha256, key))
            return _last_used(self._weights, key)

    def is_prepared(self, settings: SamplingSettings) -> bool:
        """Return whether settings are prepared already, or quickly prepared."""
        return settings in self._samplers or not (settings.words or settings.max_copy)

    def sampler(self, settings: SamplingSettings) -> Sampler:
        """Return settings made ready for this model. Large tables are shared by the samplers.

        Raises:
            UsageError: if the settings cannot be used with this model.
            DamagedError: if copies are limited and the training text is damaged.
        """
        with self._lock:
            if settings in self._samplers:
                return _last_used(self._samplers, settings)
            others = [*self._samplers.values()]
        # Without the lock: a table of a large text takes seconds.
        made = Sampler(settings, self.vocabulary, self._model.copies.table, others)
        made.knobs = _on_device(in_few_shapes(made.knobs))
        with self._lock:
            self._samplers[settings] = made
            self._forget_other_copies(settings.max_copy)
            return _last_used(self._samplers, settings)

    def follow(self) -> bool:
        """Take up the best checkpoint of the run, and return whether there was a better one.

        A run that is damaged or no longer there is served from memory.
        """
        try:
            if self._model.run.best_step() == self._model.step:
                return False
            model = Model.best_of(self._model.run)
        except RunError:
            return False
        with self._lock:
            self._model = model
            self._weights.clear()
        return True

    def _forget_other_copies(self, max_copy: int) -> None:
        """Keep one table of the training text at most, since it can take half a GiB."""
        for settings in [*self._samplers] if max_copy else []:
            if settings.max_copy not in (0, max_copy):
                del self._samplers[settings]


def _last_used(kept: "OrderedDict[Key, Value]", key: Key) -> Value:
    kept.move_to_end(key)
    if len(kept) > MOST_KEPT:
        kept.popitem(last=False)
    return kept[key]


def in_few_shapes(knobs: Knobs) -> Knobs:
    """Return settings that do the same, with arrays of few different shapes.

    A loop is compiled for each shape, and each text may have a list of words of its own.
    """
    words, script = knobs.words, knobs.script
    size = _power(len(words.base), SMALLEST_WORDS) if words is not None else 0
    # A table that is shared has its size already.
    if words is not None and size > len(words.base):
        base, is_word = _filled(words.base, size, 0), _filled(words.is_word, size, False)
        # What was added is the follower of no node.
        words = WordTable(base, _filled(words.owner, size, -1), is_word, words.breaks)
    if script is not None:
        tokens = _filled(script.tokens, _power(len(script.tokens), SMALLEST_SCRIPT), FREE)
        script = Script(tokens, script.newline, script.last)
    return knobs._replace(words=words, script=script)


def _on_device(knobs: Knobs) -> Knobs:
    """Return settings whose table of the training text, if there is one, is on a device.

    A table that is shared is there already.
    """
    if knobs.copies is None or not isinstance(knobs.copies.bits, np.ndarray):
        return knobs
    one = Placed(knobs.copies.bits).on(sampling_mesh(many=False))
    return knobs._replace(copies=knobs.copies._replace(bits=one))


def _power(size: int, smallest: int) -> int:
    """Return the smallest power of two that is not less than either."""
    return max(1 << (size - 1).bit_length(), smallest)


def _filled(array: NDArray[Any], size: int, value: Any) -> NDArray[Any]:
    return np.concatenate([array, np.full(size - len(array), value, array.dtype)])
