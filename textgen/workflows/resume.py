"""Go on with a run: to the end of its plan, or further under a new one."""

import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from textgen.data.corpus import scan_corpus
from textgen.data.tokens import Tokens, open_tokens, write_tokens
from textgen.errors import CorpusError, SettingError, UsageError
from textgen.planning.choices import TextSize
from textgen.planning.plan import continue_plan
from textgen.planning.request import Request
from textgen.runs.library import find_run
from textgen.runs.lock import training_lock
from textgen.runs.record import RunRecord
from textgen.runs.run import TOKENS, Run
from textgen.runtime.devices import check_devices, make_mesh
from textgen.settings import TrainingSettings
from textgen.training.loop import Trainer
from textgen.workflows.events import Event, Note, Planned
from textgen.workflows.recover import newest_sound, progress_of, restore
from textgen.workflows.supervise import (
    Supervision,
    check_stop_after,
    installed_versions,
    make_trainer,
    measure_pace,
    supervise,
)


def resume_training(
    name: str | None,
    supervision: Supervision,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    devices: int | None = None,
    started: float | None = None,
) -> Iterator[Event]:
    """Go on with a run: to the end of its plan, or further under a new schedule.

    Args:
        name: name or path of the run; None for the newest.
        supervision: when to stop and what to keep.
        steps: train a finished run this many steps further.
        minutes: or for this long.
        devices: share batches among so many; None for as many as the plan says.
        started: when the time to fill began, by `time.perf_counter`; now if None.

    Yields:
        What happens. A finished run that is not to be trained further yields one note.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if run.json or the token file is damaged.
        LockedError: if another process trains it.
        UsageError: if `steps` or `minutes` is given for a run that is not finished.
    """
    started = time.perf_counter() if started is None else started
    run = find_run(name)
    further = Request(steps=steps, minutes=minutes) if steps or minutes else None
    with training_lock(run.path):
        run.remove_leftovers()
        record = run.record()
        checkpoint, damaged = newest_sound(run)
        step = checkpoint.step if checkpoint else 0
        # Falling back may have gone back past the beginning of the last plan.
        plans = tuple(plan for plan in record.plans if plan.first_step <= step)
        record = replace(record, plans=plans)
        waited = progress_of(run, checkpoint).waited if checkpoint else 0
        finished = record.plan.is_over(step, waited)
        if further and not finished:
            raise UsageError(
                f"the run {run.name!r} is at step {step} of {record.plan.last_step}; "
                "finish it first: --steps and --minutes go on only from a finished run"
            )
        if finished and not further:
            yield Note(
                f"the run {run.name!r} is finished at step {step}; "
                f"train it further with --resume {run.reference} --steps N or --minutes M"
            )
            return
        check_stop_after(supervision, step)
        for number, error in damaged.items():
            run.set_aside(number)
            yield Note(f"{error}; it is set aside", grave=True)
        if damaged and not checkpoint:
            yield Note("no sound checkpoint is left: training begins again", grave=True)
        trainer = yield from _trainer_for(run, record, devices, first_step=step * finished)
        if checkpoint:
            restore(run, trainer, checkpoint)
        seconds = None
        if further:
            pace = measure_pace(trainer, further, supervision)
            supervision.check()
            pace = replace(pace, seconds_to_start=time.perf_counter() - started)
            text = TextSize(
                vocab_size=trainer.model.vocab_size,
                training_characters=record.corpus.training_characters,
            )
            plan = continue_plan(further, trainer.model, trainer.plan, text, pace, step)
            trainer.adopt(plan.training)
            seconds = plan.seconds
            record = replace(record, plans=(*record.plans, plan.training))
        run.write_record(record)
        run.cut_metrics(step)
        yield Planned(run, record, step, seconds)
        yield from supervise(run, record, trainer, supervision)


def _trainer_for(
    run: Run, record: RunRecord, devices: int | None, first_step: int
) -> Generator[Note, None, Trainer]:
    """Make the trainer of a run's plan, or of one that begins after it; note what differs."""
    plan = record.plan
    used = _devices_for(plan, devices)
    if used != plan.devices:
        yield Note(f"the run used {plan.devices} devices, now {used}: its last bits will differ")
    installed = installed_versions()
    for name, old in record.versions.items():
        if installed.get(name) != old:
            yield Note(f"the run began with {name} {old}: its last bits may differ")
    plan = replace(plan, devices=used, first_step=first_step or plan.first_step)
    tokens, split = _tokens_of(run, record), record.corpus.training_characters
    return make_trainer(record.config.settings, plan, tokens[:split], tokens[split:])


def _tokens_of(run: Run, record: RunRecord) -> Tokens:
    """Open the token file of a run; make it again from the text if the run did not keep it."""
    corpus = record.corpus
    if corpus.kept:
        return run.open_tokens(record)
    paths = [Path(path) for path in corpus.origin]
    found = scan_corpus(paths)
    if found.sha256 != corpus.sha256:
        raise CorpusError(paths[0], "it is no longer the text that this run was trained on")
    path = run.path / f".tmp-{TOKENS}"
    try:
        write_tokens(path, found, record.config.vocabulary)
        vocab_size = len(record.config.vocabulary)
        return open_tokens(path, corpus.tokens, vocab_size, corpus.tokens_sha256)
    finally:
        # The map stays good without the name.
        path.unlink(missing_ok=True)


def _devices_for(plan: TrainingSettings, devices: int | None) -> int:
    if devices is not None:
        check_devices(devices)
        return devices
    with suppress(SettingError):
        return make_mesh(plan.devices, plan.batch_size).size
    return make_mesh(None, plan.batch_size).size
