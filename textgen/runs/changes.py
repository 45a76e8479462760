"""Delete and rename runs in the folder of runs."""

import os
import shlex
import shutil
from collections.abc import Sequence
from contextlib import suppress

from textgen.errors import SettingError, UsageError, storage_errors
from textgen.runs.files import TEMPORARY, sync_folder
from textgen.runs.library import find_run, free_path, run_path
from textgen.runs.lock import training_lock
from textgen.runs.run import Run, runs_folder


def find_own_runs(names: Sequence[str]) -> list[Run]:
    """Find runs that may be deleted or renamed: folders in the folder of runs, each once.

    Raises:
        RunNotFoundError: if there is no such run.
        UsageError: if a run is elsewhere, or is a link.
    """
    found = {run.path.name: run for run in map(find_run, names)}
    for run in found.values():
        if run.path.is_symlink():
            raise UsageError(f"{str(run.path)!r} is a link; remove the link itself, with rm")
        if run.path.parent.resolve() != runs_folder().resolve():
            raise UsageError(
                f"the run {str(run.path)!r} is not in {str(runs_folder())!r}; only runs there can "
                "be deleted or renamed"
            )
    return list(found.values())


def delete_run(run: Run) -> None:
    """Delete a run. It vanishes from the folder of runs at once, or not at all.

    Args:
        run: a run that `find_own_runs` returned.

    Raises:
        LockedError: if a process trains it.
        StorageError: if it cannot be deleted.
    """
    gone = run.path.with_name(f"{TEMPORARY}{run.path.name}")
    with training_lock(run.path), storage_errors(run.path):
        if gone.exists():  # a deletion was interrupted
            shutil.rmtree(gone)
        run.path.rename(gone)
        sync_folder(gone.parent)
    # The lock is released first, since a network drive keeps the name of a file that is open.
    with storage_errors(gone), suppress(FileNotFoundError):  # another process removes leftovers
        shutil.rmtree(gone)


def rename_run(run: Run, name: str) -> Run:
    """Rename a run.

    Args:
        run: a run that `find_own_runs` returned.
        name: its new name.

    Returns:
        The run under its new name.

    Raises:
        SettingError: if the name is not valid for a folder in the folder of runs.
        UsageError: if a file or folder of that name exists.
        LockedError: if a process trains the run.
        StorageError: if it cannot be renamed.
    """
    target = run_path(name)
    if target.parent != runs_folder() or name.startswith("."):
        raise SettingError("new name", name, "a name without / that does not begin with a dot")
    if os.path.lexists(target):
        free = shlex.quote(free_path(target).name)
        raise UsageError(f"the name {name!r} is taken; choose another, such as {free}")
    with training_lock(run.path), storage_errors(target):
        run.path.rename(target)
        sync_folder(target.parent)
    return Run(target)
