"""The help of the session."""

import pytest

from tests.session.sessions import queued, random_session, transcript
from textgen.session.commands import COMMANDS
from textgen.session.controls import NAMES
from textgen.session.help import list_commands
from textgen.session.messages import Message


def test_every_command_stands_in_the_help() -> None:
    session, _ = queued()
    assert session.commands == [*COMMANDS]
    shown = list_commands([*COMMANDS.values()], 100)
    for each in COMMANDS.values():
        assert f"  {each.name} {each.arguments}".ljust(20) + each.help + "\n" in shown + "\n"
    assert max(map(len, shown.splitlines())) <= 80


@pytest.mark.parametrize("columns", [20, 40, 60, 100])
def test_the_help_fits_the_screen_and_breaks_no_word(columns: int) -> None:
    shown = list_commands([*COMMANDS.values()], columns)
    assert max(map(len, shown.splitlines())) <= min(columns, 80)
    words = set(list_commands([*COMMANDS.values()], 1000).split())
    assert set(shown.split()) == words


def test_help_explains_every_command_and_every_setting() -> None:
    session = random_session()
    for name in (*COMMANDS, *NAMES):
        (message,) = session.respond(f"/help {name.upper()}")
        assert isinstance(message, Message)
        line = f"/set {name} VALUE" if name in NAMES else f"{name} {COMMANDS[name].arguments}"
        assert line.strip() in message.text.split("\n")
        assert len(message.text) > len(line) + 10
    assert transcript(session, "/help top-k") == (
        "> /help top-k\n[/set top_k VALUE\nDraw only from the k likeliest characters; 0 is off. "
        "It is 0 now; /set top_k off turns it off, which is 0.]\n"
    )
    assert "/exit, /quit, /q" in transcript(session, "/help quit")
    # Two names are both a command and a setting.
    both = transcript(session, "/help seed")
    assert "/seed [N]\n" in both
    assert "/set seed VALUE\n" in both
    assert "/set seed VALUE" not in transcript(session, "/help /seed")
    assert transcript(session, "/help skore", "/help /sat").count("did you mean") == 2


def test_topics_are_explained_too() -> None:
    session = random_session()
    assert "line at the bottom shows, as copied N" in transcript(session, "/help copy")
    assert "inside of a word" in transcript(session, "/help max_copy")
    assert session.completions("/help cop") == ["/help copy"]
