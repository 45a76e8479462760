"""What a client orders of a served model, and what it gets back in parts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from textgen.data.labels import AskedLabels
from textgen.errors import SettingError, UsageError
from textgen.generation.endings import FinishReason
from textgen.settings import MAX_LENGTH, MAX_SEED, SamplingSettings, check_number

# Why a served text ends: `cut` if the client or the server ended it before its end.
Ending = FinishReason | Literal["cut"]
# Most characters that are reported at one place of a text, with their log-probabilities.
MOST_LIKELY = 20
# Largest size of a number that is added to a logit.
LARGEST_BIAS = 100.0


@dataclass(frozen=True, kw_only=True, eq=False)
class Order:
    """A text to write after a prompt, or with a length of 0 only a prompt to score.

    Attributes:
        model: id of a served run.
        prompt: ids of the prompt, int32 [T], without the start of a text.
        settings: how to draw, and where to end.
        length: largest number of characters to write.
        seed: seed of the draws.
        sample: index of the sample; each sample of a seed has its own draws, as in
            `textgen sample --num-samples`.
        labels: labels to write with; see `textgen.data.labels.label_shares`.
        logit_bias: for some ids a number that is added to the logit before anything else, in
            [-100, 100].
        is_continued: whether the prompt is read as the middle of a text. Otherwise it begins a
            document, or a line.
        top: number of likeliest characters to report in the place of each written character, in
            [0, 20], with the log-probability of the character itself; None for no report.
        scores_prompt: whether the characters of the prompt are reported too, if `top` is given.
    """

    model: str
    prompt: NDArray[np.int32]
    settings: SamplingSettings = field(default_factory=SamplingSettings)
    length: int = 500
    seed: int = 0
    sample: int = 0
    labels: AskedLabels = field(default_factory=dict)
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    is_continued: bool = False
    top: int | None = None
    scores_prompt: bool = False

    def check(self, vocab_size: int) -> None:
        """Check the numbers of an order for a model with a vocabulary of some size.

        Raises:
            SettingError: if one is out of its range.
            UsageError: if an id of the prompt or of `logit_bias` is not in the vocabulary.
        """
        check_number("length", self.length, 0, MAX_LENGTH, whole=True)
        check_number("seed", self.seed, 0, MAX_SEED, whole=True)
        check_number("sample", self.sample, 0, MAX_SEED, whole=True)
        if self.top is not None:
            check_number("top", self.top, 0, MOST_LIKELY, whole=True)
        elif self.scores_prompt:
            raise SettingError("scores_prompt", self.scores_prompt, "given with top")
        for what, ids in (("prompt", self.prompt.tolist()), ("logit_bias", self.logit_bias)):
            for token in ids:
                if not 0 <= token < vocab_size:
                    raise UsageError(
                        f"the {what} holds the id {token}; the model knows the ids 0 to "
                        f"{vocab_size - 1:,}"
                    )
        for token, bias in self.logit_bias.items():
            check_number(f"logit_bias of {token}", bias, -LARGEST_BIAS, LARGEST_BIAS)


class Likely(NamedTuple):
    """A place in a text, and what the model expected there.

    The probabilities are those of the model itself, at a temperature of 1 and without any control.

    Attributes:
        token: id of the character in this place.
        logprob: natural logarithm of its probability.
        top: the likeliest characters in this place and the logarithms of their probabilities, the
            likeliest first.
    """

    token: int
    logprob: float
    top: tuple[tuple[int, float], ...]


class Part(NamedTuple):
    """A part of a text as it is written.

    Attributes:
        text: the characters.
        likely: what the model expected in the place of each of them, if `top` was given. The symbol
            of the end follows, if the text ends by it.
        prompt_likely: the same for the prompt; only in the first part, if it was asked for.
        finish: why the text ends with this part; None if it does not.
        read: number of characters of the prompt that were read anew; the others were known from a
            kept state. Only in the first part, 0 in all others.
    """

    text: str
    likely: tuple[Likely, ...] = ()
    prompt_likely: tuple[Likely, ...] = ()
    finish: Ending | None = None
    read: int = 0
