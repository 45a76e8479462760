"""Logging to trackio, where it is installed. It is no part of the tests' own packages: it brings
gradio's client, and pandas with some versions.
"""

import json
import os
import sqlite3
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import TINY, textgen
from textgen.runs.run import Run

pytestmark = pytest.mark.skipif(find_spec("trackio") is None, reason="trackio is not installed")


def test_a_resumed_run_goes_on_in_the_same_log_and_a_new_one_has_its_own(
    corpus: Path, own_folder: Path
) -> None:
    environment = os.environ | {"TRACKIO_DIR": str(own_folder / "kept")}

    def train(*options: str) -> None:
        done = textgen("train", *options, "--log-to", "trackio", "--json", env=environment)
        assert done.returncode == 0, done.stderr
        assert "logging to trackio failed" not in done.stderr
        assert all(json.loads(line) for line in done.stdout.splitlines())

    train("fox.txt", *TINY, "--stop-after", "10")
    train("--resume", "fox")
    rows = Run(Path("checkpoints/fox")).metrics()
    Path("checkpoints/fox").rename("elsewhere")
    train("fox.txt", *TINY)
    with sqlite3.connect(own_folder / "kept" / "textgen.db") as file:
        found = file.execute("select run_id, step, metrics from metrics order by id").fetchall()
    runs = dict.fromkeys(run for run, *_ in found)
    first, second = ([row for row in found if row[0] == run] for run in runs)
    assert [step for _, step, _ in first] == [step for _, step, _ in second] == [10, 20]
    logged = [json.loads(metrics) for *_, metrics in first]
    assert [one["sample"] for one in logged] == [row["sample"] for row in rows]
    bits = [row["validation_bits_per_character"] for row in rows]
    assert [one["val/bits_per_character"] for one in logged] == pytest.approx(bits)
