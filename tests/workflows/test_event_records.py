import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from textgen.runs.run import Run
from textgen.training.loop import Report
from textgen.workflows.event_records import event_record
from textgen.workflows.events import Begun, Corrected, Ended, Note, Planned, Sampled, Saved, Working


def test_small_events_are_their_fields() -> None:
    assert [
        event_record(event)
        for event in (Note("a", grave=True), Working("b", 2.5), Saved(3), Sampled("c\nd", 4))
    ] == [
        {"type": "note", "text": "a", "grave": True},
        {"type": "work", "text": "b", "seconds": 2.5},
        {"type": "checkpoint", "step": 3},
        {"type": "sample", "step": 4, "text": "c\nd"},
    ]


@pytest.mark.parametrize(("loss", "kind"), [(None, "progress"), (math.log(8), "evaluation")])
def test_a_report_is_a_row_of_the_metrics(loss: float | None, kind: str) -> None:
    record = event_record(
        Report(
            step=7,
            loss=9.0,
            training_loss=math.log(4),
            validation_loss=loss,
            learning_rate=0.5,
            gradient_norm=0.25,
            seconds=1.23456,
            characters_per_second=10.04,
        )
    )
    assert (record["type"], record["step"], record["seconds"]) == (kind, 7, 1.235)
    assert record["training_bits_per_character"] == pytest.approx(2)
    assert record.get("validation_bits_per_character") == (None if loss is None else 3.0)


def test_a_correction_names_its_step_and_the_new_last_step(tiny_run: Path) -> None:
    record = Run(tiny_run).record()
    plan = record.plan.corrected(2, record.plan.last_step + 5)
    corrected = replace(record, plans=(*record.plans[:-1], plan))
    assert event_record(Corrected(corrected, 2)) == {
        "type": "correction",
        "step": 2,
        "steps": record.plan.last_step + 5,
    }


def test_the_plan_and_the_end_name_the_run_and_fit_into_json(tiny_run: Path) -> None:
    run = Run(tiny_run)
    record = run.record()
    plan = event_record(Planned(run, record, 0, 12.5, ("because",)))
    end = event_record(Ended(run, record, 20, True, 10, math.log(2)))
    assert json.loads(json.dumps([plan, end])) == [plan, end]
    assert (plan["type"], plan["name"], plan["plan"]["steps"]) == ("plan", "fox", 20)
    assert (plan["seconds"], plan["reasons"]) == (12.5, ["because"])
    assert (end["type"], end["path"], end["steps"]) == ("done", str(tiny_run), 20)
    assert end["best_bits_per_character"] == pytest.approx(1)
    assert event_record(Begun("old", math.log(2)))["step"] == 0
