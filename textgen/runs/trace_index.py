"""The file of a run with the index of its training text, which is made when it is first needed."""

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from textgen.data.sorted_entries import STEPS, Ids, sort_entries, step_for
from textgen.data.text_index import TextIndex
from textgen.errors import DamagedError, StorageError
from textgen.runs.kept_index import TRACE, read_kept, write_kept

NAME = TRACE
VERSION = 1


def open_index(
    folder: Path, ids: Ids, text_sha256: str, least: int
) -> Generator[float, None, tuple[TextIndex, str]]:
    """Read the index of a training text, or make it and keep it.

    An index that is damaged, or that belongs to another text, is made again.

    Args:
        folder: the folder of the run.
        ids: the text.
        text_sha256: what tells this text from any other.
        least: number of ids of the shortest stretches that it is to find.

    Yields:
        The share of the work that is done, in [0, 1], if an index has to be made.

    Returns:
        The index, and why it could not be kept; empty if it is on the disk.
    """
    path, header = folder / NAME, {"version": VERSION, "text": text_sha256, "ids": len(ids)}
    try:
        step, entries = _read(path, header)
        if 2 * step - 1 <= least:
            return TextIndex(ids, step, entries), ""
    except DamagedError:
        pass
    step = step_for(least)
    entries = yield from sort_entries(ids, step)
    problem = ""
    try:
        write_kept(path, header | {"step": step}, entries)
    except StorageError as error:
        problem = str(error)
    return TextIndex(ids, step, entries), problem


def check_index(folder: Path) -> None:
    """Check the file of an index, if there is one.

    Raises:
        DamagedError: if it is damaged.
    """
    path = folder / NAME
    if os.path.lexists(path):
        _read(path, {})


def _read(path: Path, expected: dict[str, Any]) -> tuple[int, NDArray[np.uint32]]:
    """Return the step and the entries of an index.

    Args:
        path: the file.
        expected: what its header must say.

    Raises:
        DamagedError: if it is missing or damaged, or says something else.
    """
    header, entries = read_kept(path, expected)
    step, ids = header.get("step"), header.get("ids")
    count = len(entries)
    if not (isinstance(step, int) and isinstance(ids, int) and step in STEPS and count):
        raise DamagedError(path, "its header does not fit")
    if -(-ids // step) != count:
        raise DamagedError(path, "its header does not fit the file")
    return step, entries
