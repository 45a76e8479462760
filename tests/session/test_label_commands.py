"""The command that sets the labels of what is written."""

from pathlib import Path

import pytest

from tests.session.sessions import assert_same, random_session, transcript
from textgen.session.commands import Session
from textgen.session.conversation import Conversation
from textgen.session.session_file import SavedSession
from textgen.settings import SamplingSettings
from textgen.workflows.load import load_forward, load_model


def session(*labels: str) -> Session:
    model = load_forward("kinds", "a test", labels)
    settings = SamplingSettings(temperature=0)
    return Session(Conversation(model, settings, seed=3, length=20), load=load_model)


def finish(work: object) -> None:
    for _ in work:  # type: ignore[attr-defined]
        pass


def test_labels_are_shown_set_mixed_and_left_out(labelled_run: Path) -> None:
    there = "kind can be high, low; language can be one, two"
    assert transcript(
        session(),
        "/label",
        "/label kind low",
        "/label language=two",
        "/label kind low:3,high:1",
        "/label kind",
        "/label kind off",
        "/label off",
        "/label sort low",
        "/label kind lo",
        "/label kind low:0",
    ) == (
        f"> /label\n[label: none, so that it writes as all of them\n{there}]\n"
        f"> /label kind low\n[label: kind=low\n{there}]\n"
        f"> /label language=two\n[label: kind=low; language=two\n{there}]\n"
        "> /label kind low:3,high:1\n"
        f"[label: language=two; kind=low 75 %, high 25 %\n{there}]\n"
        "> /label kind\n[kind: high, low; /label kind VALUE sets it]\n"
        f"> /label kind off\n[label: language=two\n{there}]\n"
        f"> /label off\n[label: none, so that it writes as all of them\n{there}]\n"
        "> /label sort low\n[there is no label 'sort'; this run has kind, language]\n"
        "> /label kind lo\n[kind has no value 'lo'; this run was trained with low, high]\n"
        "> /label kind low:0\n"
        "[the weights of kind must be at least 0, and one of them above 0]\n"
    )


def test_each_document_is_written_with_the_labels_that_are_set(labelled_run: Path) -> None:
    one = session("kind=low", "language=one")
    transcript(one, "", "/label kind high", "", "/label language two", "", "/regen")
    texts = [turn.text for turn in one.conversation.tree.turns[1:]]
    for text, letters in zip(texts, ("abcd.", "wxyz.", "wxyz!", "wxyz!"), strict=True):
        assert {*text} <= {*letters}


def test_a_saved_session_goes_on_with_its_labels_bit_for_bit(labelled_run: Path) -> None:
    one = session("kind=low", "language=one")
    transcript(one, "ab", "/label kind high", "", "w", "/label language two", "/regen", "")
    saved = one.conversation.saved()
    again = SavedSession.from_json(Path("s"), saved.to_json())
    assert again == saved
    other = session()
    finish(other.conversation.restore(again))
    assert other.conversation.generator.labels == one.conversation.generator.labels
    for turn, twin in zip(one.conversation.tree.turns, other.conversation.tree.turns, strict=True):
        if turn.number:
            assert turn.text == twin.text
            assert_same(turn.after, twin.after)
    assert transcript(one, "wx") == transcript(other, "wx")


def test_another_run_keeps_the_labels_that_it_has_too(labelled_run: Path, tiny_run: Path) -> None:
    one = session("kind=low", "language=one")
    transcript(one, "", "/model fox")
    assert one.conversation.generator.labels == {}
    assert transcript(one, "/label").endswith("[this run was trained without labels]\n")
    one = session("kind=low")
    transcript(one, "", "/model kinds")
    assert one.conversation.generator.labels == {"kind": {"low": 1.0}}


def test_labels_are_completed(labelled_run: Path) -> None:
    assert session().completions("/label kind l") == ["/label kind low"]
    assert session().completions("/label ki") == ["/label kind"]
    assert random_session().completions("/label ") == ["/label off"]


@pytest.mark.parametrize("line", ["/label", "/label off", "/label kind low"])
def test_a_run_without_labels_says_so(line: str) -> None:
    assert "trained without labels" in transcript(random_session(), line)
