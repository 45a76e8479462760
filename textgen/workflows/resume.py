"""Resume a run: finish its plan, or train it further by a new plan."""

import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from textgen.data.labels import SplitLabels, labels_path
from textgen.data.prepare import prepare_text
from textgen.data.tokens import TokenFile, open_tokens
from textgen.errors import CorpusError, DamagedError, RunError, SettingError, UsageError
from textgen.planning.choices import TextSize
from textgen.planning.machine import Pace
from textgen.planning.plan import begin_plan, continue_plan
from textgen.planning.request import Request
from textgen.planning.site import seconds_to_compile
from textgen.planning.timekeeping import keep_time
from textgen.runs.library import find_run
from textgen.runs.lock import training_lock
from textgen.runs.record import RunRecord
from textgen.runs.run import TOKENS, Run
from textgen.runtime.accelerators import find_accelerator
from textgen.runtime.devices import check_devices, make_mesh
from textgen.runtime.together import Together
from textgen.settings import TrainingSettings
from textgen.training.loop import Trainer
from textgen.workflows.events import Ended, Event, Note, Planned
from textgen.workflows.hosts import place_of
from textgen.workflows.recover import newest_sound, progress_of, restore
from textgen.workflows.supervise import (
    Supervision,
    check_stop_after,
    installed_versions,
    make_trainer,
    measure_pace,
    supervise,
    tell_many_layers,
)

# Name of the speed in the metrics of a run, and the speed in characters per second that stands for
# it where it is missing.
SPEED, USUAL_SPEED = "characters_per_second", 20_000.0


def resume_training(
    name: str | None,
    supervision: Supervision,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    devices: int | None = None,
    patience: int | None = None,
    started: float | None = None,
) -> Iterator[Event]:
    """Resume a run: finish its plan, or train a finished run further by a new plan.

    Args:
        name: name or path of the run; None for the newest.
        supervision: when to stop and which checkpoints to keep.
        steps: number of further steps for a finished run.
        minutes: time for which to train a finished run further, in place of `steps`.
        devices: number of devices that share a batch; None for that of the plan, if possible.
        patience: evaluations without a lower validation loss that end the new plan early; None for
            the default.
        started: the `time.perf_counter` at which the user's time began; now if None.

    Yields:
        Events: notes, then `Planned`, then the events of `supervise`. A finished run that is not
        trained further yields a note and `Ended` only.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if run.json or the token file is damaged.
        LockedError: if another process is training the run.
        UsageError: if `steps` or `minutes` is given for a run that is not finished, or if the time
            is too short for more than a few steps; nothing is changed then.
        StorageError: if the run cannot be written; checkpoints that were saved remain usable.
        DivergedError: if training diverges again after five roll-backs.
    """
    started = time.perf_counter() if started is None else started
    run = find_run(name)
    further = None
    if steps or minutes:
        further = Request(steps=steps, minutes=minutes, patience=patience)
    with training_lock(run.path):
        run.remove_leftovers()
        record = run.record()
        checkpoint, damaged = newest_sound(run)
        step = checkpoint.step if checkpoint else 0
        # The newest sound checkpoint may be older than the last plan.
        plans = tuple(plan for plan in record.plans if plan.first_step <= step)
        record = replace(record, plans=plans)
        waited = progress_of(run, checkpoint).waited if checkpoint else 0
        finished = record.plan.is_over(step, waited)
        if further and not finished:
            raise _not_finished_error(run, record, step, damaged.values())
        if finished and not further:
            yield Note(_describe_finished(run, record, step))
            best = run.best_step(damaged=True)
            loss = run.validation_losses(damaged=True).get(best)
            yield Ended(run, record, step, True, best, loss, is_old=True)
            return
        check_stop_after(supervision, step)
        if record.ancestry and not checkpoint:
            raise _no_weights_error(run, record, damaged.values())
        for number, error in damaged.items():
            run.set_aside(number)
            yield Note(f"{error}; this checkpoint is renamed and not used", grave=True)
        if damaged and not checkpoint:
            warning = "no undamaged checkpoint is left; training starts again at step 0"
            yield Note(warning, grave=True)
        tell_many_layers(record.config.settings, supervision)
        trainer = yield from _trainer_for(
            run, record, devices, supervision.together, first_step=step * finished
        )
        if checkpoint:
            restore(run, trainer, checkpoint)
        seconds, reasons, timekeeper = None, tuple[str, ...](), None
        if further:

            def elapsed() -> float:
                return time.perf_counter() - started

            text = TextSize(
                vocab_size=trainer.model.vocab_size,
                training_characters=record.corpus.training_ids,
            )
            expected = _expected_pace(run, trainer, elapsed())
            trainer.adopt(begin_plan(further, trainer.plan, text, expected, step))
            pace = measure_pace(trainer, further, supervision)
            pace = replace(pace, seconds_to_start=elapsed())
            plan = continue_plan(further, trainer.model, trainer.plan, text, pace)
            trainer.adopt(plan.training)
            seconds, reasons = plan.seconds, plan.reasons
            record = replace(record, plans=(*record.plans, plan.training))
            timekeeper = keep_time(further, plan, text, elapsed)
        run.write_record(record)
        run.cut_metrics(step)
        yield Planned(run, record, step, seconds, reasons)
        yield from supervise(run, record, trainer, supervision, timekeeper)


def _expected_pace(run: Run, trainer: Trainer, elapsed: float) -> Pace:
    """Return the pace at which a run was trained last, as its metrics tell it."""
    speeds = [row[SPEED] for row in run.metrics() if row.get(SPEED)]
    return Pace(
        seconds_per_step=trainer.plan.characters_per_step / (speeds or [USUAL_SPEED])[-1],
        seconds_per_evaluation=0.0,
        seconds_to_start=elapsed + seconds_to_compile(trainer.model),
    )


def _not_finished_error(
    run: Run, record: RunRecord, step: int, damaged: Iterable[DamagedError]
) -> UsageError:
    """Return the error for a run that cannot be trained further yet; it names what is damaged."""
    problems = "".join(f"; {error}" for error in damaged)
    return UsageError(
        f"the run {run.name!r} is at step {step} of {record.plan.last_step}{problems}; finish it "
        f"first, with --resume {run.reference} alone, since --steps and --minutes need a finished "
        "run"
    )


def _no_weights_error(run: Run, record: RunRecord, damaged: Iterable[DamagedError]) -> RunError:
    """Return the error for a run without checkpoints that did not begin from random weights."""
    problems = "".join(f"{error}; " for error in damaged)
    return RunError(
        f"{problems}the run {run.name!r} has no undamaged checkpoint left, and it began from the "
        f"weights of {record.ancestry[-1].name!r}; begin a new run with --from"
    )


def _describe_finished(run: Run, record: RunRecord, step: int) -> str:
    early = ""
    if step < record.plan.last_step:
        early = f" of {record.plan.last_step}, since the validation loss no longer fell"
    return (
        f"the run {run.name!r} is finished after {step} step{'' if step == 1 else 's'}{early}; "
        f"train it further with --resume {run.reference} --steps N or --minutes M"
    )


def _trainer_for(
    run: Run,
    record: RunRecord,
    devices: int | None,
    together: Together | None,
    first_step: int,
) -> Generator[Note, None, Trainer]:
    """Make the trainer that resumes a run, and note what differs from its earlier training.

    Args:
        run: the run.
        record: the record of the run.
        devices: number of devices that share a batch; None for that of the plan, if possible.
        together: the processes that train the network; None for this one alone.
        first_step: the step after which a new plan begins; 0 to keep the plan in force.
    """
    plan = record.plan
    used = _devices_for(plan, devices)
    if used != plan.devices:
        yield Note(
            f"the run was trained on {plan.devices} devices and continues on {used}; "
            "its results will differ in the last digits"
        )
    installed = installed_versions()
    for name, old in record.versions.items():
        if installed.get(name) != old:
            yield Note(
                f"the run began with {name} {old}, not with the version installed now; "
                "its results may differ in the last digits"
            )
    plan = replace(plan, devices=used, first_step=first_step or plan.first_step)
    if plan.backend == "cudnn" and not ((found := find_accelerator()) and found.has_cudnn):
        yield Note(
            "the run was trained with --backend cudnn, which needs an NVIDIA GPU, and continues "
            "with scan; its results will differ in the last digits"
        )
        plan = replace(plan, backend="scan")
    tokens, labels = _text_of(run, record)
    training, validation, old_text = record.corpus.parts(tokens)
    config = record.config
    end_id = config.vocabulary.end_id
    text = training, validation, end_id, labels, old_text
    place = place_of(run.path, record.corpus, config.vocabulary, config.labels)
    return make_trainer(config.settings, plan, *text, together=together, place=place)


def _text_of(run: Run, record: RunRecord) -> tuple[TokenFile, SplitLabels | None]:
    """Open the token file of a run and its labels, or write them again if it did not keep them."""
    corpus = record.corpus
    if corpus.kept:
        return run.open_tokens(record), run.open_labels(record)
    paths = [Path(path) for path in corpus.origin]
    path = run.path / f".tmp-{TOKENS}"
    try:
        found = prepare_text(paths, corpus.rules, path, record.config.vocabulary)
        if found.sha256 != corpus.sha256:
            raise CorpusError(paths[0], "it is no longer the text that this run was trained on")
        vocab_size = len(record.config.vocabulary)
        tokens = open_tokens(path, corpus.tokens, vocab_size, corpus.tokens_sha256)
        return tokens, run.open_labels(record, path)
    finally:
        # The open file can be read after it is removed.
        path.unlink(missing_ok=True)
        labels_path(path).unlink(missing_ok=True)


def _devices_for(plan: TrainingSettings, devices: int | None) -> int:
    """Return the number of devices to use: as asked, else as planned, else the most that fit."""
    if devices is not None:
        check_devices(devices)
        return devices
    with suppress(SettingError):
        return make_mesh(plan.devices, plan.batch_size).size
    return make_mesh(None, plan.batch_size).size
