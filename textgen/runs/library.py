"""Where runs are, and how one is found by its name."""

import os
import re
from contextlib import suppress
from pathlib import Path

from textgen.errors import RunExistsError, RunNotFoundError, SettingError
from textgen.runs.run import CHECKPOINTS, Run, runs_folder

# Room for the ending of a temporary name within the 255 bytes of most file systems.
MAX_NAME_BYTES = 200


def list_runs() -> list[Run]:
    """List the runs in the folder of runs, the newest first."""
    folder = runs_folder()
    paths = folder.iterdir() if folder.is_dir() else iter(())
    runs = [Run(path) for path in paths if not path.name.startswith(".")]
    return sorted((run for run in runs if run.exists()), key=_age)


def find_run(name: str | None) -> Run:
    """Find a run by its name or path; the newest without one.

    Raises:
        RunNotFoundError: if there is none; it lists those that exist.
    """
    runs = list_runs()
    if name is None:
        if runs:
            return runs[0]
    else:
        with suppress(OSError, SettingError):  # what cannot be a name is no run's name
            for path in (run_path(name), Path(name)):
                if Run(path).exists():
                    return Run(path)
    raise RunNotFoundError(name or "", runs_folder(), [run.name for run in runs])


def run_path(name: str) -> Path:
    """Return where a run of this name or path is or would be.

    Raises:
        SettingError: if it cannot be the name of a folder.
    """
    path = Path(name)
    longest = max((len(os.fsencode(part)) for part in path.parts), default=0)
    if path.name in ("", "..") or "\0" in name or name.startswith("-") or longest > MAX_NAME_BYTES:
        raise SettingError("run", name, "a name or a path")
    elsewhere = "/" in name or os.sep in name
    return path if elsewhere else runs_folder() / path


def new_run_path(name: str | None, corpus: Path) -> Path:
    """Return where to make a new run.

    Args:
        name: its name or path; None to name it after its corpus: `fables`, then `fables-2`.
        corpus: the first file or folder of its corpus.

    Raises:
        RunExistsError: if something of that name is there.
    """
    if name is None:
        whole = corpus.absolute()
        stem = whole.name if whole.is_dir() else whole.stem
        plain = re.sub(r"[^\w.-]+", "-", stem).strip(".-")[:60]
        return _free(runs_folder() / (plain or "run"))
    path = run_path(name)
    if path.exists():
        free = _free(path)
        inside = path.parent == runs_folder()
        raise RunExistsError(path, Run(path).reference, free.name if inside else str(free))
    return path


def _free(path: Path) -> Path:
    number = 1
    while path.with_name(free := f"{path.name}-{number}" if number > 1 else path.name).exists():
        number += 1
    return path.with_name(free)


def _age(run: Run) -> tuple[float, str]:
    """Sort by the last checkpoint, newest first."""
    folder, touched = run.path / CHECKPOINTS, 0.0
    with suppress(OSError):  # it was removed meanwhile
        touched = (folder if folder.exists() else run.path).stat().st_mtime
    return -touched, run.name
