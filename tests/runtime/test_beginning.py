"""JAX starts in all processes or in none, and what differs between them is named."""

import threading
from typing import Any

import jax
import pytest

from textgen.errors import LostProcessError, UsageError
from textgen.runtime import beginning
from textgen.runtime.beginning import begin_together, compare, differing_words
from textgen.runtime.hosts import Hosts

HOSTS = Hosts(
    coordinator="node1:7000", num_processes=2, process_id=1, launcher="a test", reason="a test"
)


class Gathered:
    """What processes have gathered, seen from the first."""

    names = ("a (process 0)", "b (process 1)")

    def __init__(self, *facts: Any, leads: bool = True) -> None:
        self.facts, self.leads = [*facts], leads

    def gather(self, value: Any) -> list[Any]:
        assert value in self.facts
        return self.facts


@pytest.fixture
def unchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the settings of JAX of the process of all tests."""
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(beginning, "STARTING_SECONDS", 0.05)


@pytest.mark.usefixtures("unchanged")
def test_a_process_that_is_lost_while_jax_starts_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    told, waited = list[str](), threading.Event()

    def initialize(**arguments: Any) -> None:
        assert arguments["coordinator_address"] == "node1:7000"
        assert waited.wait(30)
        raise RuntimeError("DEADLINE_EXCEEDED: Barrier timed out\nand more")

    def lost(message: str) -> None:
        told.append(message)
        waited.set()

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    with pytest.raises(LostProcessError, match=r"in all processes: DEADLINE_EXCEEDED: .* out;"):
        begin_together(HOSTS, 300, None, {}, address="10.0.0.2", when_lost=lost)
    assert told == ["JAX did not start at node1:7000 in all processes within 0.05 seconds"]


def test_what_differs_is_named_by_the_first_process() -> None:
    one, other = {"cores": 4, "options": ["train", "a"]}, {"cores": 2, "options": ["train", "a"]}
    compare(Gathered(one, one), one)  # type: ignore[arg-type]
    compare(Gathered(one, other, leads=False), other)  # type: ignore[arg-type]
    expected = r"^b \(process 1\) differs from a \(process 0\) in its cores: 2, not 4; make them"
    with pytest.raises(UsageError, match=expected):
        compare(Gathered(one, other), one)  # type: ignore[arg-type]
    other = {"cores": 4, "options": ["train", "a", "--quiet"]}
    with pytest.raises(UsageError, match="in its options: --quiet, not nothing; make them the"):
        compare(Gathered(one, other), one)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("a b c d", "a x c d", ("b", "x")),
        ("a", "a a", ("nothing", "a")),
        ("a b b", "a b", ("b", "nothing")),
        ("b a", "c a", ("b", "c")),
        ("a --seed 1", "--seed 2 a", ("a --seed 1", "--seed 2 a")),
    ],
)
def test_words_that_differ_are_those_between_what_is_the_same(
    one: str, other: str, expected: tuple[str, str]
) -> None:
    assert differing_words(one.split(), other.split()) == expected
