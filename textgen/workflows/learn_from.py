"""Let a generator learn a text before it writes."""

import warnings
from collections.abc import Callable

import numpy as np

from textgen.data.replaced import describe_replaced, find_replaced
from textgen.data.vocabulary import END
from textgen.errors import TextgenWarning, UsageError
from textgen.generation.generator import Generator
from textgen.generation.learning import Learnt
from textgen.runtime.environment import prepare_jax
from textgen.settings import OnUnknown


class _StoppedError(Exception):
    """The learning is to end."""


def learn_from(
    generator: Generator,
    text: str,
    on_unknown: OnUnknown,
    *,
    is_continued: bool,
    one_kernel: bool,
    should_stop: Callable[[], bool] = lambda: False,
    tell: Callable[[str], None] = lambda _: None,
) -> Learnt | None:
    """Learn and read a text. The generator is then in the state after it, and has its weights.

    Args:
        generator: generator that has read nothing yet.
        text: the text.
        on_unknown: what to do with characters that the model does not know.
        is_continued: whether what follows goes on where the text ends. Otherwise it begins another
            document, or another line.
        one_kernel: whether loops are compiled as `prefer_one_kernel` does.
        should_stop: function that is called again and again; true ends the learning.
        tell: function that is called with a line of progress.

    Returns:
        What was learnt; None if it was stopped.

    Raises:
        UsageError: if the text is too short to learn from, or the run has not kept its training
            text.
        UnknownCharacterError: if a character is unknown and the rule does not allow it.
    """
    ids = generator.encode(text, on_unknown)
    if on_unknown == "nearest" and (replaced := find_replaced(text, generator.vocabulary)):
        warnings.warn(describe_replaced(replaced), TextgenWarning, stacklevel=2)
    tokens = np.concatenate([generator.start, ids])
    tell("starting JAX and compiling the network")
    prepare_jax(one_kernel=one_kernel)

    def check() -> None:
        if should_stop():
            raise _StoppedError
        tell("reading some of the training text, which says how far each weight may move")

    try:
        learner = generator.learner(check=check)
    except _StoppedError:
        return None
    learnt, count = learner.trained, learner.segments_in(tokens) * learner.segment
    if not count:
        raise UsageError(
            f"the text to learn from has {len(ids)} characters; at least {learner.segment} are "
            "needed"
        )
    for each in learner.learn(tokens):
        if should_stop():
            return None
        learnt = each
        tell(f"learning, {learnt.characters:,} of {count:,} characters")
    generator.use_weights(learnt.arrays)
    generator.feed_tokens(tokens)
    if not is_continued:
        vocabulary = generator.vocabulary
        if vocabulary.end_id is not None:
            generator.feed_tokens(vocabulary.encode_start(END))
        elif not text.endswith("\n") and "\n" in vocabulary:
            generator.feed_tokens(vocabulary.encode("\n"))
    return learnt
