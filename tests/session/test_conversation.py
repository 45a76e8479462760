"""The text of a session."""

import pytest

from tests.session.sessions import random_session, transcript
from textgen.generation import next_words as next_words_module


def test_a_word_being_typed_is_completed_from_the_text_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session = random_session()
    transcript(session, "abc")
    state = session.conversation.generator.settle()
    words = session.conversation.complete_word("the ca", 4)
    assert session.conversation.generator.settle() is state
    twin = session.conversation.generator.fork()
    twin.feed("\nthe ca")
    from textgen.generation.next_words import next_words

    assert words == next_words(twin, 4, "ca")
    assert session.conversation.complete_word("\u017c ca", 1)[0].text.startswith("ca")
