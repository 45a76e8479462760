"""The text of a session."""

import pytest

from tests.session.sessions import MODELS, random_session, transcript
from textgen.generation import next_words as next_words_module
from textgen.generation.next_words import next_words


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
    assert words == next_words(twin, 4, "ca")
    assert session.conversation.complete_word("\u017c ca", 1)[0].text.startswith("ca")


@pytest.mark.parametrize("name", ["random-0", "documents"])
def test_the_first_word_is_completed_after_the_start_of_a_text(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session, twin = random_session(name), MODELS[name].generator(seed=5)
    twin.feed("the ca")
    expected = next_words(twin, 4, "ca")
    assert session.conversation.complete_word("the ca", 4) == expected
    assert session.conversation.generator.settle().characters == 0
    twin = MODELS[name].generator(seed=5)
    twin.feed("the ca", continues=True)
    assert next_words(twin, 4, "ca") != expected


def test_after_the_end_of_a_document_words_begin_another_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session = random_session("documents", length=300)
    conversation = session.conversation
    transcript(session, "abc")
    assert conversation.tree.current.finish == "end"
    assert conversation.tree.current.written[-1:].isalpha()  # a word that may not go on
    assert conversation.next_words(4) == next_words(conversation.generator, 4)
    twin = conversation.generator.fork()
    twin.feed("the ca")
    assert conversation.complete_word("the ca", 4) == next_words(twin, 4, "ca")
