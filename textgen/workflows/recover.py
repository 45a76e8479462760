"""Recover from failures: damaged checkpoints, training that diverges, disks that fail.

A checkpoint is sound if it is complete and undamaged.
"""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from textgen.errors import DamagedError, DivergedError, ForeignError, StorageError
from textgen.runs.checkpoint import MANIFEST, TRAIN_STATE, Checkpoint
from textgen.runs.run import Run
from textgen.settings import TrainingSettings
from textgen.training.loop import Progress, Trainer
from textgen.training.train_state import state_from_arrays
from textgen.workflows.events import Note

MAX_ROLLBACKS = 5


def newest_sound(run: Run) -> tuple[Checkpoint | None, dict[int, DamagedError]]:
    """Return the newest sound checkpoint, or None, and the problems of damaged ones by step.

    An older checkpoint counts as damaged only if its manifest cannot be read, because its loss is
    then unknown.

    Raises:
        ForeignError: if one belongs to another run. Nothing is then changed, since perhaps not the
            checkpoint is in the wrong place, but run.json.
    """
    newest, damaged = None, dict[int, DamagedError]()
    for step in reversed(run.steps()):
        try:
            if newest is None:
                newest = run.load(step, train_state=True)
            else:
                run.manifest(step)
        except ForeignError:
            raise
        except DamagedError as error:
            damaged[step] = error
    return newest, damaged


def progress_of(run: Run, checkpoint: Checkpoint) -> Progress:
    """Return the training progress that a checkpoint holds.

    Raises:
        DamagedError: if the progress is invalid or belongs to another step.
    """
    path = run.folder(checkpoint.step) / MANIFEST
    try:
        progress = Progress.from_json(checkpoint.progress)
    except ValueError as error:
        raise DamagedError(path, f"bad content: {error}") from error
    if progress.step != checkpoint.step:
        raise DamagedError(path, f"its training progress belongs to step {progress.step}")
    return progress


def restore(run: Run, trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Restore a trainer from a checkpoint.

    A plan that begins at the step of the checkpoint takes only its parameters.

    Raises:
        DamagedError: if it does not fit the trainer's network and plan.
    """
    parameters: dict[str, Any] = dict(checkpoint.parameters)
    progress = progress_of(run, checkpoint)
    if checkpoint.step == trainer.plan.first_step:
        state = trainer.fresh_state(parameters)
        progress = progress.of_new_plan()
    else:
        try:
            state = state_from_arrays(parameters, checkpoint.train_state, trainer.state)
        except ValueError as error:
            path = run.folder(checkpoint.step) / TRAIN_STATE
            raise DamagedError(path, str(error)) from error
    trainer.restore(state, progress)


def lasting_steps(run: Run, plan: TrainingSettings) -> list[int]:
    """List the steps of the plan's own checkpoints, in order, without those saved at a stop.

    A roll-back to one of these gives the same result no matter where a run was stopped.
    """
    return [
        step
        for step in run.steps()
        if step == plan.first_step or (step > plan.first_step and not step % plan.checkpoint_every)
    ]


def roll_back(run: Run, trainer: Trainer, error: DivergedError) -> Note:
    """Take a trainer that diverged back to its last sound checkpoint, and halve the learning rate.

    Args:
        run: the run; its checkpoints and metrics of later steps are removed.
        trainer: the trainer that diverged.
        error: the step at which it diverged, and the loss.

    Raises:
        DivergedError: if the plan was rolled back five times already, or no checkpoint is left.
    """
    plan, rollbacks = trainer.plan, trainer.progress.rollbacks
    if len(rollbacks) >= MAX_ROLLBACKS:
        raise DivergedError(error.step, error.loss, len(rollbacks)) from error
    for step in reversed(lasting_steps(run, plan)):
        with suppress(DamagedError):
            restore(run, trainer, run.load(step, train_state=True))
            break
    else:
        if plan.first_step or run.record().ancestry:
            raise error
        trainer.restart()
    step = trainer.progress.step
    rollbacks = (*rollbacks, (error.step, step))
    trainer.progress = replace(trainer.progress, rollbacks=rollbacks)
    run.remove(later for later in run.steps() if later > step)
    run.cut_metrics(step)
    return Note(
        f"the loss became {error.loss:.4g} at step {error.step}; training goes back to step {step} "
        f"and halves the learning rate (roll-back {len(rollbacks)} of at most {MAX_ROLLBACKS})",
        grave=True,
    )


def prune(run: Run, plan: TrainingSettings, keep: int) -> None:
    """Remove old checkpoints, except the newest, the best and the one for a roll-back.

    Args:
        run: the run.
        plan: the plan in force.
        keep: number of the newest checkpoints to keep, at least 1.

    Raises:
        StorageError: if one cannot be removed.
    """
    try:
        run.prune(keep, also=lasting_steps(run, plan)[-1:])
    except DamagedError as error:
        raise StorageError(error.path, error.problem) from error


def store(
    run: Run,
    plan: TrainingSettings,
    rows: list[dict[str, Any]],
    checkpoint: Checkpoint | None,
    *,
    must: bool,
) -> Generator[Note, None, bool]:
    """Write metrics and a checkpoint. If the disk is full, remove old checkpoints and try again.

    Args:
        run: the run.
        plan: the plan in force.
        rows: rows of metrics; the list is emptied once they are written.
        checkpoint: the checkpoint to write; None for none.
        must: whether this is the last chance to write.

    Yields:
        A note if something could not be written.

    Returns:
        Whether the checkpoint is on the disk.

    Raises:
        StorageError: if something cannot be written at the last chance, or if the run no longer
            exists.
    """
    failure = _try(lambda: _write_rows(run, rows))
    if checkpoint is not None:
        unsaved = _try(lambda: run.save(checkpoint))
        if unsaved is not None and unsaved.is_full:
            _try(lambda: prune(run, plan, keep=1))
            failure = _try(lambda: _write_rows(run, rows))
            unsaved = _try(lambda: run.save(checkpoint))
        failure = unsaved or failure
    if failure is None:
        return checkpoint is not None
    if run.is_gone():
        raise StorageError(run.path, "the run no longer exists") from failure
    steps = list[int]()
    with suppress(DamagedError):
        steps = run.steps()
    saved = f"the last saved step is {steps[-1]}" if steps else "no saved step can be read"
    if must:
        raise StorageError(failure.path, f"{failure.problem}; {saved}") from failure
    yield Note(f"{failure}; {saved}; training continues and will try again", grave=True)
    return checkpoint is not None and checkpoint.step in steps


def _write_rows(run: Run, rows: list[dict[str, Any]]) -> None:
    run.add_metrics(rows)
    rows.clear()


def _try(work: Callable[[], None]) -> StorageError | None:
    """Call a function; return the StorageError that it raised, or None."""
    try:
        work()
    except StorageError as error:
        return error
    return None
