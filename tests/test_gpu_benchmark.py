"""The benchmark of a GPU is rehearsed on this machine, which may have none."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.mark.slow
def test_a_rehearsal_measures_everything_and_says_what_there_is_not(
    corpus: Path, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "gpu.py", corpus, "--rehearse", "--json", "found.json"],
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "found.json").read_text())
    first, second, *_ = found["training"]
    assert first["contestant"] == "textgen bfloat16"
    assert first["characters_per_second"] > 0
    assert second["contestant"] == "textgen TF32, cuDNN"
    assert ("error" in second) == (found["machine"]["card"] == "none")
    assert [row["batch_size"] for row in found["writing"]] == [2]
    assert found["plan"]["steps_made"] == 4
    assert 0 < found["plan"]["window_nats"] < 5
    for row in ("| 1x8, 4x8 | textgen bfloat16 |", "| 1x8 | 2 |", "| textgen train fox.txt "):
        assert row in done.stdout


def test_the_share_of_the_peak_is_that_of_its_own_products() -> None:
    import gpu

    from textgen.network.parameters import operations_per_character
    from textgen.settings import ModelSettings

    row: dict[str, Any] = {"num_layers": 2, "hidden_size": 8, "characters_per_second": 1000}
    model = ModelSettings(
        vocab_size=65, embedding_size=8, hidden_size=8, num_layers=2, dropout_rate=0.0
    )
    operations = 1000 * operations_per_character(model)
    peaks = {"bfloat16": 4.0 * operations, "TF32": 2.0 * operations}
    for contestant, share in (("textgen bfloat16", 0.25), ("textgen TF32, cuDNN", 0.5)):
        assert gpu.share_of_peak(row | {"contestant": contestant}, peaks) == share
    assert gpu.share_of_peak(row | {"contestant": "PyTorch float32"}, peaks) is None
    failed = row | {"contestant": "textgen bfloat16", "error": "it ended"}
    assert gpu.share_of_peak(failed, peaks) is None
