"""tracking.json: the last step that each tracker has logged, by a name that tells its log apart."""

from collections.abc import Mapping
from pathlib import Path

from textgen.errors import DamagedError
from textgen.runs.files import encode_json, read_json, replace_file

TRACKING = "tracking.json"


def read_logged(folder: Path) -> dict[str, int]:
    """Return the last logged steps of a run; none if there is no such file.

    Raises:
        DamagedError: if the file is damaged.
    """
    path = folder / TRACKING
    if not path.exists():
        return {}
    content = read_json(path)
    del content["sha256"]
    if not all(type(step) is int for step in content.values()):
        raise DamagedError(path, "it holds something else than steps")
    return content


def write_logged(folder: Path, steps: Mapping[str, int]) -> None:
    """Write the last logged steps of a run.

    Raises:
        StorageError: if they cannot be written.
    """
    replace_file(folder / TRACKING, encode_json(dict(steps)))
