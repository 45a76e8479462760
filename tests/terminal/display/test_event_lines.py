"""Events of training as JSON."""

import json

import pytest

from textgen.terminal.display import event_lines
from textgen.terminal.display.event_lines import EventLines
from textgen.terminal.output import ReaderGoneError
from textgen.training.loop import Report
from textgen.workflows.events import Note, Saved


def report(step: int) -> Report:
    return Report(
        step=step,
        loss=2.0,
        training_loss=2.0,
        validation_loss=None,
        learning_rate=0.01,
        gradient_norm=0.1,
        seconds=1.0,
        characters_per_second=1000.0,
    )


def test_progress_is_printed_once_a_second_at_most(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines, times = EventLines(), (100.0, 100.5, 101.0, 101.9, 103.0)
    for step, now in enumerate(times, start=1):
        monkeypatch.setattr(event_lines.time, "monotonic", lambda now=now: now)
        lines.show(report(step))
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(line["type"], line["step"]) for line in printed] == [
        ("progress", 1),
        ("progress", 3),
        ("progress", 5),
    ]


def test_a_reader_that_is_gone_does_not_end_a_training(monkeypatch: pytest.MonkeyPatch) -> None:
    silenced = list[bool]()

    def gone(*_: object) -> None:
        raise ReaderGoneError

    monkeypatch.setattr(event_lines, "emit_json", gone)
    monkeypatch.setattr(event_lines, "silence_stdout", lambda: silenced.append(True))
    lines = EventLines()
    lines.show(Saved(3))
    lines.show(Note("full", grave=True))
    assert silenced == [True, True]
