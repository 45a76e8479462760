"""Log the events of a training to trackers and functions, besides metrics.jsonl.

A tracker gets a row for each evaluation, once. What fails is told once, and training goes on.
"""

import hashlib
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

from textgen.network.parameters import parameter_count
from textgen.runs.logged import read_logged, write_logged
from textgen.runs.metrics import SAMPLE
from textgen.runs.record import RunRecord
from textgen.runs.run import Run
from textgen.tracking.trackers import EventFunction, LoggedRun, Tracker, name_of
from textgen.training.loop import Report
from textgen.workflows.event_records import event_record
from textgen.workflows.events import Event, Note, Planned, Sampled
from textgen.workflows.supervise import metrics_row

# Names of scalars as trackers usually have them, by the keys of a row of metrics. A loss is in nats
# per character.
LOSSES = {"train/loss": "training_bits_per_character", "val/loss": "validation_bits_per_character"}
NUMBERS = {
    "train/bits_per_character": "training_bits_per_character",
    "val/bits_per_character": "validation_bits_per_character",
    "train/learning_rate": "learning_rate",
    "train/gradient_norm": "gradient_norm",
    "train/characters_per_second": "characters_per_second",
}


def scalars_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Return the numbers of a row of metrics under the names that trackers usually have."""
    losses = {name: row[key] * math.log(2) for name, key in LOSSES.items() if key in row}
    return losses | {name: row[key] for name, key in NUMBERS.items() if key in row}


class TrainingLog:
    """Everything that a training is logged to."""

    def __init__(self, targets: Sequence[Tracker | EventFunction]) -> None:
        """Begin before any event.

        Args:
            targets: what to log to. A function gets every event as a dictionary.
        """
        self._trackers = [one for one in targets if isinstance(one, Tracker)]
        self._functions = [one for one in targets if not isinstance(one, Tracker)]
        self._logs: list[_TrackerLog] = []
        # An evaluation whose sample follows.
        self._row: dict[str, Any] | None = None
        self._failed = set[str]()
        self._problems: list[Note] = []

    def follow(self, events: Iterator[Event]) -> Iterator[Event]:
        """Pass on the events of a training, and log them.

        Yields:
            The events, and a grave note for each tracker or function that fails for the first time.
        """
        try:
            for event in events:
                self.take(event)
                yield event
                yield from self._new_problems()
        finally:
            self._close()
        yield from self._new_problems()

    def take(self, event: Event) -> None:
        """Log an event."""
        if self._functions:
            record = event_record(event)
            for function in self._functions:
                self._attempt(name_of(function), lambda: function(dict(record)))  # noqa: B023
        if isinstance(event, Sampled) and self._row is not None:
            self._row[SAMPLE] = event.text
        self._write_row()
        if isinstance(event, Planned):
            self._begin(event)
        elif isinstance(event, Report) and event.validation_loss is not None:
            self._row = metrics_row(event)

    def _new_problems(self) -> Iterator[Note]:
        while self._problems:
            yield self._problems.pop(0)

    def _close(self) -> None:
        self._write_row()
        for log in self._logs:
            self._attempt(log.tracker.name, log.end)

    def _begin(self, event: Planned) -> None:
        for tracker in self._trackers:
            log = _TrackerLog(tracker, event.run, event.record)
            if self._attempt(tracker.name, log.begin):
                self._logs.append(log)

    def _write_row(self) -> None:
        row, self._row = self._row, None
        if row is not None:
            for log in self._logs:
                self._attempt(log.tracker.name, lambda: log.write(row))  # noqa: B023

    def _attempt(self, name: str, work: Callable[[], object]) -> bool:
        """Call something of others, which may fail in any way; return whether it has not failed."""
        try:
            # What trackers print is no result of a command. Functions may print what they like.
            if any(name == tracker.name for tracker in self._trackers):
                with redirect_stdout(sys.stderr):
                    work()
            else:
                work()
        except Exception as error:
            if name not in self._failed:
                self._failed.add(name)
                problem = f"{type(error).__name__}: {error}"
                self._problems.append(
                    Note(f"logging to {name} failed, and training goes on: {problem}", grave=True)
                )
            return False
        return True


class _TrackerLog:
    """The log of one run in one tracker."""

    def __init__(self, tracker: Tracker, run: Run, record: RunRecord) -> None:
        self.tracker = tracker
        self._run, self._record = run, record
        self._identity = identity_of(run, record)
        self._key = tracker.name if tracker.is_in_folder else f"{tracker.name}-{self._identity}"
        # The highest step that was logged.
        self._last = -1

    def begin(self) -> None:
        """Open the log, and log what it lacks of an earlier training."""
        known = read_logged(self._run.path)
        run = LoggedRun(
            name=self._run.name,
            folder=self._run.path,
            identity=self._identity,
            settings=settings_of(self._record),
            is_known=self._key in known,
        )
        self.tracker.begin(run)
        self._last = known.get(self._key, -1)
        for row in self._run.metrics():
            if row["step"] > self._last:
                self._log(row)
        self._keep()

    def write(self, row: Mapping[str, Any]) -> None:
        """Log a row, unless its step was logged before and the tracker cannot forget it."""
        if row["step"] > self._last or self.tracker.go_back(row["step"]):
            self._log(row)
            self._keep()

    def end(self) -> None:
        self.tracker.end()

    def _log(self, row: Mapping[str, Any]) -> None:
        self.tracker.log(row["step"], scalars_of(row), row.get(SAMPLE))
        self._last = row["step"]

    def _keep(self) -> None:
        write_logged(self._run.path, read_logged(self._run.path) | {self._key: self._last})


def identity_of(run: Run, record: RunRecord) -> str:
    """Return 16 letters and digits that belong to a run of this name, text and time of creation."""
    parts = "\n".join([run.name, record.created, record.corpus.sha256])
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def settings_of(record: RunRecord) -> dict[str, Any]:
    """Return the settings of a run by name: its network, its plan and its text."""
    settings = record.config.settings
    return {
        **settings.to_json(),
        **record.plan.to_json(),
        "parameters": parameter_count(settings),
        "characters": record.corpus.characters,
        # A tracker may be on another machine, which need not know the folders of this one.
        "text": ", ".join(Path(one).name for one in record.corpus.origin),
    }
