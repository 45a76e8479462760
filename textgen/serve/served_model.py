"""A model that is served."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import LabelField
from textgen.data.text_rules import DocumentUnit
from textgen.data.vocabulary import Vocabulary
from textgen.settings import ModelSettings, OnUnknown


class ServedModel:
    """A model that is served.

    Attributes:
        name: name of the run, which is the id of the model.
        vocabulary: the model's vocabulary.
        settings: shape of the network.
        created: when the run was begun, in seconds since 1970.
        labels: fields of the labels that it can write with.
        documents: what a document of its training text is.
    """

    name: str
    vocabulary: Vocabulary
    settings: ModelSettings
    created: int
    labels: Sequence[LabelField]
    documents: DocumentUnit

    @property
    def step(self) -> int:
        """The step of the checkpoint that new texts are written with."""
        raise NotImplementedError

    def encode(self, text: str, on_unknown: OnUnknown) -> NDArray[np.int32]:
        """Turn text into ids, in the normal form of the training text; see `Vocabulary.encode`."""
        raise NotImplementedError
