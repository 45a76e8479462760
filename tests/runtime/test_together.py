"""What the processes of one training say to each other, over a store in memory."""

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from textgen.errors import CorpusError, LostProcessError, SettingError, UsageError
from textgen.runtime import together
from textgen.runtime.together import Together


class Store:
    """A key-value store as JAX's coordinator has it."""

    def __init__(self) -> None:
        self.values: dict[str, str] = {}
        self.changed = threading.Condition()
        self.is_reachable = True

    def key_value_set(self, key: str, value: str, allow_overwrite: bool = False) -> None:
        self._reach()
        with self.changed:
            assert allow_overwrite or key not in self.values
            self.values[key] = value
            self.changed.notify_all()

    def key_value_delete(self, key: str) -> None:
        self.values.pop(key, None)

    def key_value_dir_get(self, start: str) -> list[tuple[str, str]]:
        self._reach()
        with self.changed:
            return [(key, value) for key, value in self.values.items() if key.startswith(start)]

    def blocking_key_value_get(self, key: str, milliseconds: int) -> str:
        self._reach()
        with self.changed:
            if not self.changed.wait_for(lambda: key in self.values, milliseconds / 1000):
                raise RuntimeError("DEADLINE_EXCEEDED: the key is not there")
            return self.values[key]

    def _reach(self) -> None:
        if not self.is_reachable:
            raise RuntimeError("UNAVAILABLE: no connection")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let signs of life follow each other quickly."""
    monkeypatch.setattr(together, "BEAT_SECONDS", 0.02)
    monkeypatch.setattr(together, "LOST_SECONDS", 0.4)
    monkeypatch.setattr(together, "LISTEN_MILLISECONDS", 20)
    monkeypatch.setattr(together, "LEAVING_SECONDS", 0.0)


class Party:
    """Several processes in threads of one."""

    def __init__(self, count: int) -> None:
        self.stores = [Store() for _ in range(count)]
        for store in self.stores[1:]:
            store.values, store.changed = self.stores[0].values, self.stores[0].changed
        self.lost: dict[int, str] = {}
        self.active: Callable[[], float] = time.monotonic
        self.members = self.all(
            lambda number: Together(
                number,
                count,
                self.stores[number],
                lambda message: self.lost.update({number: message}),
            )
        )

    def all(self, work: Callable[[int], Any]) -> list[Any]:
        """Call a function with the number of each process at the same time; return the results."""
        results: dict[int, Any] = {}

        def call(number: int) -> None:
            try:
                results[number] = work(number)
            except Exception as error:
                results[number] = error

        threads = [
            threading.Thread(target=call, args=[number]) for number in range(len(self.stores))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [results[number] for number in range(len(self.stores))]

    def until_lost(self, *numbers: int) -> None:
        """Wait until processes know that another one is lost."""
        deadline = time.monotonic() + 10
        while not self.lost.keys() >= set(numbers):
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.fixture
def party(monkeypatch: pytest.MonkeyPatch) -> Iterator[Party]:
    party = Party(3)
    monkeypatch.setattr(together, "active_seconds", lambda: party.active())
    yield party
    for store in party.stores:
        store.is_reachable = True
    for member in reversed(party.members):
        member.end(0)


def test_all_get_the_values_of_all_in_order(party: Party) -> None:
    for turn in range(3):
        found = party.all(lambda number, turn=turn: party.members[number].gather([number, turn]))
        assert found == [[[0, turn], [1, turn], [2, turn]]] * 3


def test_the_others_hear_what_the_first_says_in_order(party: Party) -> None:
    for number in range(250):
        party.members[0].say("advance", step=number, rates=[0.1])
        heard = [member.hear() for member in party.members[1:]]
        assert heard == [("advance", {"step": number, "rates": [0.1]})] * 2
    # What all have heard is forgotten.
    assert len(party.stores[0].values) < 150


def test_a_problem_of_one_is_an_error_of_all(party: Party) -> None:
    problems = [None, None, UsageError("the folder is not shared")]
    found = party.all(lambda number: party.members[number].agree(problems[number]))
    for error in found:
        assert isinstance(error, UsageError)
        assert "process 2): the folder is not shared" in str(error)
    assert party.all(lambda number: party.members[number].agree(None)) == [None] * 3


def test_a_setting_that_one_refuses_is_named_as_it_is_typed(party: Party) -> None:
    problems = [None, SettingError("batch_size", 7, "a multiple of 2"), None]
    for error in party.all(lambda number: party.members[number].agree(problems[number])):
        assert isinstance(error, SettingError)
        assert (error.name, error.value, error.allowed) == ("batch_size", "7", "a multiple of 2")
        # The terminal writes it with a dash.
        assert str(error).endswith("(process 1): batch_size must be a multiple of 2, got 7")


def test_a_text_that_one_lacks_is_an_error_of_the_text_in_all(party: Party) -> None:
    problems = [None, CorpusError("book.txt", "there is no such file"), None]
    found = party.all(lambda number: party.members[number].agree(problems[number]))
    for error in found:
        assert isinstance(error, CorpusError)
        assert str(error).startswith("corpus 'book.txt': on ")
        assert str(error).endswith(" (process 1), there is no such file")


def test_a_signal_to_one_is_known_to_all(party: Party) -> None:
    assert party.members[0].requested() == 0
    party.members[2].asked = lambda: 15
    deadline = time.monotonic() + 5
    while [member.requested() for member in party.members] != [15] * 3:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_process_without_signs_of_life_is_named(party: Party) -> None:
    party.stores[1].is_reachable = False
    party.until_lost(0, 2)
    for number in (0, 2):
        message = party.lost[number]
        assert "(process 1) has given no sign of life" in message
    error = party.members[0].explain(RuntimeError("Gloo: connection closed"))
    assert isinstance(error, LostProcessError)
    assert "process 1" in str(error)
    with pytest.raises(LostProcessError, match="process 1"):
        party.members[2].hear()


@pytest.mark.parametrize("kind", [RuntimeError, ValueError])
def test_a_computation_that_fails_in_jax_names_who_is_lost(
    party: Party, kind: type[Exception]
) -> None:
    party.stores[1].is_reachable = False
    failure = kind("UNKNOWN: Gloo AllGather failed: connection closed by peer")
    with (
        pytest.raises(LostProcessError, match="process 1"),
        party.members[0].working("arrays"),
    ):
        raise failure
    # An error of our own is not taken for a lost process.
    with pytest.raises(ValueError, match="too short"), party.members[0].working("arrays"):
        raise ValueError("too short")


def test_who_cannot_reach_the_first_misses_that_one(party: Party) -> None:
    party.stores[2].is_reachable = False
    party.until_lost(0, 1, 2)
    assert "(process 0)" in party.lost[2]
    assert "(process 2)" in party.lost[0]


def test_a_computation_that_takes_too_long_is_stuck(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "STUCK_SECONDS", 0.2)
    for member in party.members:
        for _ in range(2):
            with member.working("advance"):
                pass
    party.members[0].say("advance", step=1, rates=[])
    party.members[1].hear()
    with party.members[0].working("advance"), party.members[1].working("advance"):
        party.until_lost(0, 1)
    assert "a computation of all processes has taken" in party.lost[0]
    assert "(process 2) did not begin it" in party.lost[0]


@pytest.mark.slow
def test_a_first_computation_in_which_nobody_is_busy_is_stuck(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "STUCK_SECONDS", 0.3)
    party.active = lambda: 7.0  # of each; it stays the same
    with party.members[0].working("advance"):
        party.until_lost(0)
    assert "a computation of all processes has taken" in party.lost[0]


@pytest.mark.slow
def test_a_first_computation_may_take_long_while_any_process_is_busy(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "STUCK_SECONDS", 0.2)
    monkeypatch.setattr(together, "FIRST_SECONDS", 1.0)
    party.active = lambda: 100 * time.monotonic()
    with party.members[0].working("advance"):
        time.sleep(0.7)
        assert not party.lost
        party.until_lost(0)  # but not for ever


def test_the_first_computation_of_another_network_may_take_long_again(
    party: Party, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(together, "STUCK_SECONDS", 0.2)
    party.active = lambda: 100 * time.monotonic()
    for _ in range(2):
        with party.members[0].working("advance"):
            pass
    party.members[0].forget()
    with party.members[0].working("advance"):
        time.sleep(0.5)
    assert not party.lost


def test_threads_are_active_while_they_run_or_wait_for_a_core(tmp_path: Path) -> None:
    for thread, words in (("1", "1500000000 250000000 7"), ("2", "0 250000000 1"), ("3", "")):
        (tmp_path / thread).mkdir()
        (tmp_path / thread / "schedstat").write_text(words)
    assert together.active_seconds(tmp_path) == 2.0
    # Of this thread alone: another one may end meanwhile, and take its seconds with it.
    own = tmp_path / "own"
    own.mkdir()
    (own / "1").symlink_to(f"/proc/self/task/{threading.get_native_id()}")
    before = together.active_seconds(own)
    sum(range(10**6))
    assert before < together.active_seconds(own) <= together.active_seconds()
    assert together.active_seconds(tmp_path / "missing") == pytest.approx(time.process_time(), 0.1)


def test_the_end_is_heard_and_nobody_is_missed(party: Party) -> None:
    def end(number: int) -> Any:
        member = party.members[number]
        code = 5 if member.leads else member.hear().values["code"]
        member.end(code)
        return code

    assert party.all(end) == [5, 5, 5]
    time.sleep(0.6)
    assert not party.lost


def test_the_end_waits_for_those_that_are_slow_and_for_nobody_who_is_lost(party: Party) -> None:
    def end(number: int) -> float:
        begun = time.monotonic()
        if number == 1:
            time.sleep(0.2)
        if number != 2:
            party.members[number].end(0)
        else:
            party.stores[2].is_reachable = False
        return time.monotonic() - begun

    took = party.all(end)
    assert 0.4 <= took[0] < 5
    assert 0 not in party.lost
