"""Reading long texts in parts."""

from dataclasses import replace

import pytest

from tests.generators import result_of
from tests.session.sessions import (
    MODELS,
    VOCABULARY,
    assert_same,
    queued,
    random_session,
    transcript,
)
from textgen.session import prefill
from textgen.session.prefill import Progress
from textgen.session.session_file import SavedTurn
from textgen.session.turn_tree import Tree
from textgen.settings import OnUnknown


def test_a_long_line_can_be_stopped_while_it_is_read_and_then_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefill, "perf_counter", lambda: 0.0)
    session, engine = queued("end.", "end.")
    reply = session.respond("ab" * 600)
    assert next(reply) == Progress("read 16 of 1,200 characters")
    read = [len(session.conversation.generator.settle().recurrent[0])]
    assert next(reply) == Progress("read 48 of 1,200 characters")
    read.append(len(session.conversation.generator.settle().recurrent[0]))
    assert read == [1 + 16, 1 + 48]  # after the start
    reply.close()
    assert session.conversation.generator.settle().recurrent == ("",)
    assert session.conversation.tree.current.number == 0
    transcript(session, "ab" * 600)
    assert engine.seen == [("\n" + "ab" * 600, 0, 0.8)]
    assert "reading 30,000 characters" in transcript(session, "a" * 30_000)


def test_the_parts_of_a_long_work_grow_and_shrink_with_the_time_that_they_take(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 0.0
    monkeypatch.setattr(prefill, "perf_counter", lambda: now)
    sizes = []
    for part in prefill.parts_of(1000):
        sizes.append(min(part.stop, 1000) - part.start)
        now += 0.001 * (part.stop - part.start) if part.start < 100 else 0.03
    assert sizes[:3] == [16, 32, 32]
    assert sum(sizes) == 1000
    now, slow = 0.0, []
    for part in prefill.parts_of(40):
        slow.append(part.stop - part.start)
        now += 0.01 * slow[-1]  # 16 take four times as long as they should
    assert slow[:4] == [16, 8, 4, 4]
    assert [*prefill.parts_of(0)] == []


@pytest.mark.parametrize("before", range(12, 18))
def test_characters_that_are_read_with_their_neighbours_are_not_cut_apart(before: int) -> None:
    # A vowel with its mark, and a line's end of two characters, at the end of the first part.
    for rule, text in (("nearest", "e\u0301 x"), ("nearest", "\r\nx"), ("skip", "\u017cx")):
        session, twin = random_session(), MODELS["random-0"].generator(seed=5)
        transcript(session, f"/set on_unknown {rule}")
        typed = "a" * before + text
        turn = (transcript(session, typed), session.conversation.tree.current)[1]
        chosen: OnUnknown = "nearest" if rule == "nearest" else "skip"
        twin.read_start()
        twin.feed_tokens(VOCABULARY.encode(typed, chosen))
        assert turn.read == VOCABULARY.decode(VOCABULARY.encode(typed, chosen))
        for layer, other in zip(turn.prompted.recurrent, twin.settle().recurrent, strict=True):
            assert layer.hidden.tobytes() == other.hidden.tobytes()


# The turns of a session of the first format, and the text that leads to each of them.
OLD_TURNS = (
    SavedTurn(0, "abc", "de. f", "error", 2**40, 3),
    SavedTurn(1, "next", "", "error", 2**40, 4),
    SavedTurn(1, "", "or\n", "error", 2**40 + 1, 5),
    SavedTurn(0, "", "xyz", "error", 8, 6),
    SavedTurn(4, "last", "one", "error", 8, 7),
)
OLD_TEXTS = ("abcde. f", "abcde. f\nnext", "abcde. for\n", "xyz", "xyz\nlastone")


def test_turns_of_the_first_format_are_read_without_the_start_of_a_text() -> None:
    tree = result_of(prefill.reread(MODELS["random-0"].generator(seed=5), OLD_TURNS))
    for saved, text, turn in zip(OLD_TURNS, OLD_TEXTS, tree.turns[1:], strict=True):
        twin = MODELS["random-0"].generator(seed=saved.seed, sample=saved.sample)
        # A text that the model began to write by itself had a start, in that format too.
        twin.feed(text, continues=text.startswith("abc"))
        assert_same(turn.after, replace(twin.settle(), position=len(saved.written)))
        assert not turn.begins
    after = tree.turns[1].after.recurrent[0].hidden
    twin = MODELS["random-0"].generator(seed=5)
    twin.feed(OLD_TEXTS[0])
    assert after.tobytes() != twin.settle().recurrent[0].hidden.tobytes()


def test_reading_turns_again_does_not_walk_the_path_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Tree, "go", lambda tree, turn: pytest.fail("it went to a turn"))
    turns = [SavedTurn(number, "a", "b", "error", 5, number) for number in range(30)]
    tree = result_of(prefill.reread(MODELS["random-0"].generator(seed=5), turns))
    assert [turn.number for turn in tree.turns[-1].path()] == [*range(1, 31)]
    assert (tree.current.number, tree.visited) == (0, {})


def test_another_model_that_knows_no_documents_reads_a_newline_in_place_of_their_ends() -> None:
    turns = (
        SavedTurn(0, "abc", "de", "error", 5, 0, begins=True, ended=True),
        SavedTurn(1, "", "fg", "error", 5, 1, begins=True, ended=True),
        SavedTurn(2, "hi\n", "", "error", 5, 2, begins=True, ended=True),
        SavedTurn(3, "", "jk", "error", 5, 3, begins=True),
        SavedTurn(4, "lm", "", "error", 5, 4, begins=True),
    )
    for name, read in (
        ("random-0", ["abc", "\n", "\nhi\n", "", "\nlm"]),
        ("few", ["abc", "", "", "", ""]),  # it knows no newline either
        ("documents", ["abc", "", "hi\n", "", "\nlm"]),
    ):
        some = [replace(turn, on_unknown="skip") for turn in turns]
        tree = result_of(prefill.reread(MODELS[name].generator(seed=5), some))
        assert [turn.read for turn in tree.turns[1:]] == read
        assert [turn.ended for turn in tree.turns[1:]] == [True, True, True, False, False]
        finish = "end" if name == "documents" else None
        assert [turn.finish for turn in tree.turns[1:]] == [finish] * 3 + [None] * 2
