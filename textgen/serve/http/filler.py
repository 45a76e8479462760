"""Gaps between a prompt and a suffix, filled by a run that reads in both directions."""

from collections.abc import Callable
from dataclasses import dataclass

from textgen.restoration.gaps import LONGEST_GAP
from textgen.serve.http.asked import Asked
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.limits import Limits


@dataclass(frozen=True, kw_only=True)
class Gap:
    """A gap to fill.

    Attributes:
        before: text before it.
        after: text behind it.
        longest: most characters in it.
        asked: the request, which has the settings and the number of fillings.
    """

    before: str
    after: str
    longest: int
    asked: Asked


@dataclass(frozen=True, kw_only=True)
class Filler:
    """A served run that reads in both directions.

    Attributes:
        name: name of the run, which is the id of the model.
        created: when the run was begun, in seconds since 1970.
        step: step of the checkpoint.
        fill: fills a gap and returns the fillings, as many as are asked for if there are as many.
    """

    name: str
    created: int
    step: int
    fill: Callable[[Gap], list[str]]


def gaps_of(asked: Asked, name: str, limits: Limits) -> list[Gap]:
    """Return the gaps that a request asks to fill, one for each prompt.

    Raises:
        RefusedError: if the request asks for something else.
    """
    if asked.suffix is None:
        raise RefusedError(
            f"the run {name!r} reads in both directions and only fills gaps; give the text behind "
            "the gap as suffix",
            param="suffix",
        )
    refused = {
        "logprobs": asked.top is not None,
        "logit_bias": bool(asked.bias),
        "best_of": asked.drawn > asked.count,
        "label": bool(asked.labels),
        "stop": bool(asked.settings.stop),
    }
    for param, is_given in refused.items():
        if is_given:
            raise RefusedError(f"{param} cannot be used with suffix; leave it out", param=param)
    if not 1 <= asked.length <= LONGEST_GAP:
        raise RefusedError(
            f"max_tokens must be in [1, {LONGEST_GAP}] with suffix, got {asked.length}",
            param="max_tokens",
        )
    gaps = []
    for prompt in asked.prompts:
        if not isinstance(prompt, str):
            raise RefusedError("with suffix, the prompt must be a text", param="prompt")
        if len(prompt) + len(asked.suffix) > limits.max_prompt:
            raise RefusedError(
                f"prompt and suffix have at most {limits.max_prompt:,} characters together",
                param="prompt",
                code="context_length_exceeded",
            )
        gaps.append(Gap(before=prompt, after=asked.suffix, longest=asked.length, asked=asked))
    return gaps
