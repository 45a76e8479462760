"""Compiling in a thread of its own, while this one goes on. The module does not import JAX."""

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from textgen.aside import NAME

Result = TypeVar("Result")


class Background(Generic[Result]):
    """Some work in another thread.

    It may compile, but must run no compiled program: two that share devices could wait for each
    other.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        """Begin the work."""
        self._work = work
        self._results = list[Result]()
        self._errors = list[BaseException]()
        self._thread = threading.Thread(target=self._run, name=NAME)
        self._thread.start()

    def _run(self) -> None:
        from textgen.runtime.numerics import standard_numerics  # here, since it imports JAX

        try:
            # What JAX computes follows the settings of the thread.
            with standard_numerics():
                self._results.append(self._work())
        except BaseException as error:  # it is raised again where the result is wanted
            self._errors.append(error)

    @property
    def is_done(self) -> bool:
        """Whether `result` returns without waiting."""
        return not self._thread.is_alive()

    def result(self, timeout: float | None = None) -> Result:
        """Wait for the work, and return what it returned or raise what it raised.

        Args:
            timeout: seconds to wait at most; None for no limit.

        Raises:
            TimeoutError: if the work takes longer than that.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError
        if self._errors:
            raise self._errors[0]
        return self._results[0]
