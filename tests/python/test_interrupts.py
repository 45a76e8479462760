import signal
import threading
from collections.abc import Iterator

import pytest

from textgen.python.interrupts import noted_interrupts


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_the_first_one_is_noted_and_the_second_one_interrupts() -> None:
    with noted_interrupts() as interrupts:
        assert not interrupts.is_noted
        signal.raise_signal(signal.SIGINT)
        assert interrupts.is_noted
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):  # Python's own handler is back
        signal.raise_signal(signal.SIGINT)


def test_work_that_may_wait_for_ever_is_interrupted_at_once() -> None:
    with noted_interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
            signal.raise_signal(signal.SIGINT)
        assert interrupts.is_noted


def test_the_handler_of_a_program_stays() -> None:
    caught = list[int]()
    signal.signal(signal.SIGINT, lambda number, _: caught.append(number))
    with noted_interrupts() as interrupts:
        signal.raise_signal(signal.SIGINT)
    assert caught == [signal.SIGINT]
    assert not interrupts.is_noted


def test_other_threads_change_nothing() -> None:
    found = list[object]()

    def work() -> None:
        with noted_interrupts():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [signal.default_int_handler]
