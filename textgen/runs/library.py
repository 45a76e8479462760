"""The folder of runs: list them, find one by its name, name a new one."""

import os
import re
import shlex
from contextlib import suppress
from pathlib import Path

from textgen.data.sources import is_read_once
from textgen.errors import (
    RunError,
    RunExistsError,
    RunNotFoundError,
    SettingError,
    UsageError,
)
from textgen.runs.names import run_folders, runs_folder
from textgen.runs.run import Run

# Longest name of a run, in bytes. Most file systems allow 255; temporary names are a little longer.
MAX_NAME_BYTES = 200


def list_runs() -> list[Run]:
    """List the runs in the folder of runs, the newest first."""
    return [Run(path) for path in run_folders()]


def find_run(name: str | None) -> Run:
    """Find a run by its name or path.

    Args:
        name: name or path of the run; None for the newest that was not trained for a measurement.

    Raises:
        RunNotFoundError: if there is no such run; the message lists those that exist.
        UsageError: if it names several runs, as `a+b`, with a run `a`.
    """
    runs = list_runs()
    if name is None:
        newest = next((run for run in runs if not _is_measurement(run)), None)
        if newest is not None:
            return newest
    elif (found := existing_run(name)) is not None:
        return found
    elif "+" in name and existing_run(re.sub(r":[0-9.]+$", "", name.partition("+")[0])):
        raise UsageError(
            f"{name!r} mixes several runs, and this is for one; textgen sample, repl, score and "
            "evaluate take a mixture"
        )
    raise RunNotFoundError(name or "", runs_folder(), [run.name for run in runs])


def existing_run(name: str) -> Run | None:
    """Return the run of a name or path; None if there is none."""
    with suppress(OSError, SettingError):  # no run has a name that is invalid
        for path in (run_path(name), Path(name)):
            if Run(path).exists():
                return Run(path)
    return None


def run_path(name: str) -> Path:
    """Return the path of the run of this name or path, whether it exists or not.

    Raises:
        SettingError: if the name is not valid for a folder.
    """
    path = Path(name)
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if path.name in ("", "..") or "\0" in name or name.startswith("-") or longest > MAX_NAME_BYTES:
        raise SettingError("run", name, "a name or a path")
    elsewhere = "/" in name or os.sep in name
    return path if elsewhere else runs_folder() / path


def new_run_path(name: str | None, corpus: Path) -> Path:
    """Return the path of a new run.

    Args:
        name: its name or path; None to name it after its corpus: `fables`, then `fables-2`.
        corpus: the first file or folder of its corpus.

    Raises:
        RunExistsError: if a file or folder of that name already exists.
    """
    if name is None:
        whole = corpus.absolute()
        stem = whole.name if whole.is_dir() else whole.stem
        stem = "stdin" if is_read_once(corpus) else stem
        plain = re.sub(r"[^\w.-]+", "-", stem).strip(".-")[:60]
        return free_path(runs_folder() / (plain or "run"))
    path = run_path(name)
    if path.exists():
        raise run_exists_error(path)
    return path


def run_exists_error(path: Path) -> RunExistsError:
    """Return the error for a new run whose path is taken; it suggests a free name."""
    free = free_path(path)
    inside = path.parent == runs_folder()
    free_name = shlex.quote(free.name if inside else str(free))
    return RunExistsError(path, Run(path).reference, free_name)


def _is_measurement(run: Run) -> bool:
    """Return whether a run was trained for a measurement; False if its record is damaged."""
    with suppress(RunError):
        return run.record().is_measurement
    return False


def free_path(path: Path) -> Path:
    """Return the path itself if nothing exists there, else with the first free number added."""
    number = 1
    while path.with_name(free := f"{path.name}-{number}" if number > 1 else path.name).exists():
        number += 1
    return path.with_name(free)
