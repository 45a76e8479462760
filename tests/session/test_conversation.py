"""The text of a session."""

from dataclasses import replace

import pytest

from tests.session.sessions import MODELS, RandomModel, random_session, transcript
from textgen.generation import next_words as next_words_module
from textgen.generation.generator import Generator
from textgen.generation.next_words import next_words
from textgen.session.conversation import Scored
from textgen.session.session_file import SavedTurn


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


class NormalModel(RandomModel):
    def generator(self, *, seed: int, sample: int = 0) -> Generator:
        return Generator(self.reader, self.vocabulary, "\n", seed=seed, normalization="nfc")


def test_each_character_is_scored_as_it_was_written_in_whatever_normal_form() -> None:
    session = random_session()
    conversation = session.conversation
    list(conversation.switch(NormalModel(4, "\nex\u0301\u00e9")))
    turn = SavedTurn(0, "xe\u0301", "e\u0301x", "error", 5, 0, begins=True)
    list(conversation.restore(replace(conversation.saved(), turns=(turn,), current=1)))
    (scored,) = [part for part in session.respond("/score all") if isinstance(part, Scored)]
    # What is typed is brought into the normal form of the training text; the model writes freely.
    assert scored.text == "x\u00e9e\u0301x"
    assert len(scored.bits) == 5
