"""What keeps a run going: the newest sound state, the way back to it, and saving on a bad disk."""

from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from textgen.errors import DamagedError, DivergedError, StorageError
from textgen.runs.checkpoint import MANIFEST, TRAIN_STATE, Checkpoint, read_manifest
from textgen.runs.run import Run
from textgen.settings import TrainingSettings
from textgen.training.loop import Progress, Trainer
from textgen.training.train_state import state_from_arrays
from textgen.workflows.events import Note

MAX_ROLLBACKS = 5


def newest_sound(run: Run) -> tuple[Checkpoint | None, dict[int, DamagedError]]:
    """Return the newest checkpoint that is whole, if any, and what is wrong with others by step.

    Older ones count as damaged if their manifest cannot be read: the best could not be told then.
    """
    newest, damaged = None, dict[int, DamagedError]()
    for step in reversed(run.steps()):
        try:
            if newest is None:
                newest = run.load(step, train_state=True)
            else:
                read_manifest(run.folder(step))
        except DamagedError as error:
            damaged[step] = error
    return newest, damaged


def progress_of(run: Run, checkpoint: Checkpoint) -> Progress:
    """Return where the training of a checkpoint stood.

    Raises:
        DamagedError: if its manifest does not say so.
    """
    path = run.folder(checkpoint.step) / MANIFEST
    try:
        progress = Progress.from_json(checkpoint.progress)
    except ValueError as error:
        raise DamagedError(path, f"bad content: {error}") from error
    if progress.step != checkpoint.step:
        raise DamagedError(path, f"its training was at step {progress.step}")
    return progress


def restore(run: Run, trainer: Trainer, checkpoint: Checkpoint) -> None:
    """Put a checkpoint into a trainer; a plan that begins there takes its weights alone.

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
    """List the checkpoints that the plan provides for, in order, those of a stop left out.

    Going back to one of them does not depend on where a run was stopped and resumed.
    """
    return [
        step
        for step in run.steps()
        if step == plan.first_step or (step > plan.first_step and not step % plan.checkpoint_every)
    ]


def roll_back(run: Run, trainer: Trainer, error: DivergedError) -> Note:
    """Take a trainer back to the last sound state, to go on from there at half the learning rate.

    Args:
        run: where; what it holds of later steps is removed.
        trainer: whose loss is off.
        error: at which step, and how.

    Raises:
        DivergedError: if that was done five times already, or there is no state to go back to.
    """
    plan, rollbacks = trainer.plan, trainer.progress.rollbacks
    if len(rollbacks) >= MAX_ROLLBACKS:
        raise DivergedError(error.step, error.loss, len(rollbacks)) from error
    for step in reversed(lasting_steps(run, plan)):
        with suppress(DamagedError):
            restore(run, trainer, run.load(step, train_state=True))
            break
    else:
        if plan.first_step:
            raise error
        trainer.restart()
    step = trainer.progress.step
    rollbacks = (*rollbacks, (error.step, step))
    trainer.progress = replace(trainer.progress, rollbacks=rollbacks)
    run.remove(later for later in run.steps() if later > step)
    run.cut_metrics(step)
    return Note(
        f"the loss became {error.loss:.4g} at step {error.step}: back to step {step} and half "
        f"the learning rate ({len(rollbacks)} of {MAX_ROLLBACKS} times)",
        grave=True,
    )


def prune(run: Run, plan: TrainingSettings, keep: int) -> None:
    """Remove old checkpoints, but never the latest, the best or the one to go back to.

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
    rows: list[dict[str, float]],
    checkpoint: Checkpoint | None,
    *,
    must: bool,
) -> Generator[Note, None, bool]:
    """Write what has been measured, and a checkpoint; if the disk is full, make room first.

    Args:
        run: where.
        plan: in force.
        rows: of metrics; those that are written are taken out.
        checkpoint: to write, if any.
        must: whether there is no later time to try again.

    Returns:
        Whether the checkpoint is on the disk.

    Raises:
        StorageError: if it must be written and cannot, or the run is no longer there.
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
        raise StorageError(run.path, "the run is no longer there") from failure
    steps = list[int]()
    with suppress(DamagedError):
        steps = run.steps()
    kept = f"the run is kept up to step {steps[-1]}" if steps else "nothing of it can be seen"
    if must:
        raise StorageError(failure.path, f"{failure.problem}; {kept}") from failure
    yield Note(f"{failure}; {kept}, training goes on and tries again", grave=True)
    return checkpoint is not None and checkpoint.step in steps


def _write_rows(run: Run, rows: list[dict[str, float]]) -> None:
    run.add_metrics(rows)
    rows.clear()


def _try(work: Callable[[], None]) -> StorageError | None:
    """Do work; return what kept it from being done."""
    try:
        work()
    except StorageError as error:
        return error
    return None
