"""Kept sessions that are listed and chosen."""

import os
from pathlib import Path

import pytest

from tests.session.sessions import random_session, text_of, transcript
from textgen.session.commands import Session
from textgen.session.kept_sessions import KeptSessions
from textgen.session.session_file import read_session

FOLDER = Path("state/textgen/sessions")


@pytest.fixture
def folder(own_folder: Path) -> Path:
    return own_folder / FOLDER


def hold(session: Session, *lines: str) -> str:
    """Hold a conversation that is saved after each line."""
    told = ""
    for line in lines:
        told += transcript(session, line)
        assert session.kept is not None
        session.kept.keep(session.conversation)
    return told


def opened(folder: Path, *lines: str) -> Session:
    session = random_session(kept=KeptSessions(folder), columns=70)
    hold(session, *lines)
    return session


def files(session: Session) -> list[Path]:
    assert session.kept is not None
    return session.kept.files_of(session.conversation.model.run)


def three_sessions(folder: Path) -> Session:
    """Hold three sessions, the first of them years ago."""
    session = opened(folder, "first", "")
    os.utime(files(session)[0], (10**9, 10**9))
    session = opened(folder, "second")
    os.utime(files(session)[0], (11 * 10**8, 11 * 10**8))
    return opened(folder, "third")


def test_kept_sessions_are_listed_with_time_turns_and_first_words(folder: Path) -> None:
    told = hold(three_sessions(folder), "/sessions")
    _, third, second, first, advice, _ = told.split("\n")
    assert third.startswith("[* 1  20")
    assert "  1 turn: third" in third
    assert second.startswith("  2  2004-11-09 ")
    assert first.startswith("  3  2001-09-0")
    assert "  2 turns: first" in first
    assert max(map(len, (second, first.removesuffix("]")))) <= 70
    assert advice == "[/sessions N goes on with one of them]"


def test_a_listed_session_goes_on_in_its_file_and_is_the_last_one_then(folder: Path) -> None:
    session = three_sessions(folder)
    *_, path = files(session)
    hold(session, "/sessions")
    opened(folder, "fourth")  # others are saved meanwhile: the numbers stay those that were listed
    assert "[continued 2 turns; now at turn 2, which ends with: " in hold(session, "/continue 3")
    assert text_of(session).startswith("first")
    assert files(session)[0] == path
    hold(session, "and")
    assert [turn.typed for turn in read_session(path).turns] == ["first", "", "and"]
    assert len(files(session)) == 4
    assert "* 1  20" in hold(session, "/sessions")
    assert "that is this session" in hold(session, "/sessions 1")
    # The text before it is there again, and is saved in its own file.
    hold(session, "/undo", "/undo", "/undo", "/undo", "more")
    assert text_of(session).startswith("third")
    assert len(files(session)) == 4


def test_what_cannot_be_chosen_is_explained(folder: Path) -> None:
    none = "[no session with the run 'random-0' is kept]\n"
    assert hold(opened(folder), "/sessions").endswith(none)
    assert transcript(random_session(), "/sessions 1").endswith(none)
    session = three_sessions(folder)
    assert "[/sessions must be a whole number in [1, 3], got '4']" in hold(session, "/sessions 4")
    path = files(session)[1]
    path.write_bytes(path.read_bytes()[:-9])
    os.utime(path, (11 * 10**8, 11 * 10**8))
    tree = session.conversation.tree
    assert "  damaged\n" in hold(session, "/sessions")
    assert "is damaged: " in hold(session, "/sessions 2")
    assert session.conversation.tree is tree
