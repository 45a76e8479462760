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
    assert transcript(session, "/trace", "/trace 3") == (
        "> /trace\n[there is no text yet]\n> /trace 3\n[/trace takes no argument or the word all]\n"
    )
    assert "/trace all" in session.completions("/trace ")


def test_an_index_that_takes_long_is_told_and_can_be_stopped(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorted_entries, "AT_ONCE", 16)
    transcript(session, TEXT[4:60])
    replies = session.respond("/trace")
    assert next(replies) == Message(MAKING)
    assert next(replies) == ""
    replies.close()
    assert not Path("checkpoints/fox", NAME).exists()
    told = list(session.respond("/trace"))
    assert told[0] == Message(MAKING)
    assert isinstance(told[-1], Trace)
    assert [type(one) for one in session.respond("/trace")] == [Trace]


def test_a_run_that_is_gone_is_told_in_a_line() -> None:
    queue, _ = queued("and so on.")
    assert "[" in transcript(queue, "the cat", "/trace").splitlines()[-1]
