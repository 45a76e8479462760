"""Delete, rename and copy runs in the folder of runs."""

import os
import shlex
import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from textgen.errors import (
    DamagedError,
    RunError,
    SettingError,
    UnreadableError,
    UsageError,
    reading_errors,
    storage_errors,
)
from textgen.runs.files import TEMPORARY, sync_folder, whole_folder
from textgen.runs.library import find_run, free_path, list_runs, run_path
from textgen.runs.lock import training_lock
from textgen.runs.names import runs_folder
from textgen.runs.run import LOCK, METRICS, Run
from textgen.storage import is_link, sync

# What is wrong with a link or a pipe in a run that is copied.
NEITHER = "neither a file nor a folder"


def find_own_runs(names: Sequence[str]) -> list[Run]:
    """Find runs that may be deleted, renamed or copied: folders in the folder of runs, each once.

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
                "be deleted, renamed or copied"
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
    target = _free_target(name)
    with training_lock(run.path), storage_errors(target):
        run.path.rename(target)
        sync_folder(target.parent)
    return Run(target)


def copy_run(run: Run, name: str, tell: Callable[[int], None] = lambda _: None) -> Run:
    """Copy a run, whole or not at all.

    The run may be trained meanwhile: what is copied of it is what a training could go on from. A
    checkpoint that the training removes before it is copied is left out.

    Args:
        run: a run that `find_own_runs` returned.
        name: name of the copy.
        tell: function that is called with the number of bytes that were copied.

    Returns:
        The copy.

    Raises:
        SettingError: if the name is not valid for a folder in the folder of runs.
        UsageError: if a file or folder of that name exists.
        DamagedError: if something in the run is neither a file nor a folder, or cannot be read.
        StorageError: if the copy cannot be written; nothing is left of it.
    """
    target, copied = _free_target(name), 0
    # A training removes the oldest checkpoints first.
    checkpoints = [run.folder(step) for step in reversed(run.steps())]
    try:
        with whole_folder(target) as folder:

            def copy(path: Path) -> None:
                nonlocal copied
                new = folder / path.relative_to(run.path)
                new.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, new, follow_symlinks=False)
                with open(new, "rb+") as file:
                    sync(file.fileno())
                copied += new.stat().st_size
                tell(copied)

            for checkpoint in checkpoints:
                if is_link(checkpoint):
                    raise DamagedError(checkpoint, NEITHER)
                try:
                    for path in _files_of(checkpoint):
                        copy(path)
                except (FileNotFoundError, UnreadableError):
                    if checkpoint.exists():
                        raise
                    shutil.rmtree(folder / checkpoint.relative_to(run.path), ignore_errors=True)
            # A loss without its checkpoint does no harm, but not the other way round.
            for path in sorted(_files_of(run.path, (TEMPORARY, "step-")), key=_is_metrics):
                copy(path)
            if checkpoints and not Run(folder).steps():
                problem = "its checkpoints were removed while it was copied; copy it again"
                raise DamagedError(run.path, problem)
    except FileExistsError as error:
        raise _taken(target) from error
    return Run(target)


def _is_metrics(path: Path) -> bool:
    return path.name == METRICS


def descendants(run: Run) -> list[str]:
    """Return the names of the runs in the folder of runs that began from the weights of a run.

    They name it, and hold all that they need themselves. Damaged runs are left out.
    """
    found = []
    for other in list_runs():
        with suppress(RunError):
            if run.name in [one.name for one in other.record().ancestry] and other.name != run.name:
                found.append(other.name)
    return found


def _free_target(name: str) -> Path:
    """Return the path of a new run of a name in the folder of runs.

    Raises:
        SettingError: if the name is not valid for a folder there.
        UsageError: if a file or folder of that name exists.
    """
    target = run_path(name)
    if target.parent != runs_folder() or name.startswith("."):
        raise SettingError("new name", name, "a name without / that does not begin with a dot")
    if os.path.lexists(target):
        raise _taken(target)
    return target


def _taken(target: Path) -> UsageError:
    free = shlex.quote(free_path(target).name)
    return UsageError(f"the name {target.name!r} is taken; choose another, such as {free}")


def _files_of(folder: Path, without: tuple[str, ...] = (TEMPORARY,)) -> Iterator[Path]:
    """Yield the files of a run, without its lock and what interrupted writes left.

    Args:
        folder: the folder of the run, or one in it.
        without: beginnings of the names that are left out.

    Raises:
        DamagedError: if something in it is neither a file nor a folder, as a link is, or if it
            cannot be read.
    """
    with reading_errors(folder):
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        path = Path(entry.path)
        if entry.name == LOCK or entry.name.startswith(without):
            continue
        with reading_errors(path):
            mode = entry.stat(follow_symlinks=False).st_mode
        if stat.S_ISDIR(mode):
            yield from _files_of(path, without)
        elif stat.S_ISREG(mode):
            yield path
        else:
            raise DamagedError(path, NEITHER)
