import threading

import pytest

from textgen.aside import is_working
from textgen.runtime.background import Background


def test_work_goes_on_in_another_thread_and_its_result_is_waited_for() -> None:
    may_end = threading.Event()
    work = Background(lambda: may_end.wait(60) and threading.current_thread())
    assert not work.is_done
    assert is_working()
    with pytest.raises(TimeoutError):
        work.result(0.001)
    may_end.set()
    assert work.result() not in (None, threading.current_thread())
    assert work.is_done


def test_an_error_is_raised_where_the_result_is_wanted() -> None:
    def fail() -> int:
        raise ZeroDivisionError("in the other thread")

    work = Background(fail)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError, match="in the other thread"):
            work.result()
