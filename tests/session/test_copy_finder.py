"""Copies from the training text."""

import numpy as np
from numpy.typing import NDArray

from tests.session.sessions import VOCABULARY, queued, random_session, transcript
from textgen.session import copy_finder


def test_copies_are_not_looked_for_without_a_training_text_or_in_one_too_large() -> None:
    session = random_session()
    transcript(session, "abc")
    assert session.conversation.copies.longest(session.conversation.tree.current) is None
    session, _ = queued("at s")
    transcript(session, "the c")
    large = np.zeros(copy_finder.MAX_TRAINING_BYTES + 1, np.uint8)
    session.conversation.model.training_tokens = lambda: large  # type: ignore[method-assign]
    assert session.conversation.copies.longest(session.conversation.tree.current) is None


def test_another_run_may_come_while_copies_are_looked_for() -> None:
    session, _ = queued("at s")
    transcript(session, "the c")
    conversation = session.conversation

    def tokens() -> NDArray[np.int32]:
        list(conversation.switch(conversation.model))
        return VOCABULARY.encode("the cat sat on the mat")

    conversation.model.training_tokens = tokens  # type: ignore[method-assign]
    assert conversation.copies.longest(conversation.tree.current) == 4
