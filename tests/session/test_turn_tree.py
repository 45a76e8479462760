"""The text of turns."""

from dataclasses import replace

import pytest

from tests.session.sessions import MODELS, queued, transcript
from textgen.session.turn_tree import Tree, Turn, join_turns, last_lines


def written(*texts: str) -> Turn:
    """Return the last of turns with some texts; a `|` at the end of a text ends a document."""
    tree = Tree(MODELS["documents"].generator(seed=0).settle())
    for text in texts:
        finish = replace(tree.current, finish="end" if text.endswith("|") else "length").finish
        turn = replace(tree.current, parent=tree.current, finish=finish, written=text.strip("|"))
        tree.add(turn)
    return tree.current


@pytest.mark.parametrize(
    ("texts", "expected", "is_open"),
    [
        ((), "", False),
        (("one", "two"), "onetwo", True),
        (("one\n", "two\n"), "one\ntwo\n", False),
        (("one|", "two|"), "one\ntwo", False),
        (("one|", "two", "three|", "four"), "one\ntwothree\nfour", True),
        (("one\n|", "two"), "one\ntwo", True),
        (("|", "|", "one"), "one", True),
        (("one|", "|", "two"), "one\ntwo", True),
        (("one|", ""), "one\n", False),
        (("one|", "", "two"), "one\ntwo", True),
    ],
)
def test_a_document_begins_a_line(texts: tuple[str, ...], expected: str, is_open: bool) -> None:
    turn = written(*texts)
    assert join_turns(turn.path()) == expected
    for count in range(1, 12):
        assert turn.ending(count) == expected[-count:]
    assert turn.has_open_line() == is_open
    for each in turn.path():
        assert each.last_character == each.ending(1)


def test_a_chain_of_turns_without_text_is_walked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    tree, looks = Tree(MODELS["documents"].generator(seed=0).settle()), list[int]()
    shown = Turn.text.fget
    assert shown is not None

    def text(turn: Turn) -> str:
        looks.append(turn.number)
        return str(shown(turn))

    monkeypatch.setattr(Turn, "text", property(text))
    turn = tree.turns[0]
    for number in range(2000):
        turn = tree.append(replace(turn, parent=turn, read="" if number else "a"))
        if number % 7 == 0:
            assert turn.has_open_line()
    assert len(looks) < 6000  # walking back each time would look 300,000 times
    assert tree.current.number == 0


def test_the_last_lines_are_those_that_were_typed_and_fit() -> None:
    session, _ = queued("one.", "two.")
    transcript(session, "caf\u00e9 " * 5, "b")
    turn = session.conversation.tree.current
    assert last_lines(turn, 10, 3) == ["caf\u00e9 caf\u00e9", "one.", "btwo."]
    assert last_lines(turn, 10, 1) == ["btwo."]
    assert last_lines(turn, 10, 0) == []
    assert last_lines(session.conversation.tree.turns[0], 10, 3) == []
