"""Inspect a model: record what a layer does at each character of a text."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.errors import SettingError, UnknownCharacterError, UsageError
from textgen.generation.model import Model
from textgen.interpretation.gates import (
    ASIDE,
    QUANTITIES,
    SURPRISE,
    Reading,
    Watched,
    quantities_of,
    watch,
)
from textgen.interpretation.two_way_gates import watch_both
from textgen.network.cells import CELLS
from textgen.settings import OnUnknown, check_number

# Longest text that can be inspected, in characters; all values of the layer are held in memory.
MAX_WATCHED = 10_000
# Number of decimals of gates, states and probabilities in JSON.
DECIMALS = 4


@dataclass(frozen=True)
class Inspection:
    """What a layer did with a text, and what to show of it.

    Attributes:
        model: model that read the text.
        watched: values of the layer at each character.
        units: units to show, counted from 0.
        is_chosen: whether the units were chosen because they vary most.
        names: names of the quantities to show, and `surprise` at the end if that is shown.
    """

    model: Model
    watched: Watched
    units: list[int]
    is_chosen: bool
    names: list[str]

    @property
    def title(self) -> str:
        """The run, the network and the layer, for people."""
        settings, layer = self.model.config.settings, self.watched.layer
        network = f"{CELLS[settings.cell].title} {settings.size}"
        reading = f", reading {self.watched.direction}" if settings.direction == "both" else ""
        return (
            f"{self.model.name}, step {self.model.step:,}: {network}, "
            f"layer {layer} of {settings.num_layers}{reading}"
        )

    def values(self, name: str) -> NDArray[np.float32]:
        """Return a quantity of the U units to show, float32 [U, T]."""
        return self.watched.quantities[name][:, self.units].T

    def to_json(self) -> dict[str, Any]:
        """Return the inspection as JSON can hold it, rounded to 4 decimals."""
        settings, watched = self.model.config.settings, self.watched
        names = [name for name in self.names if name in QUANTITIES]
        kept = {name: watched.kept(name) for name in names}
        return {
            **origin_of(self.model),
            "cell": settings.cell,
            "num_layers": settings.num_layers,
            "hidden_size": settings.hidden_size,
            "layer": watched.layer,
            **({"reading": watched.direction} if settings.direction == "both" else {}),
            "units": self.units,
            "text": watched.text,
            "quantities": {name: _rounded(self.values(name)) for name in names},
            "kept": {name: _rounded(mean) for name, mean in kept.items() if mean is not None},
            "bits": _rounded(watched.bits),
            "guesses": [
                [[guess.character, round(guess.probability, DECIMALS)] for guess in guesses]
                for guesses in watched.guesses
            ],
        }


def origin_of(model: Model) -> dict[str, Any]:
    """Return what identifies a model in JSON."""
    return {"run": model.name, "step": model.step, "sha256": model.sha256}


def _rounded(values: NDArray[Any]) -> Any:
    return values.astype(np.float64).round(DECIMALS).tolist()


def parse_units(text: str) -> list[range]:
    """Read a list of units: numbers and ranges such as `0-7,12`.

    Raises:
        SettingError: if the text is not such a list.
    """
    ranges = []
    for part in text.split(","):
        match = re.fullmatch(r"([0-9]{1,9})(?:-([0-9]{1,9}))?", part.strip(), re.ASCII)
        found = range(int(match[1]), int(match[2] or match[1]) + 1) if match else range(0)
        if not found:
            raise SettingError("units", text, "unit numbers and ranges of them, such as 0-7,12")
        ranges.append(found)
    return ranges


def parse_show(text: str) -> list[str]:
    """Read a list of what to show, such as `forget,cell,surprise`.

    Raises:
        SettingError: if one of them is unknown.
    """
    known = (*QUANTITIES, SURPRISE)
    names = [name.strip() for name in text.split(",")]
    for name in names:
        if name not in known:
            raise SettingError("show", name, f"some of {','.join(known)}")
    return [name for name in known if name in names]


def inspect_text(
    model: Model,
    text: str,
    *,
    layer: int | None = None,
    units: Sequence[range] = (),
    names: Sequence[str] = (),
    on_unknown: OnUnknown = "error",
    reading: Reading = "forward",
) -> Inspection:
    """Read a text and record what a layer does at each character.

    Args:
        model: model that reads the text.
        text: text of at most 10,000 characters.
        layer: number of the layer, counted from 1; None for the last.
        units: units to show; none for the twelve whose memory varies most.
        names: names of the quantities to show, and `surprise`; none for the cell's gates and states
            and the surprise.
        on_unknown: what to do with characters that the model does not know.
        reading: the direction of the layer, if the network reads in both.

    Raises:
        UsageError: if the text is empty, or a layer, unit or quantity does not exist.
        UnknownCharacterError: if a character is unknown and `on_unknown` is `error`.
    """
    settings = model.config.settings
    layer = settings.num_layers if layer is None else layer
    check_number("layer", layer, 1, settings.num_layers, whole=True)
    for part in units:
        if part[-1] >= settings.hidden_size:
            raise UsageError(
                f"unit {max(part[0], settings.hidden_size)} does not exist; "
                f"layer {layer} has units 0 to {settings.hidden_size - 1}"
            )
    shown = _shown_names(CELLS[settings.cell].title, quantities_of(CELLS[settings.cell]), names)
    tokens = model.config.vocabulary.encode(text, on_unknown)
    if not len(tokens):
        raise UsageError(
            "the model knows no character of the text" if text else "the text is empty"
        )
    check_number("length of the text", len(tokens), 1, MAX_WATCHED, whole=True)
    if settings.direction == "both":
        pair = watch_both(model.config, model.parameters, tokens, layer)
        watched = pair[reading == "backward"]
    else:
        watched = watch(model.config, model.parameters, tokens, layer)
    named = list(dict.fromkeys(unit for part in units for unit in part))
    return Inspection(model, watched, named or watched.liveliest(), not named, shown)


def inspect_with_each(models: Sequence[Model], text: str, **options: Any) -> list[Inspection]:
    """Read a text with several models, as `inspect_text` does with one.

    Returns:
        An inspection of each model. One that reads in both directions has two: the second is of the
        layer that reads backward, without the surprise, which is the same.

    Raises:
        UsageError: also if the models read texts of different lengths, which cannot stand side by
            side.
    """
    found = list[Inspection]()
    for model in models:
        try:
            found.append(inspect_text(model, text, **options))
            if model.config.settings.direction == "both":
                backward = inspect_text(model, text, reading="backward", **options)
                names = [name for name in backward.names if name != SURPRISE]
                found += [replace(backward, names=names)] if names else []
        except UnknownCharacterError as error:
            if len(models) == 1:
                raise
            who = f"the run {model.name!r}"
            raise UnknownCharacterError(error.character, error.position, error.rule, who) from None
    lengths = [len(one.watched.text) for one in found]
    if len({*lengths}) > 1:
        raise UsageError(
            "the runs do not know the same characters, so they read texts of different lengths "
            f"({', '.join(map(str, lengths))}), which cannot be compared; give --on-unknown replace"
        )
    return found


def _shown_names(title: str, known: list[str], names: Sequence[str]) -> list[str]:
    for name in names:
        if name not in (*known, SURPRISE):
            raise UsageError(
                f"{'an' if title == 'LSTM' else 'a'} {title} has no {QUANTITIES[name].title}; "
                f"it has {', '.join(known)}"
            )
    return list(names) or [*(name for name in known if name not in ASIDE), SURPRISE]
