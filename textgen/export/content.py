"""What a page knows of its runs, as JSON can hold it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen import __version__
from textgen.data.vocabulary import END
from textgen.export.weights import PackedWeights, Precision, pack_weights
from textgen.generation.model import Model
from textgen.network.parameters import parameter_count
from textgen.runs.checkpoint import ModelConfig

# Digits after the point of numbers that are shown.
DECIMALS = 4


@dataclass(frozen=True, kw_only=True)
class PageCheckpoint:
    """One checkpoint of a run in a page.

    Attributes:
        step: its step.
        bits: its validation loss in bits per character; None if it was not measured.
        weights: its arrays.
    """

    step: int
    bits: float | None
    weights: PackedWeights

    def to_json(self) -> dict[str, Any]:
        """Return all but the numbers of its arrays."""
        return {"step": self.step, "bits": self.bits, "arrays": list(self.weights.arrays)}


@dataclass(frozen=True, kw_only=True)
class PageRun:
    """A run in a page.

    Attributes:
        model: its best checkpoint.
        precision: precision of the weights.
        checkpoints: its checkpoints in the order of their steps; the best one is among them.
        bits: bits per character of the best checkpoint at each precision, on the same characters of
            the validation text; empty if the run has not kept it.
        measured: number of those characters.
        units: units that follow features of the text, as `Search.to_json` returns them.
        gradients: how far the gradients reach, as `Followed.to_json` returns them; empty if they
            were not followed.
    """

    model: Model
    precision: Precision
    checkpoints: tuple[PageCheckpoint, ...]
    bits: Mapping[Precision, float]
    measured: int
    units: Sequence[Mapping[str, Any]] = ()
    gradients: Sequence[Mapping[str, Any]] = ()

    def to_json(self) -> dict[str, Any]:
        """Return all but the numbers of its arrays."""
        model, config = self.model, trained_config(self.model)
        record = model.run.record()
        shape, described = config.settings.to_json(), config.to_json()
        return {
            "name": model.name,
            "settings": shape,
            "characters": described["vocabulary"],
            "end": described["end"],
            "start": described["start"],
            "normalization": config.normalization,
            "labels": [{"name": one.name, "values": [*one.values]} for one in config.labels],
            "best": model.step,
            "precision": self.precision,
            "bits": {name: round(bits, DECIMALS) for name, bits in self.bits.items()},
            "measured": self.measured,
            "parameters": parameter_count(config.settings),
            "trainingCharacters": record.corpus.training_characters,
            "steps": record.plan.last_step,
            "checkpoints": [one.to_json() for one in self.checkpoints],
            "units": [*self.units],
            "gradients": [*self.gradients],
        }


def trained_config(model: Model) -> ModelConfig:
    """Return the configuration of the network of the checkpoint, with its labels."""
    assert model.trained is not None
    return ModelConfig(
        model.trained[0],
        model.config.vocabulary,
        model.config.start,
        model.config.normalization,
        model.config.labels,
    )


def pack_checkpoint(
    step: int, loss: float | None, arrays: Mapping[str, NDArray[np.float32]], precision: Precision
) -> PageCheckpoint:
    """Pack a checkpoint.

    Args:
        step: its step.
        loss: its validation loss in nats per character; None if it was not measured.
        arrays: its arrays, as `page_parameters` returns them.
        precision: precision of the matrices.
    """
    bits = None if loss is None else round(loss / math.log(2), DECIMALS)
    return PageCheckpoint(step=step, bits=bits, weights=pack_weights(arrays, precision))


def page_content(runs: Sequence[PageRun], text: str, text_name: str) -> dict[str, Any]:
    """Return what a page knows.

    Args:
        runs: at least one run.
        text: the text to look at, with `END` where a document ends; it may be empty.
        text_name: where it is from.
    """
    return {
        "version": __version__,
        "runs": [run.to_json() for run in runs],
        "text": text.replace(END, "\n"),
        "textName": text_name,
    }
