"""metrics.jsonl: a row for each evaluation, in the order of the steps.

A row holds numbers, and under `sample` the text that the network wrote after that step. Networks
that read in both directions write none, and runs of older versions of textgen have none.
"""

import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from textgen.errors import DamagedError, reading_errors, storage_errors
from textgen.runs.files import parse_json, replace_file
from textgen.storage import open_regular, open_to_append

# Longest line that is read at once, in bytes: many times the length of a row.
MAX_ROW_BYTES = 2**16
# Key of the validation loss in a row, in bits per character.
VALIDATION = "validation_bits_per_character"
# Key of the text that the network wrote after the step.
SAMPLE = "sample"


def add_rows(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Append rows: all of them, or none if that fails.

    Raises:
        StorageError: if they cannot be written.
    """
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    with storage_errors(path), os.fdopen(open_to_append(path), "ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            while data:
                data = data[file.write(data) :]
        except OSError:
            file.truncate(before)
            raise


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the rows; an incomplete last row is left out.

    Raises:
        DamagedError: if any other line is not a row, or the file cannot be read.
    """
    rows = list(_read(path))
    if None in rows[:-1]:
        raise DamagedError(path, f"line {rows.index(None) + 1} is not a row of metrics")
    return [row for row in rows if row is not None]


def check_rows(path: Path, losses: Mapping[int, float]) -> None:
    """Check that the rows can be read, and that they hold the losses that are known otherwise.

    Rows that are missing at the end are no damage: after a power failure they may be lost. Nor is a
    last line without a line feed, whose writer was killed.

    Args:
        path: the file.
        losses: validation losses in bits per character, by step.

    Raises:
        DamagedError: if the file is missing or holds no row although there are losses, if it cannot
            be read, or if a row differs from them.
    """
    rows = read_rows(path)
    if path.exists() and _parse(last := _last_line(path)) is None and last.endswith(b"\n"):
        raise DamagedError(path, "its last line is not a row of metrics")
    if losses and not rows:
        raise DamagedError(path, "it holds no row" if path.exists() else "the file is missing")
    for row in rows:
        known, found = losses.get(row["step"]), row.get(VALIDATION)
        if known is not None and (found is None or not math.isclose(found, known, rel_tol=1e-9)):
            problem = f"its row of step {row['step']} differs from the checkpoint of that step"
            raise DamagedError(path, problem)


def cut_rows(path: Path, step: int) -> None:
    """Remove the rows after a step, and lines that are not rows.

    Raises:
        StorageError: if that cannot be written.
    """
    rows = (row for row in _read(path) if row is not None and row["step"] <= step)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    replace_file(path, text.encode())


def last_step(path: Path) -> int:
    """Return the highest step of any row, or 0 if there is none."""
    return max((row["step"] for row in _read(path) if row is not None), default=0)


def _read(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield each row, and None for each line that is not a row."""
    if not os.path.lexists(path):
        return
    with reading_errors(path), open_regular(path) as file:
        for line in iter(lambda: file.readline(MAX_ROW_BYTES), b""):
            yield _parse(line)


def _last_line(path: Path) -> bytes:
    """Return the end of a file from its last line on; empty if the file is."""
    with reading_errors(path), open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(size - MAX_ROW_BYTES, 0))
        return (file.read().splitlines(keepends=True) or [b""])[-1]


def _parse(line: bytes) -> dict[str, Any] | None:
    """Return a row, which holds a step, other numbers and perhaps a sample; None if it is none."""
    try:
        row = parse_json(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return None
    fits = all(
        type(value) in ((str,) if name == SAMPLE else (int, float)) for name, value in row.items()
    )
    return row if fits else None
