"""Several processes that train one network: who leads, what is said, and who is lost.

Process 0 leads. It alone decides and writes; before it computes anything with the devices of all,
it says what, and the others do the same. So every process makes the same computations in the same
order, which the collectives of JAX need. What is said goes through the key-value store of JAX's
coordinator, which lives in process 0.

A thread in each process gives a sign of life every two seconds and watches those of the others,
since JAX itself can wait for a lost process for ever.
"""

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from textgen.errors import (
    CorpusError,
    LostProcessError,
    SettingError,
    TextgenError,
    UsageError,
)

# Seconds between two signs of life, and without one after which a process is lost.
BEAT_SECONDS, LOST_SECONDS = 2.0, 20.0
# A computation is stuck when it takes this many times the longest one before, and at least the
# seconds. The first of a kind is compiled, which may take long: it is stuck when no process has
# been busy for the seconds, and in any case when it takes the last of these times.
STUCK_TIMES, STUCK_SECONDS, FIRST_SECONDS = 10, 40.0, 3600.0
# Seconds that threads of a process must have run, or waited for a core, for it to be busy. The
# threads that give signs of life take less in the time after which a computation is stuck.
BUSY_SECONDS = 0.5
# How long a process waits for a word of the others before it looks whether one of them is lost.
LISTEN_MILLISECONDS = 2000
# How long process 0 stays when the others are about to end, so that JAX does not miss it there.
LEAVING_SECONDS = 0.5
# How the message of a computation that failed in JAX begins. It is a RuntimeError or, where JAX
# notices the failure as it starts the computation, a ValueError.
STATUS = re.compile("[A-Z_]+: ")


class Call(NamedTuple):
    """What all processes are to compute.

    Attributes:
        name: of the computation.
        values: what it depends on, as JSON can hold it.
    """

    name: str
    values: dict[str, Any]


@dataclass
class _Sign:
    """The last sign of life of a process.

    Attributes:
        count: how many signs it has given.
        seen: when this one came, by the clock of this process.
        busy: when it was last known to be busy, by the same clock.
        active: seconds of activity that it told then; see `active_seconds`.
        calls: number of computations that it has heard of.
        signal: number of the signal that asked it to end, or 0.
    """

    count: int
    seen: float
    busy: float
    active: float = 0.0
    calls: int = 0
    signal: int = 0


def active_seconds(threads: Path = Path("/proc/self/task")) -> float:
    """Return the seconds in which threads of this process ran, or waited for a core.

    On a busy machine a process that compiles may get hardly any time, but it waits for some. Where
    the system does not tell, it is the time in which they ran.

    Args:
        threads: folder in which Linux tells about each thread: `schedstat` has the nanoseconds that
            it ran, then those that it waited.
    """
    total = 0
    for path in threads.glob("*/schedstat"):
        with suppress(OSError, ValueError):  # the thread has ended, or there is nothing in it
            ran, waited, _ = path.read_text().split()
            total += int(ran) + int(waited)
    return total / 1e9 or time.process_time()


class Together:
    """The processes that train one network, seen from one of them.

    Attributes:
        process: number of this process, in [0, count).
        count: number of processes.
        hosts: name of the host of each process.
        names: host and number of each process, for messages.
        asked: function that returns the number of the signal that asked this process to end, or 0.
    """

    def __init__(
        self, process: int, count: int, store: Any, when_lost: Callable[[str], None]
    ) -> None:
        """Meet the other processes.

        Args:
            process: number of this process.
            count: number of processes.
            store: key-value store that all of them share, as JAX's coordinator has it.
            when_lost: function that is called, in a thread, with the message when another process
                is lost; it is to end this one.
        """
        self.process, self.count, self._store = process, count, store
        self._when_lost = when_lost
        self.asked: Callable[[], int] = lambda: 0
        self.hosts: Sequence[str] = ()
        self.names: Sequence[str] = [f"process {number}" for number in range(count)]
        self._calls, self._gathered = 0, 0
        self._begun: float | None = None
        self._longest: dict[str, float | None] = {}
        self._current = ""
        begun = time.monotonic()
        self._signs = {number: _Sign(-1, begun, begun) for number in range(count)}
        self._lost: str | None = None
        self._over = threading.Event()
        for work in (self._give_signs, self._watch_others):
            threading.Thread(target=work, daemon=True).start()
        self.hosts = self.gather(socket.gethostname())
        self.names = [f"{host} (process {number})" for number, host in enumerate(self.hosts)]

    @property
    def leads(self) -> bool:
        """Whether this process leads."""
        return self.process == 0

    def gather(self, value: Any) -> list[Any]:
        """Give a value to all processes, and return those of all, in their order.

        All processes call this at the same place.

        Args:
            value: any value that JSON can hold.

        Raises:
            LostProcessError: if a process does not give its value.
        """
        self._gathered += 1
        place = f"gathered/{self._gathered}"
        self._set(f"{place}/{self.process}", value)
        return [self._get(f"{place}/{process}") for process in range(self.count)]

    def agree(self, problem: TextgenError | None) -> None:
        """Tell all processes whether this one can go on; all call this at the same place.

        Args:
            problem: why it cannot; None if it can.

        Raises:
            CorpusError: if one cannot because of its text; the message names the process.
            SettingError: if one cannot because of a setting.
            UsageError: if one cannot for another reason.
        """
        own: dict[str, Any] | None = None if problem is None else {"message": str(problem)}
        if isinstance(problem, CorpusError):
            own = {"text": [str(problem.path), problem.problem]}
        elif isinstance(problem, SettingError):
            setting = [problem.name, str(problem.value), problem.allowed]
            own = {"message": str(problem), "setting": setting}
        for name, found in zip(self.names, self.gather(own), strict=True):
            if found is None:
                continue
            if "text" in found:
                path, reason = found["text"]
                raise CorpusError(path, f"on {name}, {reason}")
            error = SettingError(*found["setting"]) if "setting" in found else UsageError()
            error.args = (f"{name}: {found['message']}",)
            raise error

    def forget(self) -> None:
        """Let the first computation of each kind take its time again, as it is compiled again."""
        self._longest.clear()

    def say(self, name: str, **values: Any) -> None:
        """Tell the others what is computed next. Only process 0 calls this."""
        self._set(f"call/{self._calls}", [name, values])
        if self._calls >= 100:
            self._store.key_value_delete(f"call/{self._calls - 100}")
        self._calls += 1

    def hear(self) -> Call:
        """Wait for what process 0 says next."""
        name, values = self._get(f"call/{self._calls}", patient=True)
        self._calls += 1
        return Call(name, values)

    def working(self, name: str) -> "_Work":
        """Return a context for a computation with the devices of all, which may get stuck."""
        return _Work(self, name)

    def requested(self) -> int:
        """Return the number of the signal that asked any process to end; 0 if none was."""
        return max([self.asked(), *(sign.signal for sign in self._signs.values())])

    def end(self, code: int) -> None:
        """Tell the others that all is over, and wait until they have heard it, or are lost."""
        if self.leads:
            # Its code counts, whatever happens to the others from here on.
            self._when_lost = lambda message: None
            self.say("end", code=code)
            deadline = time.monotonic() + LOST_SECONDS
            while time.monotonic() < deadline and len(self._dir("bye/")) < self.count - 1:
                time.sleep(0.02)
            time.sleep(LEAVING_SECONDS)
        else:
            self._set(f"bye/{self.process}", code)
        self._over.set()

    def explain(self, error: BaseException) -> LostProcessError:
        """Return the error that names who is lost, after a computation failed.

        The others notice a lost process at once, but who it was only when its signs of life stop.
        """
        deadline = time.monotonic() + LOST_SECONDS + 3 * BEAT_SECONDS
        while self._lost is None and time.monotonic() < deadline:
            time.sleep(0.1)
        message = self._lost or f"the processes lost touch: {str(error).splitlines()[0]}"
        return LostProcessError(message)

    def _set(self, key: str, value: Any) -> None:
        self._store.key_value_set(key, json.dumps(value), allow_overwrite=True)

    def _get(self, key: str, *, patient: bool = False) -> Any:
        begun = time.monotonic()
        while True:
            try:
                return json.loads(self._store.blocking_key_value_get(key, LISTEN_MILLISECONDS))
            except Exception as error:
                if "DEADLINE_EXCEEDED" not in str(error):
                    raise self.explain(error) from error
            if self._lost is not None:
                raise LostProcessError(self._lost)
            if not patient and time.monotonic() - begun > FIRST_SECONDS:
                raise LostProcessError(f"no process has set {key} for {FIRST_SECONDS:.0f} seconds")

    def _dir(self, key: str) -> Mapping[str, Any]:
        return {name: json.loads(value) for name, value in self._store.key_value_dir_get(key)}

    def _give_signs(self) -> None:
        """Give signs of life and read those of the others; waits for ever if process 0 hangs."""
        count = 0
        while not self._over.wait(BEAT_SECONDS):
            count += 1
            found: Mapping[str, Any] = {}
            with suppress(Exception):  # the store is with process 0, which then gives no sign
                sign = [count, self._calls, self.asked(), active_seconds()]
                self._set(f"sign/{self.process}", sign)
                found = self._dir("sign/")
            for process in range(self.count):
                count_given, calls, signal, active = found.get(f"sign/{process}", [0, 0, 0, 0.0])
                last, now = self._signs[process], time.monotonic()
                if count_given <= last.count:
                    continue
                # The time of threads that have ended is no longer counted.
                is_busy = abs(active - last.active) >= BUSY_SECONDS
                busy, active = (now, active) if is_busy else (last.busy, last.active)
                self._signs[process] = _Sign(count_given, now, busy, active, calls, signal)

    def _watch_others(self) -> None:
        while not self._over.wait(BEAT_SECONDS):
            message = self._find_lost(time.monotonic())
            if message is not None and not self._over.is_set():
                self._lost = message
                self._when_lost(message)
                return

    def _find_lost(self, now: float) -> str | None:
        silent = [
            process
            for process, sign in sorted(self._signs.items())
            if now - sign.seen > LOST_SECONDS and process != self.process
        ]
        if silent:
            # Without process 0 nobody is heard.
            who = self.names[0 if 0 in silent else silent[0]]
            return f"{who} has given no sign of life for {LOST_SECONDS:.0f} seconds"
        begun = self._begun
        if begun is None:
            return None
        longest = self._longest.get(self._current)
        if longest is not None:
            is_stuck = now - begun > max(STUCK_TIMES * longest, STUCK_SECONDS)
        else:
            busy = max(begun, *(sign.busy for sign in self._signs.values()))
            is_stuck = now - busy > STUCK_SECONDS or now - begun > FIRST_SECONDS
        if not is_stuck:
            return None
        most = max(sign.calls for sign in self._signs.values())
        behind = [self.names[k] for k, sign in sorted(self._signs.items()) if sign.calls < most]
        where = f"; {', '.join(behind)} did not begin it" if behind else ""
        return f"a computation of all processes has taken {now - begun:.0f} seconds{where}"


class _Work:
    """A computation with the devices of all processes."""

    def __init__(self, together: Together, name: str) -> None:
        self._together, self._name = together, name

    def __enter__(self) -> None:
        self._together._current, self._together._begun = self._name, time.monotonic()

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        together = self._together
        assert together._begun is not None
        took, together._begun = time.monotonic() - together._begun, None
        if error is None:
            # The first one was compiled, so that the second one sets the measure.
            is_first = self._name not in together._longest
            before = together._longest.get(self._name)
            together._longest[self._name] = None if is_first else max(before or 0.0, took)
        elif isinstance(error, RuntimeError) or (
            isinstance(error, ValueError) and STATUS.match(str(error))
        ):
            raise together.explain(error) from error


# The processes that this one trains with; None if it trains alone.
_current: Together | None = None


def current() -> Together | None:
    """Return the processes that this one trains with; None if it trains alone."""
    return _current


def process_count() -> int:
    """Return the number of processes that train together."""
    return 1 if _current is None else _current.count


@contextmanager
def apart() -> Iterator[None]:
    """Let this process, the first one, compute with its own devices while the others wait."""
    global _current
    kept, _current = _current, None
    try:
        yield
    finally:
        _current = kept


def set_current(together: Together) -> None:
    """Let all of this process know the processes that it trains with."""
    global _current
    _current = together
