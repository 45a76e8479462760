from typing import Any

import numpy as np
import pytest

from textgen.network.cells import HiddenState
from textgen.serve.kept_states import KeptStates


def ids(text: str) -> Any:
    return np.array([ord(character) for character in text], np.int32)


def state(number: float) -> Any:
    return (HiddenState(np.full(3, number, np.float32)),)


def found(states: KeptStates, text: str, network: str = "a") -> float | None:
    kept = states.find(network, ids(text))
    return None if kept is None else float(kept.recurrent[0].hidden[0])


def test_the_longest_kept_beginning_of_a_prompt_is_found() -> None:
    states = KeptStates(10)
    for number, text in enumerate(["the", "the fox", "the fox runs", "a fox", "the fog"]):
        states.keep("a", ids(text), state(number))
    assert found(states, "the fox jumps") == 1
    assert found(states, "the fox runs") == 2
    assert found(states, "the f") == 0
    assert found(states, "th") is None
    assert found(states, "another") is None
    assert states.find("a", ids("the fox jumps")).length == len("the fox")  # type: ignore[union-attr]


def test_a_state_belongs_to_its_network() -> None:
    states = KeptStates(10)
    states.keep("a", ids("the"), state(1))
    assert found(states, "the fox", "b") is None


def test_the_state_that_was_not_used_for_the_longest_time_goes() -> None:
    states = KeptStates(2)
    states.keep("a", ids("one"), state(1))
    states.keep("a", ids("two"), state(2))
    assert found(states, "one more") == 1
    states.keep("a", ids("three"), state(3))
    assert len(states) == 2
    assert [found(states, text) for text in ("one", "two", "three")] == [1, None, 3]


def test_a_text_is_kept_once_with_its_last_state() -> None:
    states = KeptStates(2)
    states.keep("a", ids("one"), state(1))
    for number in range(2, 9):
        states.keep("a", ids("two"), state(number))
    assert len(states) == 2
    assert [found(states, text) for text in ("one", "two")] == [1, 8]


def test_nothing_is_kept_where_there_is_room_for_nothing() -> None:
    states = KeptStates(0)
    states.keep("a", ids("one"), state(1))
    assert (len(states), found(states, "one")) == (0, None)


def test_a_kept_state_is_a_copy() -> None:
    states, given = KeptStates(1), state(1)
    rest = ids("e")
    states.keep("a", ids("one"), given, rest)
    given[0].hidden[:] = rest[:] = 7
    kept = states.find("a", ids("one"))
    assert kept is not None
    assert (kept.recurrent[0].hidden[0], kept.rest.tolist()) == (1, [ord("e")])


@pytest.mark.parametrize("seed", range(5))
def test_what_is_found_is_what_a_list_of_texts_has(seed: int) -> None:
    random = np.random.default_rng(seed)
    states, kept = KeptStates(1000), dict[str, int]()
    for number in range(200):
        text = "".join(random.choice(["a", "b"], random.integers(1, 8)))
        states.keep("a", ids(text), state(number))
        kept[text] = number
        asked = "".join(random.choice(["a", "b"], 8))
        beginnings = [asked[:length] for length in range(9, 0, -1) if asked[:length] in kept]
        assert found(states, asked) == (kept[beginnings[0]] if beginnings else None)
    assert len(states) == len(kept)
