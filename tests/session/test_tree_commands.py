"""Commands that move through the turns."""

from tests.session.sessions import DOCUMENTS, queued, random_session, text_of, transcript
from textgen.data.vocabulary import END
from textgen.session.messages import Message


def test_nothing_that_was_written_is_lost() -> None:
    session, engine = queued("aaa.", "bbb.", "ccc.", "ddd.", "eee.")
    assert transcript(
        session,
        "/redo",
        "one",
        "/branch first",
        "two",
        "/regen",
        "/undo",
        "/redo",
        "/goto 2",
        "/undo",
        "/redo",
        "/branch old",
        "three",
        "/goto first",
        "/branch old",
        "four",
        "/tree",
        "/goto frist",
        "/goto 9",
        "/goto 0",
        "/branch 7",
        "/branch a b",
        "/redo",
    ) == (
        "> /redo\n[there is no turn to redo]\n"
        "> one\naaa.\n"
        "> /branch first\n[named turn 1 'first']\n"
        "> two\nbbb.\n"
        "> /regen\nccc.\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /redo\n[at turn 3, which ends with: oneaaa. twoccc.]\n"
        "> /goto 2\n[at turn 2, which ends with: oneaaa. twobbb.]\n"
        "> /undo\n[undid the last turn; 1 turn left]\n"
        "> /redo\n[at turn 2, which ends with: oneaaa. twobbb.]\n"
        "> /branch old\n[named turn 2 'old']\n"
        "> three\nddd.\n"
        "> /goto first\n[at turn 1, which ends with: oneaaa.]\n"
        "> /branch old\n[named turn 1 'old'; before, turn 2 had this name]\n"
        "> four\neee.\n"
        "> /tree\n"
        "[  0 (beginning)\n"
        "  1 [first] [old] one | aaa.\n"
        "  \u251c 2 two | bbb.\n"
        "  \u2502 4 three | ddd.\n"
        "  \u251c 3 two | ccc.\n"
        "* \u2514 5 four | eee.]\n"
        "> /goto frist\n[there is no turn 'frist'; did you mean first? (/tree shows all turns)]\n"
        "> /goto 9\n[there is no turn '9'; choose one of first, old (/tree shows all turns)]\n"
        "> /goto 0\n[at the beginning, before any text]\n"
        "> /branch 7\n"
        "[/branch takes a name without spaces that is not a number, as in /branch rain]\n"
        "> /branch a b\n"
        "[/branch takes a name without spaces that is not a number, as in /branch rain]\n"
        "> /redo\n[at turn 1, which ends with: oneaaa.]\n"
    )
    assert [read for read, _, _ in engine.seen] == [
        "\none",
        "\noneaaa.\ntwo",
        "\noneaaa.\ntwo",
        "\noneaaa.\ntwobbb.\nthree",
        "\noneaaa.\nfour",
    ]


def test_a_tree_fits_narrow_terminals() -> None:
    session, _ = queued("aaa.", "bbb.", "ccc.")
    transcript(session, "one two three four five six", "/regen", "/undo", "seven")
    session.columns = 20
    (message,) = session.respond("/tree")
    assert isinstance(message, Message)
    assert message.text.splitlines() == [
        "  0 (beginning)",
        "  \u251c 1 one two three\u2026",
        "  \u251c 2 one two three\u2026",
        "* \u2514 3 seven | ccc.",
    ]


def test_the_indents_of_a_deep_tree_leave_room_for_its_turns() -> None:
    session = random_session(length=1)
    for _ in range(60):
        transcript(session, "deep", "/regen")
    (message,) = session.respond("/tree")
    assert isinstance(message, Message)
    lines = message.text.splitlines()
    assert len(lines) == 121
    assert all("deep" in line for line in lines[1:])
    assert lines[-1].startswith("* \u2026 ")
    assert max(map(len, lines)) <= 80


def test_a_text_that_was_cleared_comes_back_and_can_be_left_again() -> None:
    session, engine = queued("aaa.", "bbb.", "ccc.")
    assert transcript(
        session, "/clear", "one", "/branch here", "/clear", "/clear", "two", "/undo", "/undo"
    ) == (
        "> /clear\n[there is no text yet]\n"
        "> one\naaa.\n"
        "> /branch here\n[named turn 1 'here']\n"
        "> /clear\n[cleared the text; /undo brings it back]\n"
        "> /clear\n[there is no text yet]\n"
        "> two\nbbb.\n"
        "> /undo\n[undid the last turn; 0 turns left]\n"
        "> /undo\n[the earlier text is back; now at turn 1, which ends with: oneaaa.]\n"
    )
    assert session.conversation.generator.settle().recurrent == ("\noneaaa.",)
    assert transcript(session, "/redo", "/redo", "/redo", "/goto 0", "/undo", "/goto here", "") == (
        "> /redo\n[the later text is back; now at the beginning, before any text]\n"
        "> /redo\n[at turn 1, which ends with: twobbb.]\n"
        "> /redo\n[there is no turn to redo]\n"
        "> /goto 0\n[at the beginning, before any text]\n"
        "> /undo\n[the earlier text is back; now at turn 1, which ends with: oneaaa.]\n"
        "> /goto here\n[at turn 1, which ends with: oneaaa.]\n"
        "> \nccc.\n"
    )
    assert engine.seen[-1][0] == "\noneaaa."


def test_a_text_that_another_took_the_place_of_comes_back_too() -> None:
    session = random_session()
    transcript(session, "abc", "/save s.json", "more", "")
    text = text_of(session)
    transcript(session, "/load s.json")
    assert text_of(session) != text
    transcript(session, "/undo", "/undo")
    assert text_of(session) == text
    # The states of one model mean nothing to another, so its own text is all that it has.
    transcript(session, "/clear", "/model random-1")
    assert transcript(session, "/undo") == "> /undo\n[there is no turn to undo]\n"


def test_it_is_told_which_turns_end_a_document() -> None:
    session, engine = queued(f"one{END}", "twos", f"tri{END}", "four", vocabulary=DOCUMENTS)
    assert transcript(session, "a", "b", "", "/undo", "/redo", "/goto 1", "/goto 2", "/tree").split(
        "undid", 1
    )[1] == (
        " the last turn; 2 turns left]\n"
        "> /redo\n[at turn 3, which ends a document with: aone btwostri]\n"
        "> /goto 1\n[at turn 1, which ends a document with: aone]\n"
        "> /goto 2\n[at turn 2, which ends with: aone btwos]\n"
        "> /tree\n[  0 (beginning)\n  1 a | one\n* 2 b | twos\n  3 | tri]\n"
    )
    transcript(session, "/goto 1", "c")
    assert engine.seen[-1][0] == f"{END}aone{END}c"
