import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from tests.generators import result_of
from tests.session.sessions import DOCUMENTS, MODELS, QueuedEngine, QueuedModel
from textgen.data.vocabulary import END
from textgen.errors import RunError
from textgen.generation.generator import Generator
from textgen.generation.learning import Learnt, TextLearner
from textgen.session.learning import Learning, Weights, lesson
from textgen.session.turn_tree import Tree, Turn
from textgen.settings import LearningSettings

ROOM = 100


def learnt_of(segments: int, size: int = 10) -> Learnt:
    """Return something learnt whose weights take 4 bytes for each of `size` numbers."""
    weights = {"a": np.full(size, segments, np.float32)}
    return Learnt(segments, segments * 5, 0.0, 0.0, 0, weights, (), (), 0.0)


def test_weights_are_found_for_texts_that_begin_alike_and_for_no_others() -> None:
    weights = Weights(learnt_of(0), 5, ROOM)
    text = np.arange(30, dtype=np.int32)
    other = text.copy()
    other[7] = 99
    weights.keep(text, learnt_of(1))
    weights.keep(text, learnt_of(3))
    assert weights.find(text).segments == 3
    assert weights.find(text, 2).segments == 1
    assert weights.find(text[:15]).segments == 1  # three segments take 16 ids
    assert weights.find(text[:16]).segments == 3
    assert weights.find(other).segments == 1
    other[5] = 99
    assert weights.find(other).segments == 0


def test_the_oldest_weights_are_dropped_for_lack_of_room_but_never_the_last() -> None:
    weights = Weights(learnt_of(0), 5, ROOM)
    text = np.arange(60, dtype=np.int32)
    for segments in (1, 2, 3):
        weights.keep(text, learnt_of(segments))
    assert (len(weights), weights.nbytes, weights.dropped) == (2, 80, 1)
    assert weights.find(text, 1).segments == 0
    weights.keep(text, learnt_of(4, size=50))
    assert (len(weights), weights.nbytes, weights.dropped) == (1, 200, 3)


def turn_after(tree: Tree, typed: str, written: str, *, learns: bool, ends: bool = False) -> Turn:
    state = tree.turns[0].after
    turn = Turn(0, tree.current, typed, typed, written, written, "error", state, state)
    values = {"learns": learns, "finish": "end" if ends else None}
    for name, value in values.items():
        object.__setattr__(turn, name, value)
    return tree.add(turn)


def test_a_lesson_is_what_was_typed_and_what_another_turn_has_followed() -> None:
    generator = QueuedModel(QueuedEngine(vocabulary=DOCUMENTS)).generator(seed=0)
    tree = Tree(generator.settle())
    turn_after(tree, "ab", "cd", learns=True)
    turn_after(tree, "ef", "gh", learns=False)
    turn_after(tree, "ij", "kl", learns=True, ends=True)
    last = turn_after(tree, "mn", "op", learns=True)

    def text(*, is_kept: bool) -> str:
        return generator.vocabulary.decode(lesson(generator, last.path(), is_kept=is_kept))

    assert text(is_kept=False) == END + "abcd" + "ijkl" + END + "mn"
    assert text(is_kept=True) == END + "abcd" + "ijkl" + END + "mnop"


class SlowLearner:
    """Learns a segment of two characters only when it is allowed to."""

    segment = 2

    def __init__(self, allowed: int) -> None:
        self.trained, self.allowed, self.is_counting = learnt_of(0), allowed, False

    def segments_in(self, tokens: np.ndarray) -> int:
        return (len(tokens) - 1) // self.segment

    def learn(self, tokens: np.ndarray, learnt: Learnt) -> Iterator[Learnt]:
        for segments in range(learnt.segments + 1, self.segments_in(tokens) + 1):
            self.allowed -= self.is_counting
            yield learnt_of(segments)


def learning_of(learner: SlowLearner, *, waits: bool) -> Learning:
    learning = Learning(lambda *_: learner, LearningSettings(segment=2), waits=waits)  # type: ignore[arg-type,return-value]
    assert learning.learner is learner  # it is ready now
    learner.is_counting = True
    return learning


TEXT = np.arange(21, dtype=np.int32)


def test_a_turn_that_begins_early_uses_what_was_learnt_so_far(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("textgen.session.learning.BEFORE_WRITING", -1.0)
    learning = learning_of(SlowLearner(9), waits=False)
    early = result_of(learning.advance(TEXT, 0))
    assert early is not None
    assert early.segments == 1
    later = result_of(learning.advance(TEXT, 0))
    assert later is not None
    assert later.segments == 2
    least = result_of(learning.advance(TEXT, 5))
    assert least is not None
    assert least.segments == 6
    learning.close()


def test_through_pipes_a_turn_waits_until_all_is_learnt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("textgen.session.learning.BEFORE_WRITING", -1.0)
    learning = learning_of(SlowLearner(10), waits=True)
    learnt = result_of(learning.advance(TEXT, 0))
    assert learnt is not None
    assert learnt.segments == 10
    learning.close()


def test_what_is_learnt_in_the_background_is_kept_text_by_text() -> None:
    learner = SlowLearner(10)
    learning = learning_of(learner, waits=True)
    learning.study(TEXT[:9], TEXT)
    while learner.allowed:
        pass
    learning.pause()
    assert learning.weights.find(TEXT).segments == 10
    other = TEXT.copy()
    other[9:] = 0
    assert learning.weights.find(other).segments == 4
    learning.close()


def test_a_stopped_replay_loses_nothing_that_was_learnt() -> None:
    learning = learning_of(SlowLearner(10), waits=True)
    work = learning.recall(TEXT, 8)
    for _ in range(3):
        next(work)
    work.close()
    assert learning.weights.find(TEXT).segments == 3
    learning.close()


def test_a_session_that_has_ended_stops_what_is_made_ready() -> None:
    is_closed = threading.Event()

    def start(settings: LearningSettings, check: Callable[[], None]) -> TextLearner:
        is_closed.wait()
        check()
        raise AssertionError("the check raises an error")

    learning = Learning(start, LearningSettings())
    learning.close()
    is_closed.set()
    with pytest.raises(RunError, match="the session has ended"):
        assert learning.learner


def test_models_of_sessions_return_what_learns() -> None:
    generator: Generator = MODELS["random-0"].generator(seed=0)
    with pytest.raises(Exception, match="has not kept its training text"):
        generator.learner()
