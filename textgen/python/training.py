"""A training that a program or a notebook runs."""

from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import replace
from os import PathLike
from typing import Any

from textgen.errors import UsageError
from textgen.python.given_text import NAME, check_text, file_of
from textgen.python.interrupts import noted_interrupts
from textgen.python.notebook import check_progress, display_of
from textgen.python.options import order_of
from textgen.python.pages import pace_of, page
from textgen.python.trained_run import TrainedRun
from textgen.runs.metrics import SAMPLE
from textgen.runs.run import Run
from textgen.runtime.numerics import standard_numerics
from textgen.terminal.display.progress import format_work
from textgen.terminal.display.progress_line import ProgressMode
from textgen.training.loop import Report
from textgen.workflows.events import Corrected, Ended, Event, Planned, Sampled, Working
from textgen.workflows.supervise import metrics_row
from textgen.workflows.training_order import TrainingOrder


class Training:
    """A training: loop over it for its events, or call `result`. It begins with either.

    Ctrl-C saves, and then raises a KeyboardInterrupt. A loop that is left early saves and stops
    too. In a notebook, a training shows its progress by itself.
    """

    def __init__(self, order: TrainingOrder, text: str | None, progress: ProgressMode) -> None:
        self._order, self._text, self._progress = order, text, progress
        self._has_begun = self._is_stopped = False
        self._working = ""
        self._planned: Planned | None = None
        self._report: Report | None = None
        self._ended: Ended | None = None
        self._rows: list[dict[str, Any]] = []

    @property
    def run(self) -> TrainedRun | None:
        """The run, from the moment it is on the disk; None before."""
        told = self._planned or self._ended
        return TrainedRun(told.run.path) if told else None

    def stop(self) -> None:
        """Save and stop after the step that is made now. Any thread may call this."""
        self._is_stopped = True

    def result(self) -> TrainedRun:
        """Train to the end, and return the run.

        Raises:
            UsageError: if the training was stopped before it was planned, so that there is no run.
            TextgenError: what the training raises.
        """
        if not self._has_begun:
            for _ in self:
                pass
        if self.run is None:
            raise UsageError("the training was stopped before the first step: there is no run")
        return self.run

    def __iter__(self) -> Iterator[Event]:
        """Train, and yield the events.

        Raises:
            UsageError: if this training has begun before.
            KeyboardInterrupt: after Ctrl-C, when everything is saved.
            TextgenError: as `start_training` and `resume_training`.
        """
        if self._has_begun:
            path = f"; go on with textgen.train(resume={str(self.run.path)!r})" if self.run else ""
            raise UsageError(f"this training has begun before, and a training runs once{path}")
        self._has_begun = True
        with ExitStack() as contexts:
            interrupts = contexts.enter_context(noted_interrupts())
            display = contexts.enter_context(display_of(self, self._progress))
            order = self._order
            if self._text is not None:
                order = replace(order, sources=(contexts.enter_context(file_of(self._text)),))

            def tell(work: Working) -> None:
                self._working = format_work(work)
                display.show(work)

            events = order.events(
                should_stop=lambda: self._is_stopped or interrupts.is_noted,
                tell=tell,
                interruptible=interrupts.interruptible,
            )
            try:
                for event in _in_standard_numerics(events):
                    self._note(event)
                    display.show(event)
                    yield event
            except GeneratorExit:
                self.stop()
                with suppress(KeyboardInterrupt):  # it was stopped before the plan was made
                    for event in _in_standard_numerics(events):
                        self._note(event)
                raise
            except KeyboardInterrupt:
                if interrupts.is_noted or not self._is_stopped:
                    raise
            if interrupts.is_noted:
                raise KeyboardInterrupt

    def _note(self, event: Event) -> None:
        match event:
            case Planned():
                self._planned = event
                self._rows = Run(event.run.path).metrics()
            case Report():
                self._report = event
                if event.validation_loss is not None:
                    # After a roll-back, steps are made again.
                    rows = [row for row in self._rows if row["step"] < event.step]
                    self._rows = [*rows, metrics_row(event)]
            case Corrected(record):
                assert self._planned is not None
                self._planned = replace(self._planned, record=record)
            case Sampled(text, _):
                self._rows[-1][SAMPLE] = text
            case Ended():
                self._ended = event

    def __repr__(self) -> str:
        return f"<Training: {self._state()}>"

    def _state(self) -> str:
        if self._planned is None or self._ended is not None:
            if self._ended is None:
                return self._working or "not begun; loop over it, or call result()"
            done = "finished" if self._ended.finished else "stopped and saved"
            return f"{self._ended.run.name}, {done} at step {self._ended.step:,}"
        step = self._report.step if self._report else self._planned.first_step
        last = self._planned.record.plan.last_step
        return f"{self._planned.run.name}, step {step:,} of {last:,}"

    def _repr_html_(self) -> str:
        planned, report = self._planned, self._report
        if planned is None:
            return page(self._state(), ())
        plan = planned.record.plan
        step = report.step if report else planned.first_step
        details = []
        if report is not None:
            seconds = plan.characters_per_step / report.characters_per_second
            left = None if self._ended else (plan.last_step - step) * seconds
            evaluated = self._rows[-1] if self._rows else {}
            details = [pace_of({**evaluated, **metrics_row(report)}, left)]
        return page(self._state(), self._rows, step=step, last_step=plan.last_step, details=details)


def _in_standard_numerics(events: Iterator[Event]) -> Iterator[Event]:
    """Pass on events that are made with JAX's own defaults; between them a program has its own."""
    while True:
        with standard_numerics():
            event = next(events, None)
        if event is None:
            return
        yield event


def make_training(
    sources: tuple[str | PathLike[str], ...],
    text: str | None,
    progress: ProgressMode,
    options: dict[str, Any],
) -> Training:
    """Check the arguments of `textgen.train`, and return the training; nothing has begun yet."""
    check_progress(progress)
    if text is None:
        return Training(order_of(sources, options), None, progress)
    if sources:
        raise UsageError("give the paths of texts or a text as a string, not both")
    order = order_of([NAME], options)
    if not order.keep_corpus:
        raise UsageError("a text that is given as a string must be kept; leave keep_corpus out")
    check_text(text)
    return Training(order, text, progress)
