"""Commands that write text and look at it."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.session.sessions import (
    DOCUMENTS,
    MODELS,
    assert_same,
    queued,
    random_session,
    text_of,
    transcript,
)
from textgen.data.vocabulary import END
from textgen.errors import UsageError
from textgen.generation import next_words as next_words_module
from textgen.generation.filters import softmax
from textgen.readable import wrap_lines
from textgen.session.commands import Session
from textgen.session.conversation import Scored
from textgen.session.messages import Message
from textgen.settings import SamplingSettings


def test_one_of_several_alternatives_becomes_the_turn() -> None:
    session, engine = queued("aaa.", "bbb.", "c\nc.", "ddd.", "eee.", "fff.", "ggg.")
    assert transcript(
        session, "/pick 1", "one", "/again 3", "/pick 4", "/pick 2", "go", "/undo", "/pick 3"
    ) == (
        "> /pick 1\n[there are no alternatives; /again writes some]\n"
        "> one\naaa.\n"
        "> /again 3\n[1  bbb.]\n[2  c c.]\n[3  ddd.]\n[choose one with /pick 1 to /pick 3]\n"
        "> /pick 4\n[/pick must be a whole number in [1, 3], got '4']\n"
        "> /pick 2\nc\nc.\n"
        "> go\neee.\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /pick 3\nddd.\n"
    )
    assert [(read, sample) for read, sample, _ in engine.seen] == [
        ("\none", 0),
        ("\none", 1),
        ("\none", 2),
        ("\none", 3),
        ("\nonec\nc.\ngo", 4),
    ]
    assert "does not know the character '2'" in transcript(session, "2")
    assert transcript(session, "/again 1", "/again x").count("whole number in [2, 9]") == 2
    assert text_of(session) == "oneddd."


def test_looking_at_alternatives_changes_nothing_and_before_any_turn_there_are_some_too() -> None:
    session = random_session()
    before = session.conversation.generator.settle()
    assert transcript(session, "/again").count("\n[") == 4
    assert session.conversation.generator.settle() is not before
    assert_same(session.conversation.generator.settle(), before)
    transcript(session, "/pick 1")
    assert len(text_of(session)) == 12


def test_stopped_alternatives_are_those_that_were_shown() -> None:
    session, _ = queued("aaa.", "bbb.", "ccc.")
    transcript(session, "one")
    reply = session.respond("/again 2")
    assert [next(reply) for _ in range(3)] == ["", "", Message("1  bbb.")]
    next(reply)
    reply.close()
    assert text_of(session) == "oneaaa."
    assert transcript(session, "/pick 2", "/pick 1") == (
        "> /pick 2\n[/pick must be a whole number in [1, 1], got '2']\n> /pick 1\nbbb.\n"
    )


def test_a_text_that_may_not_go_on_says_so() -> None:
    session = random_session()
    Path("list.txt").write_text("b")
    assert transcript(session, "/set words list.txt", "/set starts a", "", "/regen") == (
        "> /set words list.txt\n[words: 1 word]\n> /set starts a\n[starts: a]\n"
        "> \n[the text ends here: the settings permit no further character]\n"
        "> /regen\n[the text ends here: the settings permit no further character]\n"
    )


@pytest.mark.slow
def test_surprise_is_measured_without_a_trace_and_by_the_chain_rule() -> None:
    session = random_session()
    assert transcript(session, "/score") == "> /score\n[there is no text yet]\n"
    transcript(session, "the cat", "sat" * 50)
    state, count = session.conversation.generator.settle(), len(session.conversation.tree.turns)
    (*_, last), (*_, whole) = session.respond("/score"), session.respond("/score all")
    assert isinstance(last, Scored)
    assert isinstance(whole, Scored)
    assert session.conversation.generator.settle() is state
    assert len(session.conversation.tree.turns) == count
    assert whole.text == text_of(session)
    assert last.text == session.conversation.tree.current.text
    np.testing.assert_array_equal(whole.bits[-len(last.bits) :], last.bits)
    # Each character by hand, after the start that comes before any text.
    generator = MODELS["random-0"].generator(seed=0)
    tokens = generator.vocabulary.encode("\n" + whole.text)
    for place, token in enumerate(tokens[1:]):
        states = generator.reader.read(tokens[: place + 1], generator.reader.zero_states())
        chance = softmax(generator.reader.logits(states))[token]
        assert whole.bits[place] == pytest.approx(-math.log2(chance), abs=1e-4)
    turn = session.conversation.tree.current
    assert turn.nats is not None
    written = last.bits[-len(turn.written) :].sum()
    assert written == pytest.approx(turn.nats / math.log(2), rel=1e-4)
    assert (
        transcript(session, "/score some")
        == "> /score some\n[/score takes no argument or the word all]\n"
    )


def test_the_surprise_of_the_ends_of_documents_is_shown_at_the_ends_of_their_lines() -> None:
    session = random_session("documents", length=300)
    transcript(session, "", "the cat", "/set length 1", "a dog")
    conversation = session.conversation
    *ended, last = conversation.tree.current.path()
    assert [turn.finish for turn in (*ended, last)] == ["end", "end", "length"]
    state = conversation.generator.settle()
    (*_, scored), (*_, whole) = session.respond("/score"), session.respond("/score all")
    assert conversation.generator.settle() is state
    assert isinstance(scored, Scored)
    assert isinstance(whole, Scored)
    assert whole.text == "".join(f"{turn.text}\n" for turn in ended) + last.text
    assert scored.text == last.text
    np.testing.assert_array_equal(whole.bits[-len(scored.bits) :], scored.bits)
    reader = conversation.generator.reader
    text = END + "".join(turn.text + END for turn in ended) + last.text
    tokens = [DOCUMENTS.characters.index(each) + 1 for each in text]
    assert len(whole.bits) == len(whole.text) == len(tokens) - 1
    for place, token in enumerate(tokens[1:]):
        states = reader.read(np.array(tokens[: place + 1], np.int32), reader.zero_states())
        chance = softmax(reader.logits(states))[token]
        assert whole.bits[place] == pytest.approx(-math.log2(chance), abs=1e-4)


def test_in_a_session_of_the_first_format_the_first_character_is_scored_after_a_start() -> None:
    session = random_session()
    transcript(session, "abc", "")
    conversation = session.conversation
    saved = conversation.saved()
    turns = tuple(replace(turn, begins=False) for turn in saved.turns)
    list(conversation.restore(replace(saved, turns=turns)))
    (*_, whole) = session.respond("/score all")
    assert isinstance(whole, Scored)
    assert whole.text == text_of(session)
    twin = MODELS["random-0"].generator(seed=0)
    assert whole.bits[0] == twin.score("a")[0]
    twin = MODELS["random-0"].generator(seed=0)
    twin.feed("a", continues=True)
    np.testing.assert_allclose(whole.bits[1:], twin.score(whole.text[1:]), atol=1e-4)


def test_an_alternative_that_ends_a_document_says_so() -> None:
    texts = (f"one{END}", "twos", f"tri{END}")
    session, _ = queued(*texts, vocabulary=DOCUMENTS)
    ends = "[the document ends here; what follows begins another one]\n"
    assert transcript(session, "a", "/again 2", "/pick 2", "/pick 1") == (
        f"> a\none{ends}> /again 2\n[1  twos]\n[2  tri]\n[choose one with /pick 1 to /pick 2]\n"
        f"> /pick 2\ntri{ends}> /pick 1\ntwos\n"
    )


def test_the_documents_before_alternatives_are_lines() -> None:
    texts = (f"one{END}", f"two{END}", "tri.", "four")
    session, _ = queued(*texts, vocabulary=DOCUMENTS)
    transcript(session, "a", "b")
    session.rows = 24
    before, *_ = session.respond("/again 2")
    assert before == Message("aone\nb")


def test_the_text_ends_inside_a_word_that_began_turns_ago(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(next_words_module, "perf_counter", lambda: 0.0)
    session = random_session(length=1)
    session.conversation.settings = SamplingSettings(only="b")
    transcript(session, ". aa", "", "")
    assert text_of(session) == ". aabbb"
    state = session.conversation.generator.settle()
    words = session.conversation.next_words(50)
    # However slow the machine is, they are the same.
    monkeypatch.setattr(next_words_module, "perf_counter", itertools.count(0, 60).__next__)
    assert words == session.conversation.next_words(50)
    assert session.conversation.generator.settle() is state
    assert all(word.text.startswith("aabbb") for word in words)
    (message,) = session.respond("/words 3")
    assert isinstance(message, Message)
    assert [line.split()[-1] for line in message.text.splitlines()] == [w.text for w in words[:3]]
    assert message.text.startswith(f"{100 * words[0].probability:5.1f} %  aabbb")
    assert "[1, 50]" in transcript(session, "/words 0")


def test_an_edited_text_is_continued() -> None:
    texts, asked = ["", "new\ntext"], list[str]()

    def edit(text: str) -> str:
        asked.append(text)
        return texts.pop(0)

    session, engine = queued("one.", "two.", "tri.")
    assert transcript(session, "/edit") == "> /edit\n[/edit needs a terminal]\n"
    session = Session(session.conversation, edit=edit)
    transcript(session, "typed", "")
    assert transcript(session, "/edit", "/edit") == (
        "> /edit\n[there is no text to continue]\n> /edit\n(new\ntext)tri.\n"
    )
    assert asked == ["typed", "typed"]
    assert engine.seen[-1][0] == "\ntypedone.two.\nnew\ntext"

    def fail(text: str) -> str:
        raise UsageError("no editor")

    session = Session(session.conversation, edit=fail)
    assert transcript(session, "/edit") == "> /edit\n[no editor]\n"


@pytest.mark.parametrize(("columns", "rows"), [(20, 10), (60, 24), (100, 50), (20, 4), (100, 100)])
def test_alternatives_and_the_text_before_them_fill_the_screen_and_no_more(
    columns: int, rows: int
) -> None:
    session = random_session(length=300)
    transcript(session, "the cat " * 200, "/set only abc ", "a question", "/regen")
    session.columns, session.rows = columns, rows
    messages = [part.text for part in session.respond("/again 3") if isinstance(part, Message)]
    lines = wrap_lines("\n".join(messages), columns).split("\n")
    # The prompt and the status line take two more.
    assert len(lines) <= max(rows - 2, 5)
    assert [line[:3] for line in lines if line[:1].isdigit()] == ["1  ", "2  ", "3  "]
    if rows >= 24:
        before, first, _, _, _ = messages
        assert before.split("\n")[-1] == "a question"
        assert len(before.split("\n")) > 2
        assert len(first) > 250  # there is room for all of it


def test_alternatives_of_a_pipe_are_whole_lines() -> None:
    session = random_session(length=300)
    transcript(session, "the cat")
    _, first, second, advice, _ = transcript(session, "/again 2").split("\n")
    assert len(first) > 200
    assert len(second) > 200
    assert advice == "[choose one with /pick 1 to /pick 2]"


def test_characters_that_are_read_as_others_are_told_once() -> None:
    session, engine = queued("one.", "two.", "tri.", "fou.")
    told = "[the model does not know all characters: it reads "
    lines = ("caf\u00e9", "caf\u00e9 \u00fc", "/set on_unknown skip", "\u00f6", "A")
    text = transcript(session, *lines)
    assert f"{told}'\u00e9' as 'e']\n" in text
    assert f"{told}'\u00fc' as 'u']\n" in text
    assert text.count(told) == 2
    assert [read for read, _, _ in engine.seen][:2] == ["\ncafe", "\ncafeone.\ncafe u"]


def test_advice_names_nothing_that_is_set_already_and_no_option_of_a_command() -> None:
    session, _ = queued("one.", "two.")
    assert transcript(session, "a\U0001f642") == (
        "> a\U0001f642\n[the model does not know the character '\U0001f642' (U+1F642) at position "
        "2, and none that is near it; leave it out, or choose /set on_unknown skip or replace]\n"
    )
    assert "--on" not in transcript(session, "/set on_unknown error", "\u00e9")


def test_the_whole_text_is_shown() -> None:
    session, _ = queued("aaa\n", "bb\nb", "ccc\n")
    assert transcript(session, "/text", "one", "two", "", "/text") == (
        "> /text\n[there is no text yet]\n> one\naaa\n> two\nbb\nb\n> \nccc\n"
        "> /text\n[oneaaa\ntwobb\nbccc]\n"
    )


def test_alternatives_on_a_terminal_keep_their_lines_and_show_the_text_before() -> None:
    verse = "a b\nc d\n\ne f\n"
    session, _ = queued("x y\nz\n\nx y z.", verse, verse, length=len(verse))
    transcript(session, "one")
    session.rows, session.columns = 24, 40
    before, first, second, _ = [
        part.text for part in session.respond("/again 2") if isinstance(part, Message)
    ]
    assert before == "one"
    assert first == "1  a b\n   c d\n   \n   e f"
    assert second == first.replace("1", "2")
    session.rows = 9  # two more lines are left free, and one is for the advice
    session.conversation.generator.reader.texts += [verse, verse]
    shown = [part.text for part in session.respond("/again 2") if isinstance(part, Message)]
    assert shown[:3] == ["one", "1  a b\n   c d  e f", "2  a b\n   c d  e f"]
