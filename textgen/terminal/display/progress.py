"""The progress of training: live lines on a terminal, and a line for each evaluation elsewhere."""

import sys
from dataclasses import replace
from typing import Self

from rich.console import Group
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from textgen.evaluation.protocols import bits_per_character
from textgen.network.parameters import parameter_count
from textgen.planning.schedule import teaches_little
from textgen.readable import one_line
from textgen.runs.record import RunRecord
from textgen.terminal.display.live import LiveView
from textgen.terminal.display.progress_line import ProgressLine, ProgressMode, progress_form
from textgen.terminal.display.render import (
    format_batch,
    format_bits,
    format_count,
    format_duration,
    format_labelled,
)
from textgen.terminal.display.run_tables import NETWORK, format_network, list_characters
from textgen.terminal.output import columns_of, say
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

# Width of the bar in columns, and the least width at which it is shown.
BAR_COLUMNS, LEAST_BAR = 24, 4
STOPPING = "saving and stopping; Ctrl-C again stops at once, without saving"


def format_plan(event: Planned, columns: int | None = None) -> str:
    """Describe a plan: text, split, network, steps, epochs, expected time and reasons.

    Args:
        event: the plan.
        columns: width of the terminal in columns; None if there is no limit.
    """
    record, plan = event.record, event.record.plan
    corpus, model = record.corpus, record.config.settings
    epochs = plan.steps * plan.new_characters_per_step / corpus.training_ids
    alphabet = format_count(len(record.config.vocabulary.alphabet), "character")
    documents = f", {format_count(corpus.documents, 'document')}" if corpus.documents else ""
    pairs = [
        ("run", one_line(str(event.run.path))),
        *origin_rows(record),
        ("text", f"{corpus.characters:,} characters{documents}, alphabet of {alphabet}"),
        (
            "split",
            f"{corpus.training_characters:,} characters for training, "
            f"{corpus.validation_characters:,} for validation",
        ),
        (
            "network",
            f"{format_network(*(getattr(model, name) for name in NETWORK))}, "
            f"{parameter_count(model):,} parameters, dropout {model.dropout_rate:g}",
        ),
        (
            "plan",
            f"{format_count(plan.steps, 'step')}, {epochs:.1f} epochs, "
            f"{format_batch(plan.batch_size, plan.sequence_length)}",
        ),
        (
            "",
            f"peak learning rate {plan.learning_rate:g}, "
            f"{format_count(plan.devices, 'device')}, seed {plan.seed}, patience {plan.patience}",
        ),
    ]
    if event.seconds is not None:
        about = f"about {format_duration(event.seconds)}"
        about = about if event.seconds >= 1 else "less than 1 s"
        # Reading and compiling are over by now.
        pairs.append(("time", f"{about} from now"))
    labels = ["reasons", *[""] * len(event.reasons)]
    pairs += zip(labels, event.reasons, strict=False)
    if event.first_step > plan.first_step:
        pairs.append(("resumed", f"after step {event.first_step:,} of {plan.last_step:,}"))
    return format_labelled(pairs, columns)


def origin_rows(record: RunRecord) -> list[tuple[str, str]]:
    """Describe the run from whose weights a run begins, and what was new to it; none if none."""
    rows = [("from", one_line(f"{one.name}, step {one.step:,}")) for one in record.ancestry[-1:]]
    if new := record.new_characters:
        size = format_count(len(new), "character")
        rows.append(("", one_line(f"new: {size}: {list_characters(new)}")))
    return rows


def format_work(work: Working) -> str:
    """Describe a piece of work, and about how long it still takes if that is known."""
    about = "" if work.seconds is None else f" (about {format_duration(work.seconds)} left)"
    return f"{work.text}{about}"


def format_report(report: Report, last_step: int) -> str:
    """Describe an evaluation on one line, with losses in bits per character."""
    loss = report.validation_loss
    return (
        f"step {report.step}/{last_step}  "
        f"train {format_bits(bits_per_character(report.training_loss))}  "
        f"validation {format_bits(None if loss is None else bits_per_character(loss))} bits/char  "
        f"{report.characters_per_second:,.0f} chars/s"
    )


def format_end(event: Ended) -> str:
    """Describe how training ended, and which command to use next."""
    best = ""
    if event.best_loss is not None:
        bits = bits_per_character(event.best_loss)
        best = f"; lowest validation loss {bits:.3f} bits/char, at step {event.best_step}"
        for one in event.record.ancestry[-1:]:
            first = bits_per_character(one.first_loss)
            best += f"; that of {one_line(one.name)} was {first:.3f}"
            if event.best_step == 0 and event.step:
                best += ", so no step was a gain, and its weights stay the best"
    if event.finished:
        left = event.record.plan.last_step - event.step
        early, advice = "", ""
        further = f"train it further: textgen train --resume {event.run.reference}"
        if left:
            early = f" of {event.step + left}, since the validation loss no longer falls"
            advice = f"{further} --steps {left} --patience 0\n"
        elif teaches_little(event.record.plan, event.record.corpus.training_ids, event.step):
            advice = f"so few steps teach little; {further} --minutes 1\n"
        name = event.run.reference
        use = f"write with it: textgen sample {name}   or: textgen repl {name}"
        if event.record.config.settings.direction == "both":
            use = (
                f"fill gaps with it: textgen restore {name} 'a t_xt'   "
                f"or find mistakes: textgen proofread FILE --model {name}"
            )
        return f"finished at step {event.step}{early}{best}\n{advice}{use}"
    return (
        f"stopped and saved at step {event.step}{best}\n"
        f"continue it with: textgen train --resume {event.run.reference}"
    )


class TrainingDisplay:
    """Shows the events of a training. Use it as a context, and give each event to `show`."""

    def __init__(self, progress: ProgressMode = "auto", *, quiet: bool) -> None:
        """Prepare the display without showing anything.

        Args:
            progress: how to show progress; see `progress_form`.
            quiet: whether to show only grave notes.
        """
        self._quiet = quiet
        self._form = progress_form(progress, quiet=quiet)
        self._live = LiveView(progress, quiet=quiet)
        self._before = ProgressLine(progress, quiet=quiet)
        self._is_stopping = False
        self._planned: Planned | None = None
        self._report: Report | None = None
        self._validation: float | None = None
        self._sample = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._before.close()
        self._live.stop()

    def show(self, event: Event) -> None:
        """Show one event."""
        match event:
            case Note(text, grave):
                say(one_line(text)) if grave else self._print(one_line(text))
            case Working():
                self._before.show(format_work(event))
            case Planned():
                self._before.close()
                self._print(format_plan(event, columns_of(sys.stderr)))
                self._planned = event
                self._live.start()
            case Begun(name, loss):
                self._validation = loss
                bits = bits_per_character(loss)
                self._print(f"step 0  validation {bits:.3f} bits/char: {one_line(name)} as it is")
            case Report():
                self._show_report(event)
            case Corrected(record):
                assert self._planned is not None
                self._planned = replace(self._planned, record=record)
            case Sampled(text):
                self._sample = one_line(text)
            case Saved():
                pass
            case Ended():
                self._live.stop()
                if not event.is_old:
                    self._print(format_end(event))

    def say_stopping(self) -> None:
        """Say that training stops as soon as it can. This may be called in any thread."""
        self._is_stopping = True
        self._before.show("stopping after this; Ctrl-C again stops at once")
        if self._report is not None:
            self._live.update(self._live_lines())

    def _show_report(self, report: Report) -> None:
        assert self._planned is not None
        self._report = report
        if report.validation_loss is not None:
            self._validation = report.validation_loss
            if not self._live.is_on and self._form != "none":
                self._print(format_report(report, self._planned.record.plan.last_step))
        if self._live.is_on:
            self._live.update(self._live_lines())

    def _live_lines(self) -> Group:
        assert self._planned is not None
        assert self._report is not None
        report, last = self._report, self._planned.record.plan.last_step
        left = (last - report.step) * self._seconds_per_step()
        begin, end = f"step {report.step:,}/{last:,}", f"{format_duration(left)} left"
        room = min(self._live.columns - len(begin) - len(end) - 2, BAR_COLUMNS)
        bar: Table | Text = Text(f"{begin} {end}")
        if room >= LEAST_BAR:
            bar = Table.grid(padding=(0, 1))
            progress = ProgressBar(total=last, completed=report.step, width=room)
            bar.add_row(Text(begin), progress, Text(end))
        validation = None if self._validation is None else bits_per_character(self._validation)
        losses = Text(
            f"train {format_bits(bits_per_character(report.training_loss))}  "
            f"validation {format_bits(validation)} bits/char  "
            f"{report.characters_per_second:,.0f} chars/s"
        )
        # Rich does not read a Text as markup, and `show` has removed control characters.
        sample = Text(self._sample, style="italic", overflow="ellipsis", no_wrap=True)
        return Group(bar, losses, Text(STOPPING) if self._is_stopping else sample)

    def _seconds_per_step(self) -> float:
        """Return the pace: that of the plan until the first evaluation, then the measured one."""
        assert self._planned is not None
        assert self._report is not None
        plan = self._planned.record.plan
        if self._validation is None and self._planned.seconds is not None:
            return self._planned.seconds / plan.steps
        return plan.characters_per_step / self._report.characters_per_second

    def _print(self, text: str) -> None:
        if not self._quiet:
            say(text)
