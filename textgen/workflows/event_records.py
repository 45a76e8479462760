"""The events of training as dictionaries that JSON can hold: for programs, and for trackers."""

from typing import Any

from textgen.evaluation.protocols import bits_per_character
from textgen.network.parameters import parameter_count
from textgen.runs.record import RunRecord
from textgen.training.loop import Report
from textgen.workflows.events import (
    Begun,
    Corrected,
    Ended,
    Event,
    Note,
    Planned,
    Sampled,
    Saved,
    Working,
)
from textgen.workflows.supervise import first_metrics_row, metrics_row


def event_record(event: Event) -> dict[str, Any]:
    """Return an event as a dictionary, whose first key, `type`, says what it is.

    The types are `note`, `work`, `plan`, `progress`, `evaluation`, `correction`, `sample`,
    `checkpoint` and `done`. Losses are in bits per character.
    """
    match event:
        case Note(text, grave):
            return {"type": "note", "text": text, "grave": grave}
        case Working(text, seconds):
            return {"type": "work", "text": text, "seconds": seconds}
        case Planned():
            return {"type": "plan", **_plan(event)}
        case Begun(_, loss):
            return {"type": "evaluation", **first_metrics_row(loss)}
        case Report():
            kind = "progress" if event.validation_loss is None else "evaluation"
            return {"type": kind, **metrics_row(event)}
        case Corrected(record, step):
            return {"type": "correction", "step": step, "steps": record.plan.last_step}
        case Sampled(text, step):
            return {"type": "sample", "step": step, "text": text}
        case Saved(step):
            return {"type": "checkpoint", "step": step}
        case Ended():
            return {"type": "done", **_end(event)}


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


def _end(event: Ended) -> dict[str, Any]:
    loss = event.best_loss
    return {
        "name": event.run.name,
        "path": str(event.run.path),
        "step": event.step,
        "steps": event.record.plan.last_step,
        "finished": event.finished,
        "best_step": event.best_step,
        "best_bits_per_character": None if loss is None else bits_per_character(loss),
        **_first_loss(event.record),
    }


def _first_loss(record: RunRecord) -> dict[str, float]:
    """Return the loss of the weights with which a run began, if they were those of another run."""
    if not record.ancestry:
        return {}
    return {"first_bits_per_character": bits_per_character(record.ancestry[-1].first_loss)}
