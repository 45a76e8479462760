"""Reading long texts in parts."""

import pytest

from tests.session.sessions import MODELS, VOCABULARY, queued, random_session, transcript
from textgen.session import prefill
from textgen.session.messages import Typed
from textgen.settings import OnUnknown


def test_a_long_line_can_be_stopped_while_it_is_read_and_then_leaves_no_trace(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(prefill, "perf_counter", lambda: 0.0)
    session, engine = queued("end.", "end.")
    reply = session.respond("ab" * 600)
    assert [next(reply), next(reply)] == [Typed("ab" * 600, True), ""]
    read = [len(session.conversation.generator.settle().recurrent[0])]
    assert next(reply) == ""
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
