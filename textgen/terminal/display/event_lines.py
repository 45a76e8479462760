"""The events of training as lines of JSON, for programs."""

import math
import time
from typing import Any

from textgen.evaluation.protocols import bits_per_character
from textgen.network.parameters import parameter_count
from textgen.runs.record import RunRecord
from textgen.terminal.output import ReaderGoneError, emit_json, silence_stdout
from textgen.training.loop import Report
from textgen.workflows.events import Begun, Ended, Event, Note, Planned, Sampled, Saved, Working
from textgen.workflows.supervise import first_metrics_row, metrics_row

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
        match event:
            case Note(text, grave):
                emit_json("note", {"text": text, "grave": grave})
            case Working(text, seconds):
                emit_json("work", {"text": text, "seconds": seconds})
            case Planned():
                emit_json("plan", _plan(event))
            case Begun(_, loss):
                emit_json("evaluation", first_metrics_row(loss))
            case Report(validation_loss=None):
                if time.monotonic() - self._last_progress >= SECONDS_BETWEEN:
                    self._last_progress = time.monotonic()
                    emit_json("progress", metrics_row(event))
            case Report():
                emit_json("evaluation", metrics_row(event))
            case Sampled(text, step):
                emit_json("sample", {"step": step, "text": text})
            case Saved(step):
                emit_json("checkpoint", {"step": step})
            case Ended():
                self._print_end(event)

    def _print_end(self, event: Ended) -> None:
        plan = event.record.plan
        if event.finished and event.step < plan.last_step:
            content = {"step": event.step, "steps": plan.last_step, "patience": plan.patience}
            emit_json("early_end", content)
        loss = event.best_loss
        emit_json(
            "done",
            {
                "name": event.run.name,
                "path": str(event.run.path),
                "step": event.step,
                "steps": plan.last_step,
                "finished": event.finished,
                "best_step": event.best_step,
                "best_bits_per_character": None if loss is None else bits_per_character(loss),
                **_first_loss(event.record),
            },
        )


def _plan(event: Planned) -> dict[str, Any]:
    record, settings = event.record, event.record.config.settings
    return {
        "name": event.run.name,
        "path": str(event.run.path),
        "characters": record.corpus.characters,
        "training_characters": record.corpus.training_characters,
        "validation_characters": record.corpus.validation_characters,
        "model": settings.to_json() | {"parameters": parameter_count(settings)},
        "plan": record.plan.to_json(),
        "step": event.first_step,
        "seconds": event.seconds,
        "reasons": list(event.reasons),
        "ancestry": [one.to_json() for one in record.ancestry],
        "new_characters": record.new_characters,
    }


def _first_loss(record: RunRecord) -> dict[str, float]:
    """Return the loss of the weights with which a run began, if they were those of another run."""
    if not record.ancestry:
        return {}
    return {"first_bits_per_character": bits_per_character(record.ancestry[-1].first_loss)}
