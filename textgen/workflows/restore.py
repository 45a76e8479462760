"""Restore a text with gaps by a network that reads in both directions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.formats.decoding import normalized
from textgen.data.vocabulary import UNKNOWN_ID, Vocabulary
from textgen.errors import UsageError
from textgen.generation.model import Model
from textgen.generation.sampler import Sampler
from textgen.network.parameters import with_labels
from textgen.restoration.beam import Rules
from textgen.restoration.gaps import GAP, Gap, parse_gaps
from textgen.restoration.reader import TwoWayReader
from textgen.restoration.restorer import CONTEXT, Alternative, Restorer, group_gaps
from textgen.settings import SamplingSettings


@dataclass(frozen=True, kw_only=True)
class RestoreOrder:
    """How to restore a text.

    Attributes:
        mark: mark of one missing character.
        num: number of alternatives for each group of gaps, at least 1.
        temperature: 0 for the likeliest fillings; above 0 to draw them at random.
        seed: seed of the draws.
        settings: constraints: `only`, `forbid` and `words`. Its other settings do not matter.
    """

    mark: str = GAP
    num: int = 1
    temperature: float = 0.0
    seed: int = 0
    settings: SamplingSettings = field(default_factory=SamplingSettings)


@dataclass(frozen=True)
class Restored:
    """Gaps that were filled jointly.

    Attributes:
        before: the known text before them, behind the gaps before.
        between: the known text between each two of them.
        alternatives: fillings, the likeliest first; in the order of the draws if they were drawn.
    """

    before: str
    between: tuple[str, ...]
    alternatives: tuple[Alternative, ...]

    def text(self, number: int = 0) -> str:
        """Return the text from the first gap to the last, by one of the alternatives."""
        filled = self.alternatives[number].texts
        pairs = zip(filled, (*self.between, ""), strict=True)
        return "".join(gap + known for gap, known in pairs)


def restore(model: Model, text: str, order: RestoreOrder) -> Iterator[Restored | str]:
    """Fill the gaps of a text.

    Args:
        model: a network of both directions.
        text: the text; see `parse_gaps`.
        order: how to restore it.

    Yields:
        The gaps, group by group, and at last the known text behind the last gap.

    Raises:
        UsageError: if the model reads forward alone, if the text has no gap, or if no filling keeps
            to the constraints.
    """
    check_direction(model, "restore")
    pieces = parse_gaps(normalized(text, model.config.normalization), order.mark)
    yield from restore_pieces(model, pieces, order)


def restore_pieces(
    model: Model, pieces: Sequence[str | Gap], order: RestoreOrder
) -> Iterator[Restored | str]:
    """Fill the gaps of a text as `restore` does.

    Args:
        model: a network of both directions.
        pieces: known texts in the normal form of the training text, and gaps.
        order: how to restore them; the mark does not matter.

    Yields:
        As `restore`.

    Raises:
        UsageError: if no filling keeps to the constraints.
    """
    groups, rest = group_gaps(pieces)
    vocabulary = model.config.vocabulary
    knobs = Sampler(order.settings, vocabulary).knobs
    allowed = knobs.permitted & allowed_characters(vocabulary)
    restorer = Restorer(two_way_reader(model), vocabulary, Rules(allowed, knobs.words))
    drawn, done = 0, ""
    for group in groups:
        done = (done + group.before)[-CONTEXT:]
        read = replace(group, before=done)
        if order.temperature:
            found = restorer.drawn(read, order.num, order.seed, order.temperature, drawn)
            drawn += sum(map(len, found[0].texts)) if found else 0
        else:
            found = restorer.best(read, order.num)
        if not found:
            raise UsageError(f"nothing that is permitted fits the gap behind {done[-20:]!r}")
        restored = Restored(group.before, group.between, tuple(found))
        done += restored.text()
        yield restored
    yield rest


def report(parts: Sequence[Restored | str], order: RestoreOrder) -> dict[str, Any]:
    """Return what was restored, as JSON can hold it.

    Returns:
        The `text`, and the `groups` of gaps that were filled jointly. Each has the `begin` of its
        first gap in the text, in characters, and its `alternatives`, of which the text has the
        first.
    """
    text, groups = "", list[dict[str, Any]]()
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        text += part.before
        alternatives = [
            {
                "text": part.text(number),
                "gaps": [*one.texts],
                "certainties": [[*certain] for certain in one.certainties],
                "probability": one.probability,
            }
            for number, one in enumerate(part.alternatives)
        ]
        groups.append({"begin": len(text), "alternatives": alternatives})
        text += part.text()
    settings = {"temperature": order.temperature, "seed": order.seed, "gap": order.mark}
    return {"text": text, "groups": groups, "settings": settings}


def check_direction(model: Model, command: str) -> None:
    """Check that a model reads in both directions.

    Raises:
        UsageError: if it does not.
    """
    if model.config.settings.direction != "both":
        raise UsageError(
            f"the run {model.name!r} reads forward alone, and {command} needs one that reads in "
            "both directions; train it with --direction both"
        )


def allowed_characters(vocabulary: Vocabulary) -> NDArray[np.bool_]:
    """Return which ids are those of characters that can be written, bool [V]."""
    allowed = np.ones(len(vocabulary), bool)
    allowed[[UNKNOWN_ID, vocabulary.end_id or UNKNOWN_ID]] = False
    return allowed


def two_way_reader(model: Model) -> TwoWayReader:
    """Return the network of a model, ready to read; labels are left out."""
    return TwoWayReader(*with_labels(model.config.settings, model.parameters))
