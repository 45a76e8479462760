"""A request that fits a served run: its prompts as ids, and one order for each text."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textgen.data.labels import AskedLabels, label_shares, typed_labels
from textgen.data.replaced import find_replaced
from textgen.serve.http.asked import Asked
from textgen.serve.http.characters import Read, read_prompt
from textgen.serve.http.errors import RefusedError
from textgen.serve.http.limits import MAX_LOGPROBS, Limits
from textgen.serve.order import Order

if TYPE_CHECKING:  # it imports JAX
    from textgen.serve.served_model import ServedModel


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request that fits a served run.

    Attributes:
        asked: the request.
        model: the run.
        reads: its prompts as the network reads them.
        labels: shares of the labels that are asked for.
        replaced: for the characters of the prompts that the run does not know, what it reads.
    """

    asked: Asked
    model: "ServedModel"
    reads: tuple[Read, ...]
    labels: AskedLabels
    replaced: Mapping[str, str]

    @property
    def count(self) -> int:
        """Number of texts that are written."""
        return len(self.reads) * self.asked.drawn

    def read_of(self, index: int) -> Read:
        """Return the prompt of a text."""
        return self.reads[index // self.asked.drawn]

    def orders(self) -> Iterator[Order]:
        """Yield an order for each text. Those of one prompt follow each other."""
        asked, top = self.asked, self.asked.top
        if top is None and asked.drawn > asked.count:
            top = 0  # the best texts are those with the likeliest characters
        for read in self.reads:
            for sample in range(asked.drawn):
                yield Order(
                    model=self.model.name,
                    prompt=read.tokens,
                    settings=asked.settings,
                    length=asked.length,
                    seed=asked.seed,
                    sample=sample,
                    labels=self.labels,
                    logit_bias=asked.bias,
                    is_continued=asked.is_continued,
                    top=top,
                    scores_prompt=asked.echoes and asked.top is not None,
                )


def make_job(asked: Asked, model: "ServedModel", limits: Limits) -> Job:
    """Fit a request to a served run.

    Raises:
        UsageError: if it does not fit, or costs too much.
    """
    typed = asked.labels
    labels = (
        typed_labels(model.labels, typed)
        if isinstance(typed, tuple)
        else label_shares(model.labels, typed)
    )
    reads = tuple(read_prompt(model, prompt, asked.on_unknown) for prompt in asked.prompts)
    longest = max(len(read.tokens) for read in reads)
    if longest > limits.max_prompt:
        raise RefusedError(
            f"a prompt has at most {limits.max_prompt:,} characters, got {longest:,}",
            param="prompt",
            code="context_length_exceeded",
        )
    for token in asked.bias:
        if token >= len(model.vocabulary):
            raise RefusedError(
                f"logit_bias has the id {token}; ids are in [0, {len(model.vocabulary)})",
                param="logit_bias",
            )
    _check_logprobs(asked, reads)
    replaced = dict[str, str]()
    if asked.on_unknown == "nearest":
        for prompt in asked.prompts:
            if isinstance(prompt, str):
                replaced |= find_replaced(prompt, model.vocabulary)
    return Job(asked=asked, model=model, reads=reads, labels=labels, replaced=replaced)


def _check_logprobs(asked: Asked, reads: tuple[Read, ...]) -> None:
    if asked.top is None:
        return
    read = sum(len(read.tokens) for read in reads) if asked.echoes else 0
    count = (read + len(reads) * asked.length) * asked.drawn * (asked.top + 1)
    if count > MAX_LOGPROBS:
        raise RefusedError(
            f"a request is for at most {MAX_LOGPROBS:,} log-probabilities, got {count:,}; ask for "
            "fewer characters, texts or logprobs",
            param="logprobs",
        )
