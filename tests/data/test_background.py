import signal
import threading

import pytest

from textgen.data.background import Follower, interruptibly


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
