"""The line below the prompt."""

from dataclasses import replace

from tests.session.sessions import queued, transcript
from textgen.terminal.repl.status_line import status_line


def test_the_status_line_tells_of_the_last_turn_and_fits() -> None:
    session, _ = queued("at sat o", length=8)
    conversation = session.conversation
    assert status_line(conversation, 80) == "temperature 0.8 | seed 3"
    transcript(session, "the c")
    turn = replace(conversation.tree.current, seconds=0.004)
    conversation.tree.turns[1] = turn
    conversation.go(turn)
    assert conversation.copies.known(turn) is None
    assert conversation.copies.longest(turn) == 8
    whole = "temperature 0.8 | seed 3 | 2,000 characters/s | 1.00 bits/character | copied 8"
    assert status_line(conversation, 80) == whole
    assert status_line(conversation, 100) == f"{whole} characters"
    shown = {columns: status_line(conversation, columns) for columns in range(1, 100)}
    assert shown[60] == "temperature 0.8 | seed 3 | 1.00 bits/character | copied 8"
    assert shown[50] == "temperature 0.8 | seed 3 | 1.00 bits | copied 8"
    assert shown[40] == "temperature 0.8 | seed 3 | 1.00 bits"
    assert shown[30] == "temperature 0.8 | 1.00 bits"
    assert shown[20] == "temperature 0.8"
    assert shown[8] == "tempera\u2026"
    assert all(len(line) <= columns for columns, line in shown.items())
