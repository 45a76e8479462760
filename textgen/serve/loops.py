"""Which sizes of loops are compiled, and how long their pieces may be.

Rows are padded to a few sizes. A size that is used for the first time is compiled in the background
while loops of other sizes do its work, so that no text waits for a compiler but the first of its
kind.
"""

import time
from collections import deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import Executor, Future
from contextlib import contextmanager

import jax

# Numbers of rows for which loops are compiled.
ROWS = (1, 4, 16, 64, 256)
# Most loops that are kept: each takes up to a few megabytes.
MOST_LOOPS = 256
# Most calls of smaller loops that stand in for one that is being compiled, in one round.
MOST_CALLS = 8
# First guess of the characters in a piece.
FIRST_COUNT = 16
# Fewest characters in a piece, so that what is done once a piece does not count too much.
LEAST_COUNT = 4
# Share of the last measurement in the expected time of a character.
MEMORY = 0.3


class Loops:
    """The compiled loops of a scheduler."""

    def __init__(self, background: Executor, wake: Callable[[], None]) -> None:
        """Begin with none.

        Args:
            background: compiles.
            wake: is called when a loop is ready.
        """
        self._background, self._wake = background, wake
        # For each kind of loop and number of rows: True if it is ready, False while it is
        # compiled, or why it cannot be.
        self._states: dict[tuple[Hashable, int], bool | Exception] = {}
        # What is to be compiled: first what texts wait for, then what may be needed later.
        self._urgent: deque[Callable[[], None]] = deque()
        self._later: deque[Callable[[], None]] = deque()

    @property
    def is_compiling(self) -> bool:
        """Whether a loop is being compiled, or waits for it."""
        return any(state is False for state in [*self._states.values()])

    def split(self, kind: Hashable, count: int, compile_rows: Callable[[int], None]) -> list[int]:
        """Return the sizes of the loops that take some rows now, one after the other.

        Args:
            kind: what the loops do, and for which shapes.
            count: number of rows.
            compile_rows: compiles the loop for a number of rows.

        Returns:
            Numbers of rows. They may add up to less than `count`; the other rows have to wait.

        Raises:
            Exception: what went wrong when the loop was compiled.
        """
        wanted = next(rows for rows in ROWS if rows >= count)
        found = self._states.get((kind, wanted))
        if isinstance(found, Exception):
            del self._states[kind, wanted]  # the next text may try again
            raise found
        if found:
            return [wanted]
        if found is None:
            self.prepare(kind, wanted, compile_rows, is_urgent=True)
        ready = [rows for rows in ROWS if self._states.get((kind, rows)) is True]
        if larger := [rows for rows in ready if rows > count]:
            return larger[:1]
        return [ready[-1]] * min(-(-count // ready[-1]), MOST_CALLS) if ready else []

    def prepare(
        self,
        kind: Hashable,
        rows: int,
        compile_rows: Callable[[int], None],
        *,
        is_urgent: bool = False,
    ) -> Future[None] | None:
        """Compile a loop in the background, unless it is there; an urgent one comes first.

        Returns:
            What is done when as many loops are compiled as were asked for up to now; None if
            nothing is left to do for this one.
        """
        key = kind, rows
        if key in self._states:
            return None
        if len(self._states) >= MOST_LOOPS:
            jax.clear_caches()
            self._states.clear()
        self._states[key] = False

        def compile_one() -> None:
            try:
                compile_rows(rows)
            except Exception as error:  # for the texts that need the loop
                self._states[key] = error
            else:
                self._states[key] = True
            self._wake()

        (self._urgent if is_urgent else self._later).append(compile_one)
        return self._background.submit(self._compile_next)

    def _compile_next(self) -> None:
        """Compile what is the most urgent; this is called once for each loop."""
        try:
            compile_one = self._urgent.popleft()
        except IndexError:
            compile_one = self._later.popleft()
        compile_one()


class Pace:
    """How many characters fit into a piece, from the time that the last pieces took."""

    def __init__(self) -> None:
        """Begin without a measurement."""
        self._seconds: dict[Hashable, float] = {}

    def count(self, loop: Hashable, seconds: float, most: int) -> int:
        """Return the number of characters that a loop reads or writes in some seconds.

        Args:
            loop: the kind and the size of the loop.
            seconds: the time that the piece should take.
            most: largest number of characters.
        """
        expected = self._seconds.get(loop)
        fitting = FIRST_COUNT if expected is None else int(seconds / expected)
        return min(max(fitting, LEAST_COUNT), most)

    @contextmanager
    def measured(self, loop: Hashable, count: int) -> Iterator[None]:
        """Measure the time of a piece."""
        begun = time.perf_counter()
        yield
        seconds = (time.perf_counter() - begun) / count
        before = self._seconds.get(loop, seconds)
        self._seconds[loop] = before + MEMORY * (seconds - before)
