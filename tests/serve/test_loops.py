import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from textgen.serve.loops import FIRST_COUNT, LEAST_COUNT, MOST_CALLS, MOST_LOOPS, ROWS, Loops, Pace


class Later:
    """Compiles when it is told to."""

    def __init__(self) -> None:
        self.jobs: list[Callable[[], None]] = []

    def submit(self, job: Callable[[], None]) -> None:
        self.jobs.append(job)

    def work(self, count: int = 10**9) -> None:
        while self.jobs and count:
            self.jobs.pop(0)()
            count -= 1


def made() -> tuple[Loops, Later, list[int], Callable[[int], None]]:
    later, compiled = Later(), list[int]()
    background: Any = later
    return Loops(background, lambda: None), later, compiled, compiled.append


def test_rows_wait_for_the_first_loop_and_then_for_no_other() -> None:
    loops, later, compiled, build = made()
    assert loops.split("a", 3, build) == []
    assert loops.split("a", 3, build) == []
    later.work()
    assert compiled == [4]  # once
    assert loops.split("a", 3, build) == loops.split("a", 4, build) == [4]
    # A larger loop stands in for a smaller one, and several smaller ones for a larger one.
    assert loops.split("a", 1, build) == [4]
    assert loops.split("a", 11, build) == [4, 4, 4]
    assert loops.split("a", 256, build) == [4] * MOST_CALLS
    later.work()
    assert compiled == [4, 1, 16, 256]
    assert [loops.split("a", count, build) for count in (1, 11, 256)] == [[1], [16], [256]]
    assert loops.split("b", 1, build) == []


def test_what_texts_wait_for_is_compiled_first() -> None:
    loops, later, compiled, build = made()
    for rows in ROWS:
        loops.prepare("a", rows, build)
    assert loops.split("b", 60, build) == []
    later.work(1)
    assert compiled == [64]
    assert loops.split("b", 60, build) == [64]
    later.work()
    assert compiled == [64, *ROWS]


def test_what_cannot_be_compiled_is_told_to_the_texts_and_tried_again() -> None:
    loops, later, _, build = made()

    def fail(rows: int) -> None:
        raise MemoryError(f"no memory for {rows} rows")

    assert loops.split("a", 2, fail) == []
    later.work()
    with pytest.raises(MemoryError, match="no memory for 4 rows"):
        loops.split("a", 2, build)
    assert loops.split("a", 2, build) == []
    later.work()
    assert loops.split("a", 2, build) == [4]


def test_too_many_loops_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    cleared = list[None]()
    monkeypatch.setattr("jax.clear_caches", lambda: cleared.append(None))
    loops, later, compiled, build = made()
    for number in range(MOST_LOOPS):
        assert loops.split(number, 1, build) == []
        later.work()
    assert loops.split(0, 1, build) == [1]
    assert not cleared
    assert loops.split("one more", 1, build) == []
    later.work()
    assert len(cleared) == 1
    assert loops.split("one more", 1, build) == [1]
    assert loops.split(0, 1, build) == []
    later.work()
    assert (loops.split(0, 1, build), len(compiled)) == ([1], MOST_LOOPS + 2)


def test_the_scheduler_is_woken_when_a_loop_is_ready() -> None:
    woken = threading.Event()
    with ThreadPoolExecutor(1) as executor:
        loops = Loops(executor, woken.set)
        loops.prepare("a", 1, lambda _: None)
        assert woken.wait(10)
        assert loops.split("a", 1, lambda _: None) == [1]


def test_a_piece_is_as_long_as_the_last_ones_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("time.perf_counter", lambda: clock[0])
    pace, counts = Pace(), []
    for _ in range(40):
        count = pace.count("loop", 0.01, 10**6)
        counts.append(count)
        with pace.measured("loop", count):
            clock[0] += 0.002 + count * 1e-5  # a call and its characters
    assert counts[0] == FIRST_COUNT
    # The call takes 2 ms, so that 8 ms are left for characters of 0.01 ms.
    assert counts[-1] == pytest.approx(800, rel=0.02)
    assert pace.count("loop", 0.01, 100) == 100
    assert pace.count("loop", 0, 100) == LEAST_COUNT
    assert pace.count("loop", 0, 1) == 1
    assert pace.count("other", 0.01, 10**6) == FIRST_COUNT
