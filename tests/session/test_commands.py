"""What typed lines do, as whole transcripts."""

import pytest

from tests.session.sessions import DOCUMENTS, queued, random_session, shown, transcript
from textgen.data.vocabulary import END
from textgen.session.commands import COMMANDS
from textgen.session.help import list_commands
from textgen.session.messages import Message, Typed


def test_a_conversation() -> None:
    session, engine = queued("at. ", "ats.", "end.", "new.", "ago.", "mor.")
    assert transcript(
        session,
        "the c",
        "",
        "/undo",
        "a dog",
        "/regen",
        "/set temperature 0.5",
        "/undo",
        "/undo",
        "/undo",
        "/clear",
        "long",
        "/more",
        "/bye",
    ) == (
        "> the c\n"
        "at. \n"
        "> \n"
        "ats.\n"
        "> /undo\n"
        "[undid the last turn; 1 turn left]\n"
        "> a dog\n"
        "end.\n"
        "> /regen\n"
        "new.\n"
        "> /set temperature 0.5\n"
        "[temperature: 0.5]\n"
        "> /undo\n"
        "[undid the last turn; 1 turn left]\n"
        "> /undo\n"
        "[undid the last turn; 0 turns left]\n"
        "> /undo\n"
        "[there is no turn to undo]\n"
        "> /clear\n"
        "[cleared the text; /undo brings it back]\n"
        "> long\n"
        "ago.\n"
        "> /more\n"
        "mor.\n"
        "> /bye\n"
    )
    # What the model had read each time, which of the seed's samples it drew, how daringly.
    assert engine.seen == [
        ("\nthe c", 0, 0.8),
        ("\nthe cat. ", 1, 0.8),
        ("\nthe cat. \na dog", 2, 0.8),
        ("\nthe cat. \na dog", 3, 0.8),
        ("\nlong", 4, 0.5),
        ("\nlongago.", 5, 0.5),
    ]
    assert not session.running


def test_what_is_typed_begins_on_a_new_line() -> None:
    session, engine = queued("aaa\n", "bbb.", "ccc.", "ddd.")
    transcript(session, "one", "two", "", "three")
    assert [read for read, _, _ in engine.seen] == [
        "\none",
        "\noneaaa\ntwo",
        "\noneaaa\ntwobbb.",
        "\noneaaa\ntwobbb.ccc.\nthree",
    ]


def test_commands_begin_with_a_slash_and_nothing_else_does() -> None:
    session, engine = queued("one.", "two.", "tri.")
    text = transcript(session, "help", "/hepl", "/help", "//etc", "/regne", "/")
    assert "[there is no command /hepl; did you mean /help? (/help lists all)]" in text
    assert f"[{list_commands([*COMMANDS.values()], 80)}]" in text
    assert "[there is no command /regne; did you mean /regen?" in text
    assert "".join(shown(session.respond("/etc", is_text=True))) == "tri."
    assert [read for read, _, _ in engine.seen] == [
        "\nhelp",
        "\nhelpone.\n/etc",
        "\nhelpone.\n/etctwo.\n/etc",
    ]


def test_a_million_characters_that_are_no_command_are_not_repeated() -> None:
    session = random_session()
    million = "x" * 10**6
    for line in ("/", "/set ", "/set top_k ", "/goto ", "/branch ", "/load ", "/model ", "/words "):
        (message,) = session.respond(line + million)
        assert isinstance(message, Message)
        assert len(message.text) < 1100


def test_an_unknown_character_is_explained_and_the_session_goes_on() -> None:
    session, engine = queued("one.", "two.")
    lines = ("a\u017cb", "ab", "a\u017cb", "/set on_unknown replace", "\u017c")
    text = transcript(session, "/set on_unknown error", *lines)
    assert text.count("[the model does not know the character '\u017c' (U+017C) at position 2") == 2
    assert [read for read, _, _ in engine.seen] == ["\nab", "\nabone.\n\ufffd"]


def test_stopped_text_stays_and_the_next_turn_follows_it() -> None:
    session, engine = queued("abcdefgh", "two.", length=8)
    reply = session.respond("x")
    assert [next(reply), next(reply), next(reply)] == [Typed("x", True), "ab", "cd"]
    reply.close()
    assert session.conversation.generator.settle().recurrent == ("\nxabcd",)
    engine.texts.pop(0)
    engine.is_new = True
    session.conversation.length = 4
    transcript(session, "y")
    assert engine.seen[-1][0] == "\nxabcd\ny"
    transcript(session, "/undo", "/undo")
    assert session.conversation.generator.settle().recurrent == ("",)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("/un", ["/undo"]),
        ("/s", ["/score", "/set", "/show", "/seed", "/save", "/sessions"]),
        ("/set top_", ["/set top_k", "/set top_p"]),
        ("/set on_unknown s", ["/set on_unknown skip"]),
        ("/goto r", ["/goto rain", "/goto rose"]),
        ("/model f", ["/model few"]),
        ("/model ", ["/model random-0", "/model random-1", "/model few", "/model documents"]),
        ("/score ", ["/score all"]),
        ("text", []),
    ],
)
def test_commands_settings_names_and_runs_are_completed(line: str, expected: list[str]) -> None:
    session = random_session()
    transcript(session, "/branch rain", "/branch rose")
    assert session.completions(line) == expected


def test_what_a_command_does_not_take_is_not_passed_over() -> None:
    session, _ = queued("one.", "two.")
    transcript(session, "text", "")
    alone = [each.name for each in COMMANDS.values() if not each.arguments]
    assert len(alone) == 10
    for name in alone:
        assert transcript(session, f"{name} 3") == (
            f"> {name} 3\n[{name} takes no argument, got '3']\n"
        )
    assert session.running
    assert session.conversation.tree.current.number == 2
    assert transcript(session, "/undo ") == "> /undo \n[undid the last turn; 1 turn left]\n"


@pytest.mark.parametrize("line", ["/bye", "/BYE", "/exit", "/quit", "/Quit ", "/q"])
def test_the_session_ends_whatever_one_calls_that(line: str) -> None:
    session, _ = queued()
    assert transcript(session, line) == f"> {line}\n"
    assert not session.running


@pytest.mark.parametrize(
    ("lines", "command"),
    [
        (("exit", "QUIT ", "bye", "q", ":q", ":wq"), "/bye ends the session"),
        (("help", "?"), "/help shows the commands"),
    ],
)
def test_a_line_that_looks_like_a_command_is_asked_about_once(
    lines: tuple[str, ...], command: str
) -> None:
    for line in lines:
        session, engine = queued("one.", "two.")
        session.conversation.on_unknown, session.rows = "replace", 24
        assert transcript(session, line) == (
            f"> {line}\n[{command}; to continue {line!r} as text, type it again]\n"
        )
        assert engine.seen == []
        assert transcript(session, line).endswith("one.\n")
        # Through a pipe, and between quotes, it is text at once.
        session, engine = queued("one.", "two.")
        session.conversation.on_unknown = "replace"
        assert transcript(session, line).endswith("one.\n")
        session.rows = 24
        assert "".join(shown(session.respond(line, is_text=True))) == "two."


@pytest.mark.parametrize(
    ("line", "file"),
    [
        ("/save st", "st"),
        ("/load ~/", "~/"),
        ("/export a b", "a b"),
        ("/set words li", "li"),
        ("/set stop li", None),
        ("/savest", None),
        ("save st", None),
    ],
)
def test_a_command_says_itself_that_it_takes_a_file(line: str, file: str | None) -> None:
    assert random_session().typed_file(line) == file


def test_the_end_of_a_document_is_told_and_what_is_typed_then_begins_another_one() -> None:
    # One end stands at the end of a piece, one inside of it, one before any character.
    texts = (f"cat{END}", f"dog.{END}x", f"{END}x", "cows a", f"nd{END}x", f"ow{END}", "ees go")
    session, engine = queued(*texts, length=6, vocabulary=DOCUMENTS)
    ends = "[the document ends here; what follows begins another one]\n"
    assert transcript(session, "a ", "", "/more", "two ", "", "/undo", "/regen", "b") == (
        f"> a \ncat{ends}> \ndog.{ends}> /more\n{ends}"
        f"> two \ncows a\n> \nnd{ends}"
        "> /undo\n[undid the last turn; 4 turns left]\n"
        f"> /regen\now{ends}> b\nees go\n"
    )
    before = f"{END}a cat{END}dog.{END}{END}"
    assert [read for read, _, _ in engine.seen] == [
        f"{END}a ",
        f"{END}a cat{END}",
        f"{END}a cat{END}dog.{END}",
        f"{before}two ",
        f"{before}two cows a",
        f"{before}two ",
        f"{before}two ow{END}b",
    ]
    assert session.conversation.generator.settle().recurrent == (f"{before}two ow{END}bees go",)


def test_a_document_that_has_not_begun_yet_has_no_line_to_end() -> None:
    session, engine = queued(f"cat{END}", "do", "dogs", "cows", vocabulary=DOCUMENTS)
    transcript(session, "a ", "/set stop d", "", "/set stop off")
    assert session.conversation.tree.current.number == 2
    assert session.conversation.tree.current.text == ""
    transcript(session, "b", "c")
    assert engine.seen[-2][0] == f"{END}a cat{END}b"
    assert engine.seen[-1][0] == f"{END}a cat{END}bdogs\nc"


@pytest.mark.parametrize(
    "line", ["undo", "Save", "clear ", "set temperature 0.3", "set temp=0.3", "sessions"]
)
def test_a_command_without_its_slash_is_asked_about_once(line: str) -> None:
    session, engine = queued("one.")
    session.conversation.on_unknown, session.rows = "replace", 24
    assert transcript(session, line) == (
        f"> {line}\n[did you mean /{line.strip()}? to continue {line!r} as text, type it again]\n"
    )
    assert engine.seen == []
    assert transcript(session, line).endswith("one.\n")


@pytest.mark.parametrize(
    "line", ["undo it", "set the table", "set temperature", "set", "set top 3", "the undo", ""]
)
def test_text_that_is_no_command_is_continued(line: str) -> None:
    session, engine = queued("one.")
    session.conversation.on_unknown, session.rows = "replace", 24
    asks = line == "set"
    assert ("did you mean" in transcript(session, line)) == asks
    assert len(engine.seen) == (not asks)
