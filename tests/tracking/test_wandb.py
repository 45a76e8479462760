"""Logging to Weights & Biases without a network, where its package is installed."""

import json
import os
import struct
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, textgen
from textgen.runs.run import Run

pytestmark = pytest.mark.skipif(find_spec("wandb") is None, reason="wandb is not installed")


# A file begins with a head of 7 bytes. Its blocks hold pieces of records as LevelDB's logs do: each
# with a checksum of 4 bytes, a length of 2 and a kind: whole, first, middle or last.
HEAD, BLOCK, PIECE = 7, 2**15, 7
WHOLE, LAST = 1, 4


def records_of(file: Path) -> Iterator[bytes]:
    """Yield the records of a file of wandb."""
    data, position, record = file.read_bytes(), HEAD, b""
    while position < len(data):
        if BLOCK - position % BLOCK < PIECE:
            position += BLOCK - position % BLOCK
            continue
        length, kind = struct.unpack("<HB", data[position + 4 : position + PIECE])
        record += data[position + PIECE : position + PIECE + length]
        position += PIECE + length
        if kind in (WHOLE, LAST):
            yield record
            record = b""


def rows_of(file: Path) -> list[dict[str, Any]]:
    """Return the rows that a file of wandb holds, by name."""
    from wandb.proto.wandb_internal_pb2 import Record

    records = [Record.FromString(data) for data in records_of(file)]
    return [
        {
            item.key or "/".join(item.nested_key): json.loads(item.value_json)
            for item in record.history.item
        }
        for record in records
        if record.WhichOneof("record_type") == "history"
    ]


def test_a_resumed_run_has_the_same_identity_and_each_step_once(
    corpus: Path, own_folder: Path
) -> None:
    environment = os.environ | {"WANDB_MODE": "offline", "WANDB_SILENT": "true"}
    for options in (["fox.txt", *TINY, "--stop-after", "10"], ["--resume", "fox"]):
        done = textgen("train", *options, "--log-to", "wandb", env=environment)
        assert done.returncode == 0, done.stderr
        assert "logging to wandb failed" not in done.stderr
    files = sorted((own_folder / "wandb").glob("offline-run-*/*.wandb"))
    assert len({file.name for file in files}) == 1
    rows = [row for file in files for row in rows_of(file)]
    kept = Run(Path("checkpoints/fox")).metrics()
    assert [row["_step"] for row in rows] == [row["step"] for row in kept] == [10, 20]
    bits = [row["validation_bits_per_character"] for row in kept]
    assert [row["val/bits_per_character"] for row in rows] == pytest.approx(bits)
