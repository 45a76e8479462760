"""Commands that show and change settings."""

from dataclasses import fields
from pathlib import Path

from tests.session.sessions import random_session, transcript
from textgen.session.controls import NAMES, OWN
from textgen.session.messages import Message
from textgen.settings import MAX_LENGTH, SamplingSettings


def test_every_setting_is_changed_shown_and_guarded() -> None:
    Path("list.txt").write_text("ab cd\nab ef")
    session = random_session()
    assert transcript(
        session,
        "/set top_k 5",
        "/set top_p 1.5",
        "/set top_p x",
        "/set top_k 1.5",
        "/set top_k off",
        "/set tempratur 1",
        "/set temperature 0.4..1.1",
        "/set temperature hot",
        "/set length 0",
        "/set length 9",
        "/set seed 77",
        "/set on_unknown nearest",
        "/set on_unknown maybe",
        "/set top_k",
        "/set repetition_penalty 1.2",
        "/set stop end\\n\\u0020 ",
        "/set starts a,b\\\\",
        "/set starts a,\\u002fc",
        "/set forbid xyz",
        "/set forbid",
        "/set forbid=",
        "/set only Z",
        "/set only off",
        "/set words list.txt",
        "/set words none.txt",
        "/set words \0",
        "/set max_copy 5",
        "/set  lines   2",
    ) == (
        "> /set top_k 5\n[top_k: 5]\n"
        "> /set top_p 1.5\n[top_p must be a number in (0, 1], got 1.5]\n"
        "> /set top_p x\n[top_p must be a number, got 'x']\n"
        "> /set top_k 1.5\n[top_k must be a whole number, got '1.5']\n"
        "> /set top_k off\n[top_k: 0]\n"
        "> /set tempratur 1\n[there is no setting 'tempratur'; did you mean temperature?]\n"
        "> /set temperature 0.4..1.1\n[temperature: 0.4..1.1]\n"
        "> /set temperature hot\n[temperature must be a number in [0, 100], a ramp 0.4..1.1 or a "
        "cycle 1,0.5,0.2, got 'hot']\n"
        "> /set length 0\n[length must be a whole number in [1, 1000000000], got 0]\n"
        "> /set length 9\n[length: 9]\n"
        "> /set seed 77\n[seed: 77]\n"
        "> /set on_unknown nearest\n[on_unknown: nearest]\n"
        "> /set on_unknown maybe\n"
        "[on_unknown must be error, nearest, skip or replace, got 'maybe']\n"
        "> /set top_k\n[top_k: 0; /set top_k VALUE changes it]\n"
        "> /set repetition_penalty 1.2\n[repetition_penalty: 1.2]\n"
        "> /set stop end\\n\\u0020 \n[stop: end\\n  ]\n"
        "> /set starts a,b\\\\\n[starts must be a text without '\\\\', which the model does not "
        "know, got 'b\\\\']\n"
        "> /set starts a,\\u002fc\n[starts: a,/c]\n"
        "> /set forbid xyz\n[forbid: xyz]\n"
        "> /set forbid\n[forbid: xyz; /set forbid VALUE changes it]\n"
        "> /set forbid=\n[forbid: off]\n"
        "> /set only Z\n[only must be a choice that leaves the model a character to write, "
        "got 'Z']\n"
        "> /set only off\n[only: off]\n"
        "> /set words list.txt\n[words: 3 words]\n"
        "> /set words none.txt\n[list of words 'none.txt': there is no such file or folder]\n"
        "> /set words \0\n[/set words takes the name of a file, as in /set words notes.txt]\n"
        "> /set max_copy 5\n[max-copy 5 needs the training text, which the run has not kept "
        "(it was trained with --no-keep-corpus); leave it out]\n"
        "> /set  lines   2\n[lines: 2]\n"
    )
    settings = session.conversation.settings
    assert settings.stop == ("end\n  ",)
    assert settings.starts == ("a", "/c")
    assert settings.words == ("ab", "cd", "ef")
    assert (settings.max_copy, settings.lines, settings.temperature) == (0, 2, "0.4..1.1")
    (table,) = session.respond("/show")
    assert isinstance(table, Message)
    names = [line.split(": ")[0] for line in table.text.splitlines()]
    assert names == [*(f.name for f in fields(SamplingSettings)), *OWN, "wrap"]
    assert "on_unknown: nearest" in table.text
    assert transcript(session, "/set") == f"> /set\n[{table.text}]\n"


def test_the_seed_decides_what_is_written() -> None:
    session = random_session()
    assert transcript(session, "/seed", "/seed 9", "/seed -1") == (
        "> /seed\n[seed: 5]\n> /seed 9\n[seed: 9]\n"
        "> /seed -1\n[seed must be a whole number in [0, 2**63), got -1]\n"
    )
    first = transcript(session, "abc")
    transcript(session, "/clear", "/seed 9")
    assert transcript(session, "abc") == first
    transcript(session, "/clear", "/seed 8")
    assert transcript(session, "abc") != first


def test_a_setting_is_named_by_its_beginning_and_with_a_hyphen() -> None:
    session = random_session()
    assert transcript(
        session,
        "/set temp 0.5",
        "/set top-k 5",
        "/set TOP_P 0.9",
        "/set --min-p 0.1",
        "/set min=0.2",
        "/set rep 1.1",
        "/set top 3",
        "/set oh 3",
    ) == (
        "> /set temp 0.5\n[temperature: 0.5]\n"
        "> /set top-k 5\n[top_k: 5]\n"
        "> /set TOP_P 0.9\n[top_p: 0.9]\n"
        "> /set --min-p 0.1\n[min_p: 0.1]\n"
        "> /set min=0.2\n[min_p: 0.2]\n"
        "> /set rep 1.1\n"
        "['rep' can be repetition_penalty or repetition_window; type more of the name]\n"
        "> /set top 3\n['top' can be top_k or top_p; type more of the name]\n"
        "> /set oh 3\n[there is no setting 'oh'; choose one of "
        f"{', '.join(NAMES)}]\n"
    )
    # A value may hold what a name may not.
    assert "[stop: a=b,  c]\n" in transcript(session, "/set stop=a=b,  c")


def test_what_the_model_does_not_know_of_a_setting_is_told() -> None:
    told = transcript(random_session(), "/set only a-e", "/set only ace", "/set stop \\nu,%")
    assert told == (
        "> /set only a-e\n[only: a-e]\n"
        "[only: 'a-e' is the three characters 'a', '-' and 'e'; for the range write abcde; "
        "the model does not know '-']\n"
        "> /set only ace\n[only: ace]\n"
        "> /set stop \\nu,%\n[stop: \\nu,%]\n"
        "[stop: '\\nu' is read as a new line and 'u'; for a backslash write '\\\\nu']\n"
        "[stop: the text never ends at '%', since the model does not know '%']\n"
    )


def test_off_turns_off_each_setting_that_can_be_off() -> None:
    session = random_session()
    for name in NAMES:
        answer = transcript(session, f"/set {name} off")
        if name in ("seed", "repetition_window"):
            assert f"[{name} cannot be off; /se" in answer
        else:
            assert "must" not in answer
    conversation = session.conversation
    assert conversation.settings == SamplingSettings(temperature=1.0)
    assert (conversation.length, conversation.on_unknown) == (MAX_LENGTH, "error")
    assert not session.wraps
    assert transcript(session, "/set wrap ON", "/set wrap perhaps", "/set top_p OFF") == (
        "> /set wrap ON\n[wrap: on]\n"
        "> /set wrap perhaps\n[wrap must be on or off, got 'perhaps']\n"
        "> /set top_p OFF\n[top_p: 1.0]\n"
    )
    assert session.wraps


def test_a_name_alone_shows_the_value_and_changes_nothing() -> None:
    session = random_session()
    assert transcript(session, "/set stop x", "/set stop", "/set temp", "/set length off") == (
        "> /set stop x\n[stop: x]\n"
        "> /set stop\n[stop: x; /set stop VALUE changes it]\n"
        "> /set temp\n[temperature: 0.8; /set temperature VALUE changes it]\n"
        "> /set length off\n[length: off]\n"
    )
    assert session.conversation.settings.stop == ("x",)
    assert "length: off\n" in transcript(session, "/show")
