from pathlib import Path

import pytest

from tests.conftest import TEXT
from tests.session.sessions import queued, transcript
from textgen.data import sorted_entries
from textgen.generation.trace import Trace
from textgen.runs.trace_index import NAME
from textgen.session.commands import Session
from textgen.session.conversation import Conversation
from textgen.session.messages import Message, Reply
from textgen.session.prefill import Progress
from textgen.session.trace_commands import MAKING
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_model


@pytest.fixture
def session(tiny_run: Path) -> Session:
    conversation = Conversation(load_model("fox"), SamplingSettings(), seed=5, length=6)
    return Session(conversation)


def last(session: Session, line: str) -> Reply:
    return list(session.respond(line))[-1]


def test_the_last_turn_or_all_text_is_traced(session: Session) -> None:
    transcript(session, TEXT[4:60], "quiz")
    one, whole = last(session, "/trace"), last(session, "/trace all")
    assert isinstance(one, Trace)
    assert isinstance(whole, Trace)
    assert one.text == session.conversation.tree.current.text
    assert one.copied == 0
    assert whole.longest >= 56
    assert Path(whole.stretches[0].first.file).name == "fox.txt"
    assert Path("checkpoints/fox", NAME).exists()


def test_without_text_or_with_another_argument_nothing_is_traced(session: Session) -> None:
    assert transcript(session, "/trace") == "> /trace\n[there is no text yet]\n"
    for wrong in ("3", "al", "all 3", "12 all", "-7"):
        assert "must be a whole number in [5, 10000]" in transcript(session, f"/trace {wrong}")
    assert "/trace all" in session.completions("/trace ")


def test_the_smallest_stretch_can_be_given(session: Session) -> None:
    transcript(session, TEXT[4:16])
    for line, least, copied in (("/trace all", 20, 0), ("/trace all 12", 12, 12)):
        found = last(session, line)
        assert isinstance(found, Trace)
        assert found.least == least
        assert found.copied >= copied
        assert (found.copied == 0) == (copied == 0)
    one = last(session, "/trace 7")
    assert isinstance(one, Trace)
    assert (one.text, one.least) == (session.conversation.tree.current.text, 7)


def test_the_end_of_the_last_document_is_no_newline(labelled_run: Path) -> None:
    conversation = Conversation(load_model("kinds"), SamplingSettings(), seed=5, length=99)
    documents = Session(conversation)
    transcript(documents, "", "")
    turns = conversation.tree.current.path()
    assert [turn.finish for turn in turns] == ["end", "end"]
    one, whole = last(documents, "/trace"), last(documents, "/trace all")
    assert isinstance(one, Trace)
    assert isinstance(whole, Trace)
    assert one.text == turns[-1].text
    assert whole.text == "\n".join(turn.text for turn in turns)


def test_an_index_that_takes_long_is_told_and_can_be_stopped(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_entries, "AT_ONCE", 16)
    transcript(session, TEXT[4:60])
    replies = session.respond("/trace")
    assert next(replies) == Message(MAKING)
    assert isinstance(next(replies), Progress)
    replies.close()
    assert not Path("checkpoints/fox", NAME).exists()
    told = [one for one in session.respond("/trace") if one != ""]
    assert told[0] == Message(MAKING)
    assert isinstance(told[-1], Trace)
    assert [type(one) for one in session.respond("/trace") if one != ""] == [Trace]


def test_a_run_that_is_gone_is_told_in_a_line() -> None:
    queue, _ = queued("and so on.")
    assert "[" in transcript(queue, "the cat", "/trace").splitlines()[-1]
