"""How surprising a text is to a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from textgen.errors import SettingError, UsageError
from textgen.settings import OnUnknown
from textgen.workflows.load import load_mixed
from textgen.workflows.score import Scoring


@dataclass(frozen=True)
class Score:
    """The surprise of a text.

    Attributes:
        text: the text as it was read; `on_unknown` may have changed it.
        bits: surprise of each of its N characters, float64 [N].
        unknown: number of characters that the model does not know.
    """

    text: str
    bits: NDArray[np.float64]
    unknown: int = 0

    @property
    def bits_per_character(self) -> float:
        """The mean surprise of a character, in bits."""
        return float(self.bits.mean())

    @property
    def perplexity(self) -> float:
        """The number of equally likely characters that would be as surprising."""
        return float(2**self.bits_per_character)


def score_text(
    text: str,
    run: str | None,
    *,
    on_unknown: OnUnknown,
    dynamic: bool,
    labels: Mapping[str, str | Mapping[str, float]],
) -> Score:
    """Score a text as `textgen score` does; see `textgen.score`."""
    if not isinstance(text, str):
        raise SettingError("text", text, "a text")
    if not text:
        raise UsageError("the text is empty; there is nothing to score")
    model = load_mixed(run, "textgen.score").labelled(labels)
    scoring = Scoring([model], on_unknown=on_unknown, dynamic=dynamic)
    parts = list(scoring.read([text]))
    if not scoring.characters:
        raise UsageError("the model knows no character of the text; choose on_unknown replace")
    nats = np.concatenate([part.nats[0] for part in parts]).astype(np.float64)
    return Score("".join(part.text for part in parts), nats / log(2), scoring.unknown[0].count)
