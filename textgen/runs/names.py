"""Which runs there are, and the labels that they know, without reading any array.

A shell that completes a name asks for them at each press of a key. NumPy alone would take longer.
"""

import os
from contextlib import suppress
from pathlib import Path

from textgen.errors import RunError
from textgen.runs.files import read_json

RECORD = "run.json"
CHECKPOINTS = "checkpoints"
# Environment variable that names the folder of runs.
VARIABLE = "TEXTGEN_CHECKPOINTS"


def runs_folder() -> Path:
    """Return the folder of runs: $TEXTGEN_CHECKPOINTS, or `checkpoints` under the current one."""
    return Path(os.environ.get(VARIABLE) or "checkpoints")


def is_run(path: Path) -> bool:
    """Return whether there is a run at a path. False if the disk cannot be read."""
    return os.path.isfile(path / RECORD)


def run_folders() -> list[Path]:
    """List the runs in the folder of runs, the one with the newest checkpoint first."""
    folder = runs_folder()
    paths = folder.iterdir() if folder.is_dir() else iter(())
    found = (path for path in paths if not path.name.startswith(".") and is_run(path))
    return sorted(found, key=_age)


def known_labels(path: Path) -> list[tuple[str, list[str]]]:
    """Return the fields of the labels of a run with their values; none if its record is damaged."""
    with suppress(RunError, LookupError, TypeError, AttributeError):
        fields = read_json(path / RECORD)["model"].get("labels", ())
        return [(str(one["name"]), [*map(str, one["values"])]) for one in fields]
    return []


def _age(path: Path) -> tuple[float, str]:
    """Return a sort key that puts the run with the newest checkpoint first."""
    folder, touched = path / CHECKPOINTS, 0.0
    with suppress(OSError):  # the run was removed meanwhile
        touched = (folder if folder.exists() else path).stat().st_mtime
    return -touched, path.resolve().name
