"""Recent ids that states share."""

from typing import Any

import numpy as np

from tests.session.sessions import assert_same, random_session, transcript
from textgen.generation.writing import GenerationState
from textgen.session.recent_ids import SIZE, RecentIds
from textgen.settings import MAX_WINDOW


def test_a_chain_of_states_takes_the_space_of_its_text() -> None:
    random, recent = np.random.default_rng(0), RecentIds()
    state = GenerationState((), np.zeros(0, np.int32), 0, 1, 0, 0)
    arrays, length = dict[int, Any](), 0
    for size in [*random.integers(0, 200, 1000).tolist(), 3 * MAX_WINDOW, 1, 0, 5]:
        tokens = random.integers(1, 9, size).astype(np.int32)
        after = state.after((), tokens, 0)
        shared = recent.shared(after, state)
        assert_same(shared, after)
        state, length = shared, length + size
        if state.recent.base is not None:
            arrays[id(state.recent.base)] = state.recent.base
    # By themselves they would take 16 MB.
    assert sum(array.nbytes for array in arrays.values()) < 2 * 4 * length
    assert SIZE == 4 * MAX_WINDOW


def test_branches_do_not_write_into_each_other() -> None:
    recent, root = RecentIds(), GenerationState((), np.zeros(0, np.int32), 0, 1, 0, 0)
    ids = np.arange(1, 31, dtype=np.int32)
    trunk = recent.shared(root.after((), ids[:10], 0), root)
    first = recent.shared(trunk.after((), ids[10:20], 0), trunk)
    second = recent.shared(trunk.after((), ids[20:30], 0), trunk)
    third = recent.shared(first.after((), ids[:5], 0), first)
    assert trunk.recent.tolist() == [*range(1, 11)]
    assert first.recent.tolist() == [*range(1, 21)]
    assert second.recent.tolist() == [*range(1, 11), *range(21, 31)]
    assert third.recent.tolist() == [*range(1, 21), *range(1, 6)]


def test_turns_of_a_session_share_them() -> None:
    session = random_session()
    transcript(session, "the cat", "sat on", "", "/regen", "the mat", "/undo", "a dog")
    tree = session.conversation.tree
    states = [state for turn in tree.turns[1:] for state in (turn.prompted, turn.after)]
    # Where a turn does not go on from the end, an array is begun.
    assert len({id(state.recent.base) for state in states}) <= 4
    for turn in tree.turns[1:]:
        assert turn.after.characters == len(turn.after.recent)
    before = [(state.recent.tolist(), state.characters) for state in states]
    transcript(session, "/goto 1", "and more", "/goto 3", "once more")
    assert [(state.recent.tolist(), state.characters) for state in states] == before
