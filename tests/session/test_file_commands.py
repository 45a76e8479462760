"""Commands that read and write files."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.session.sessions import (
    MODELS,
    STORY,
    assert_same,
    queued,
    random_session,
    text_of,
    transcript,
)
from textgen.runs.files import encode_json
from textgen.session.messages import Message
from textgen.session.prefill import Progress
from textgen.session.session_file import read_session
from textgen.settings import MAX_SEED


def test_a_loaded_session_stands_bit_for_bit_where_the_saved_one_stood() -> None:
    session, other = random_session(), random_session()
    transcript(session, *STORY)
    assert transcript(session, "/save s.json") == "> /save s.json\n[saved 6 turns to 's.json']\n"
    ending = transcript(other, "lost", "/load s.json")
    assert "[loaded 6 turns; now at turn 3, which ends with: " in ending
    assert "another model" not in ending
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())
    turns = zip(session.conversation.tree.turns, other.conversation.tree.turns, strict=True)
    next(turns)  # the beginning, which has no draws of its own
    for mine, its in turns:
        assert (mine.text, mine.typed, mine.number) == (its.text, its.typed, its.number)
        assert_same(mine.after, its.after)
    going = ("/show", "/tree", "/redo", "more", "/undo", "/regen", "/goto here", "/redo", "/more")
    assert transcript(session, *going) == transcript(other, *going)
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())


DOCUMENTS_STORY = (
    "",
    "the cat",
    "/set length 2",
    "a dog",
    "",
    "/set length 300",
    "/branch here",
    "",
    "/undo",
    "/regen",
    "/set on_unknown skip",
    "UP",
    "/set forbid aeiou",
    "",
    "/goto here",
)


def test_documents_of_a_loaded_session_stand_bit_for_bit_where_they_stood() -> None:
    session, other = random_session("documents", 300), random_session("documents")
    transcript(session, *DOCUMENTS_STORY, "/save s.json")
    turns = session.conversation.tree.turns
    ended = [turn for turn in turns if turn.finish == "end"]
    assert len(turns) - len(ended) >= 2  # the beginning, and a turn of two characters
    assert len(ended) >= 5
    transcript(other, "lost", "/load s.json")
    for mine, its in zip(turns[1:], other.conversation.tree.turns[1:], strict=True):
        assert (mine.text, mine.ended, mine.begins) == (its.text, its.ended, its.begins)
        assert (mine.finish == "end") == (its.finish == "end")
        assert_same(mine.after, its.after)
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())
    going = ("/tree", "and", "/undo", "/undo", "/redo", "", "/goto 1", "more", "/score all")
    assert transcript(session, *going) == transcript(other, *going)
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())


def test_a_session_of_the_first_format_goes_on_as_it_did() -> None:
    session, other = random_session(), random_session()
    transcript(session, "abc", "", "/save s.json")
    content = json.loads(Path("s.json").read_text()) | {"format": 1}
    for turn in content["turns"]:
        del turn["begins"], turn["ended"]
    Path("s.json").write_bytes(encode_json(content))
    assert "[loaded 2 turns; " in transcript(session, "/load s.json", "/undo", "/regen", "new")
    twin = MODELS["random-0"].generator(seed=5)
    twin.feed(text_of(session), continues=True)
    state = session.conversation.generator.settle()
    assert state.characters == len(text_of(session))
    for one, two in zip(state.recurrent, twin.settle().recurrent, strict=True):
        np.testing.assert_allclose(one.hidden, two.hidden, atol=1e-6)
    # It is saved in the newest format, and stays what it is. What is begun anew has a start.
    transcript(session, "/goto 0", "begun", "/save s.json")
    assert json.loads(Path("s.json").read_text())["format"] == 2
    transcript(other, "/load s.json")
    for mine, its in zip(
        session.conversation.tree.turns[1:], other.conversation.tree.turns[1:], strict=True
    ):
        assert_same(mine.after, its.after)
    lengths = [(turn.begins, turn.after.characters) for turn in other.conversation.tree.turns[1:]]
    assert lengths == [(False, 15), (False, 27), (False, 15), (True, 31), (True, 18)]


def test_another_run_reads_documents_as_lines_and_the_first_one_as_documents_again() -> None:
    session = random_session("documents", length=300)
    transcript(session, "", "the cat", "", "/branch here")
    conversation = session.conversation
    states = [turn.after for turn in conversation.tree.turns]
    documents = [turn.text for turn in conversation.tree.turns[1:]]
    assert transcript(session, "/model random-0") == "> /model random-0\n[random-0, step 0]\n"
    assert text_of(session) == "\n".join(documents)
    twin = MODELS["random-0"].generator(seed=5)
    twin.feed(text_of(session))
    for one, two in zip(
        conversation.generator.settle().recurrent, twin.settle().recurrent, strict=True
    ):
        assert one.hidden.tobytes() == two.hidden.tobytes()
    transcript(session, "/set length 5", "more", "/goto here", "/save s.json", "/model documents")
    for _ in range(2):
        for turn, state in zip(conversation.tree.turns[1:4], states[1:], strict=True):
            assert turn.finish == "end"
            assert_same(turn.after, state)
        assert conversation.tree.turns[4].read == "more"  # it begins a document
        transcript(session, "/clear", "/model random-0", "/load s.json", "/model documents")


def test_each_document_begins_a_line_of_an_exported_text() -> None:
    session = random_session("documents", length=300)
    transcript(session, "", "the cat", "", "/export a.txt")
    documents = [turn.text for turn in session.conversation.tree.turns[1:]]
    assert Path("a.txt").read_text() == "".join(f"{text}\n" for text in documents)


def test_a_session_that_begins_without_a_prompt_is_loaded_too() -> None:
    session, other = random_session(), random_session()
    transcript(session, "", "and", "/save s.json")
    transcript(other, "/load s.json")
    assert_same(other.conversation.generator.settle(), session.conversation.generator.settle())


def test_another_model_reads_a_saved_text_if_it_knows_its_characters() -> None:
    session, other = random_session(), random_session("random-1")
    transcript(session, "abc", "/save s.json")
    answer = transcript(other, "/load s.json")
    assert (
        "[the session was saved with another model, random-0 at step 0; "
        "the session continues with random-1 at step 1" in answer
    )
    assert text_of(other) == text_of(session)
    fresh = MODELS["random-1"].generator(seed=5)
    fresh.feed(text_of(session))
    assert_same(
        replace(other.conversation.generator.settle(), sample=0, position=0),
        replace(fresh.settle(), sample=0, position=0),
    )
    transcript(session, "/set starts e", "/clear", "/save s0.json")
    few = random_session("few", length=3)
    transcript(few, "abba", "/branch mine")
    before, tree = few.conversation.generator.settle(), few.conversation.tree
    assert "[the model does not know the character" in transcript(few, "/load s.json")
    assert "[starts must be left out" in transcript(few, "/load s0.json")
    assert few.conversation.generator.settle() is before
    assert few.conversation.tree is tree
    assert few.conversation.length == 3


def test_files_that_are_no_sessions_are_neither_loaded_nor_overwritten() -> None:
    session = random_session()
    transcript(session, "abc", "/save s.json")
    data = Path("s.json").read_bytes()
    Path("s.json").write_bytes(data.replace(b'"length": 12', b'"length": 13'))
    Path("notes").write_text("precious")
    before = session.conversation.tree.current
    answers = transcript(
        session, "/load s.json", "/load notes", "/load none", "/load", "/save s.json", "/save notes"
    )
    assert answers == (
        "> /load s.json\n['s.json' is damaged: its SHA-256 differs from the recorded one]\n"
        "> /load notes\n['notes' is not a session; /save writes one]\n"
        "> /load none\n[there is no file 'none']\n"
        "> /load\n[/load takes the name of a file, as in /load notes.json]\n"
        "> /save s.json\n['s.json' exists and is not a session; choose another name]\n"
        "> /save notes\n['notes' exists and is not a session; choose another name]\n"
    )
    assert transcript(session, "/save a\0b", "/load \ud800", "/save nowhere/s").count("[") == 3
    assert Path("notes").read_text() == "precious"
    assert session.conversation.tree.current is before
    Path("s.json").write_bytes(data)
    transcript(session, "more", "/save s.json")
    assert len(read_session(Path("s.json")).turns) == 2


def test_a_load_that_is_stopped_changes_nothing() -> None:
    session = random_session()
    transcript(session, "abc" * 200, "/save s.json", "/clear", "other")
    tree, state = session.conversation.tree, session.conversation.generator.settle()
    reply = session.respond("/load s.json")
    assert next(reply) == Progress("read 16 of 612 characters")
    reply.close()
    assert session.conversation.tree is tree
    assert session.conversation.generator.settle() is state


def test_another_run_reads_all_text_again_and_goes_on() -> None:
    session = random_session()
    transcript(session, "abc", "def", "/branch here", "/undo", "ghi")
    text, count = text_of(session), len(session.conversation.tree.turns)
    assert transcript(session, "/model random-1", "/model") == (
        "> /model random-1\n[random-1, step 1]\n> /model\n[random-1, step 1]\n"
    )
    assert text_of(session) == text
    assert len(session.conversation.tree.turns) == count
    fresh = MODELS["random-1"].generator(seed=5)
    fresh.feed(text)
    for one, two in zip(
        session.conversation.generator.settle().recurrent, fresh.settle().recurrent, strict=True
    ):
        assert one.hidden.tobytes() == two.hidden.tobytes()
    assert "turn 2, which ends" in transcript(session, "/goto here")


def test_what_another_run_cannot_read_is_there_again_after_it() -> None:
    session = random_session()
    transcript(session, "xyz abc", "/more", "/set on_unknown skip")
    text, state = text_of(session), session.conversation.generator.settle()
    transcript(session, "/model few")
    assert set(text) - set(" abcd.") >= set("xyz")
    assert set(text_of(session)) <= set(" abcd.")
    transcript(session, "/save s.json", "/model random-0")
    for _ in range(2):
        assert text_of(session) == text
        for one, two in zip(
            session.conversation.generator.settle().recurrent, state.recurrent, strict=True
        ):
            assert one.hidden.tobytes() == two.hidden.tobytes()
        transcript(session, "/clear", "/load s.json", "/model random-0")


def test_a_run_that_cannot_go_on_leaves_the_old_one() -> None:
    session = random_session()
    transcript(session, "xyz", "/set starts e,f")
    state = session.conversation.generator.settle()
    answers = transcript(session, "/model few", "/set starts off", "/model few", "/model nope")
    assert answers == (
        "> /model few\n[starts must be left out: the model knows no newline, got ('e', 'f')]\n"
        "> /set starts off\n[starts: off]\n"
        "> /model few\n[the model does not know the character 'x' (U+0078) at position 1, and none "
        "that is near it; leave it out, or choose /set on_unknown skip or replace]\n"
        "> /model nope\n[no run named 'nope' in 'checkpoints'; known runs: "
        "random-0, random-1, few, documents]\n"
    )
    assert session.conversation.model.name == "random-0"
    assert session.conversation.generator.settle() is state
    assert transcript(session, "/set on_unknown skip", "/model few").endswith(
        "[random-2, step 2]\n"
    )
    assert set(text_of(session)) <= set(" abcd.")
    transcript(session, "abba", "/save s.json")
    again = random_session("few")
    transcript(again, "/load s.json")
    assert_same(again.conversation.generator.settle(), session.conversation.generator.settle())


def test_what_could_not_be_loaded_is_not_saved() -> None:
    session = random_session()
    answer = transcript(session, "abc", "/set length 99999999999999999999")
    assert "[length must be a whole number in [1, 1000000000], got 99999" in answer
    session.conversation.length = 2**63
    assert "[length must be a whole number" in transcript(session, "/save s.json")
    assert not Path("s.json").exists()
    session.conversation.length = 5
    conversation = session.conversation
    list(conversation.restore(replace(conversation.saved(), writings=MAX_SEED)))
    transcript(session, "", "/save s.json")
    assert "[loaded 2 turns; " in transcript(random_session(), "/load s.json")
    assert conversation.saved().writings == 0


# What a session from anywhere may hold in the place of anything.
WRONG: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 1e308, MAX_SEED, "", "x", "\n\x1b[2J", [], [1], [[0, 1]], [["a"]], {},
    {"a": 1}, json.loads("[" * 300 + "]" * 300),
)  # fmt: skip


def places(content: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inner = content.items() if isinstance(content, dict) else enumerate(content)
    for key, value in inner:
        yield (*path, key)
        if isinstance(value, dict | list):
            yield from places(value, (*path, key))


@pytest.mark.slow
def test_a_session_with_anything_in_any_place_gives_a_message() -> None:
    session = random_session(length=3)
    transcript(session, "abc", "/branch here", "", "/undo", "/set stop xy,z", "/save s.json")
    content = json.loads(Path("s.json").read_text())
    refused = 0
    for path in places(content):
        for wrong in WRONG:
            changed = json.loads(json.dumps(content))
            inner = changed
            for key in path[:-1]:
                inner = inner[key]
            inner[path[-1]] = wrong
            Path("t.json").write_bytes(encode_json(changed))
            *_, message = random_session(length=3).respond("/load t.json")
            assert isinstance(message, Message)
            assert len(message.text) < 1100
            assert "\n" not in message.text
            assert "\x1b" not in message.text
            refused += "is damaged" in message.text
    assert refused > 300


def test_names_of_a_session_from_anywhere_are_shown_on_one_line() -> None:
    session = random_session(length=3)
    transcript(session, "abc", "/save s.json")
    content = json.loads(Path("s.json").read_text())
    content["names"] = {"two\nlines\x1b": 1, "long" * 1000: 0, "fine": 1}
    content["model"] |= {"run": "run\nof\x1b" + "x" * 5000, "weights": "other"}
    Path("s.json").write_bytes(encode_json(content))
    about, _ = [part for part in session.respond("/load s.json") if isinstance(part, Message)]
    assert "another model, run of\u241bxxx" in about.text
    assert len(about.text) < 300
    session.columns = 1000
    tree, *rest = [*session.respond("/tree"), *session.respond("/goto nowhere")]
    assert isinstance(tree, Message)
    assert len(tree.text.splitlines()) == 2
    assert "[fine] [two lines\u241b]" in tree.text
    assert len(tree.text) < 300
    assert isinstance(rest[0], Message)
    assert "\n" not in rest[0].text
    assert len(rest[0].text) < 300
    assert session.completions("/goto ") == ["/goto fine"]


def test_the_text_is_written_into_a_file_and_no_other_file_is_lost() -> None:
    session = random_session()
    Path("notes.txt").write_text("precious")
    Path("link.txt").symlink_to("nowhere.txt")
    assert transcript(session, "/export a.txt", "abc", "/export a.txt").endswith(
        "[wrote 15 characters to 'a.txt']\n"
    )
    text = text_of(session)
    assert Path("a.txt").read_text() == text + "\n"
    transcript(session, "/regen", "/export a.txt")  # a file that the session has written
    assert Path("a.txt").read_text() == text_of(session) + "\n" != text + "\n"
    answers = transcript(
        session, "/export notes.txt", "/export link.txt", "/export", "/export no/such.txt"
    )
    assert answers.startswith(
        "> /export notes.txt\n['notes.txt' exists; choose another name]\n"
        "> /export link.txt\n['link.txt' exists; choose another name]\n"
        "> /export\n[/export takes the name of a file, as in /export notes.txt]\n"
        "> /export no/such.txt\n[cannot write 'no/such.txt': "
    )
    assert Path("notes.txt").read_text() == "precious"
    other = random_session()
    transcript(other, "abc")
    assert "exists" in transcript(other, "/export a.txt")


def test_an_exported_file_is_replaced_only_if_it_holds_what_this_session_wrote() -> None:
    session, path = random_session(), Path("a.txt")
    transcript(session, "abc", "/export a.txt", "/save s.json", "/clear")
    written = path.read_text()
    path.write_text(written + "An edited line.\n")
    changed = "['a.txt' has changed since this session wrote it; choose another name, or remove "
    assert changed in transcript(session, "def", "/export a.txt")
    assert path.read_text().endswith("An edited line.\n")
    # A session that goes on later knows what it wrote; any other one does not.
    path.write_text(written)
    later, other = random_session(), random_session()
    assert "[wrote " in transcript(later, "/load s.json", "", "/export a.txt")
    assert path.read_text() == text_of(later) + "\n" != written
    assert "['a.txt' exists; choose" in transcript(other, "def", "/export a.txt")
    assert changed in transcript(session, "/export a.txt")
    path.unlink()
    path.symlink_to("s.json")
    assert changed in transcript(later, "/export a.txt")
    path.unlink()
    assert "[wrote " in transcript(session, "/export a.txt")


@pytest.mark.parametrize("rule", ["nearest", "skip", "replace"])
def test_the_exported_text_holds_what_was_typed_with_the_newlines_between(rule: str) -> None:
    session = random_session(length=5)
    lines = ("\u00d1and\u00fa", "", " \u00e9t\u00e9\n", "\nthe end")
    transcript(session, f"/set on_unknown {rule}")
    for line in lines:
        list(session.respond(line, is_text=True))
    turns = session.conversation.tree.current.path()
    text = lines[0] + turns[0].written + turns[1].written
    for line, turn in zip(lines[2:], turns[2:], strict=True):
        text += "\n" * (not text.endswith("\n")) + line + turn.written
    transcript(session, "/export a.txt")
    assert Path("a.txt").read_text() == text + "\n"
    assert transcript(session, "/text") == f"> /text\n[{text}]\n"
    # Another model reads less of it, and it is exported as it was written.
    transcript(session, f"/set on_unknown {rule}", "/model few", "/export b.txt")
    assert Path("b.txt").read_text().replace("\n", "") == text.replace("\n", "")


def test_after_loading_the_end_of_the_text_is_shown_on_half_of_a_terminal() -> None:
    session = random_session(length=100)
    transcript(session, "\u00d1and\u00fa " * 40, "/save s.json")
    session.rows, session.columns = 10, 40
    loaded, end = [part for part in session.respond("/load s.json") if isinstance(part, Message)]
    assert loaded.text == "loaded 1 turn; now at turn 1"
    lines = end.text.split("\n")
    assert len(lines) == 5
    assert max(map(len, lines)) <= 40
    shown = "".join(text_of(session)[-30:].split())
    assert "".join(end.text.split()).endswith(shown)


def test_a_long_session_says_that_it_is_being_read() -> None:
    session, _ = queued("end.", "end.")
    transcript(session, "ab" * 10_001, "/save s.json")
    told = "[reading 20,006 characters again; Ctrl-C stops it]"
    assert told in transcript(session, "/load s.json")
