"""Work in a thread beside the one that waits for it."""

import signal
import threading
from collections.abc import Generator

import pytest

from textgen import aside as module
from textgen.aside import Follower, aside, interruptibly, is_working, once


def test_all_steps_and_the_result_come_in_order_from_another_thread() -> None:
    threads = set[int]()

    def work() -> Generator[int, None, str]:
        for number in range(5):
            threads.add(threading.get_ident())
            yield number
        return "done"

    results = list[str]()

    def waiting() -> Generator[int | None, None, None]:
        results.append((yield from aside(work())))

    steps = [step for step in waiting() if step is not None]
    assert results == ["done"]
    assert steps == [*range(5)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_the_one_that_waits_can_look_around_while_a_step_takes_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    goes_on = threading.Event()

    def work() -> Generator[int, None, None]:
        assert goes_on.wait(10)
        yield 7

    waiting = aside(work())
    assert [next(waiting), next(waiting)] == [None, None]
    goes_on.set()
    assert {*waiting} - {None} == {7}


def test_work_that_nobody_waits_for_any_more_stops_after_its_step() -> None:
    closed, taken = threading.Event(), list[int]()
    goes_on = threading.Event()

    def work() -> Generator[int, None, None]:
        try:
            for number in range(1000):
                taken.append(number)
                yield number
                assert goes_on.wait(10)
        finally:
            closed.set()

    waiting = aside(work())
    while next(waiting) is None:
        pass
    waiting.close()
    goes_on.set()
    assert closed.wait(10)
    assert len(taken) <= 2


def test_an_error_of_the_work_is_raised_where_it_is_waited_for() -> None:
    def work() -> Generator[int, None, None]:
        yield 1
        raise MemoryError("much")

    with pytest.raises(MemoryError, match="much"):
        list(aside(work()))


def test_a_function_is_waited_for_step_by_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.001)
    may_end, results = threading.Event(), list[str]()

    def wait() -> str:
        assert may_end.wait(60)
        return threading.current_thread().name

    def waiting() -> Generator[None, None, None]:
        results.append((yield from once(wait)))

    steps = waiting()
    assert [next(steps), next(steps)] == [None, None]
    assert is_working()  # the process would not wait for it
    may_end.set()
    assert {*steps} <= {None}
    assert results == [module.NAME]


def test_what_a_function_returns_or_raises_comes_back() -> None:
    assert interruptibly(lambda: threading.current_thread()) is not threading.main_thread()
    with pytest.raises(ZeroDivisionError):
        interruptibly(lambda: 1 // 0)


def test_a_signal_interrupts_a_function_that_has_not_ended() -> None:
    released = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        with pytest.raises(KeyboardInterrupt):
            interruptibly(released.wait)
    finally:
        signal.signal(signal.SIGALRM, before)
        released.set()


def test_calls_follow_each_other_and_an_error_is_raised_at_the_next() -> None:
    follower, called = Follower(), list[int]()
    follower.wait()
    for number in range(100):
        follower.call(called.append, number)
    follower.wait()
    assert called == [*range(100)]
    for goes_on in (False, True):
        follower = Follower()
        follower.call(lambda: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            follower.call(print) if goes_on else follower.wait()
