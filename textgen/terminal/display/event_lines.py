"""The events of training as lines of JSON, for programs."""

import math
import time

from textgen.terminal.output import ReaderGoneError, emit_json, silence_stdout
from textgen.training.loop import Report
from textgen.workflows.event_records import event_record
from textgen.workflows.events import Ended, Event

# Shortest time between two lines of progress, in seconds.
SECONDS_BETWEEN = 1.0


class EventLines:
    """Prints each event of training to stdout as an object of JSON on a line of its own."""

    def __init__(self) -> None:
        self._last_progress = -math.inf

    def show(self, event: Event) -> None:
        """Print one event. A reader that is gone is no reason to stop training."""
        try:
            self._print(event)
        except ReaderGoneError:
            silence_stdout()

    def _print(self, event: Event) -> None:
        if isinstance(event, Report) and event.validation_loss is None:
            if time.monotonic() - self._last_progress < SECONDS_BETWEEN:
                return
            self._last_progress = time.monotonic()
        if isinstance(event, Ended):
            self._print_early_end(event)
        record = event_record(event)
        emit_json(record.pop("type"), record)

    @staticmethod
    def _print_early_end(event: Ended) -> None:
        plan = event.record.plan
        if event.finished and event.step < plan.last_step:
            content = {"step": event.step, "steps": plan.last_step, "patience": plan.patience}
            emit_json("early_end", content)
