"""The text of turns."""

from dataclasses import replace

import pytest

from tests.session.sessions import MODELS
from textgen.session.turn_tree import Tree, Turn, join_turns


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
