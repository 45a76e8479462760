from pathlib import Path

import pytest

from tests.conftest import TEXT
from tests.training.plans import MODEL, plan
from textgen.runs.run import Run
from textgen.runs.summary import memory_needed, summarise


def test_a_run_is_described_in_numbers_that_can_be_counted(tiny_run: Path) -> None:
    summary = summarise(Run(tiny_run))
    assert summary["corpus"]["alphabet"] == "".join(sorted(set(TEXT)))
    assert summary["corpus"]["training_characters"] == len(TEXT) * 9 // 10
    assert summary["corpus"]["characters"] == len(TEXT)
    size, embedding = len(set(TEXT)) + 1, summary["model"]["embedding_size"]
    assert summary["layers"] == [
        {
            "name": "embedding",
            "shapes": {"table": [size, embedding]},
            "parameters": size * embedding,
        },
        {
            "name": "layers.0",
            "shapes": {
                "input_kernel": [embedding, 64],
                "recurrent_kernel": [16, 64],
                "bias": [64],
            },
            "parameters": (embedding + 16 + 1) * 64,
        },
        {
            "name": "projection",
            "shapes": {"kernel": [16, size], "bias": [size]},
            "parameters": 17 * size,
        },
    ]
    parameters = sum(layer["parameters"] for layer in summary["layers"])
    assert summary["model"]["parameters"] == parameters
    # An LSTM carries h and c, 16 float32 each; training keeps four numbers for each parameter, but
    # three for those of the kernels inside the layer.
    training = 16 * parameters - 4 * (embedding + 16) * 64 + 4 * 128
    assert summary["memory"] == {"weights": 4 * parameters, "state": 128, "training": training}
    files = sum(path.stat().st_size for path in tiny_run.rglob("*") if path.is_file())
    assert summary["bytes_on_disk"] == files
    assert summary["passes"] == pytest.approx(20 * 64 / (len(TEXT) * 0.9))
    assert summary["evaluations"] == 2


def test_muon_holds_three_numbers_for_each_of_a_kernel_inside_the_layers() -> None:
    with_moments, with_mean = (
        memory_needed(MODEL, plan(optimizer=name))["training"] for name in ("adamw", "muon")
    )
    # Two layers of 8 units, the first of which reads 6 numbers.
    assert with_moments - with_mean == 4 * 32 * (6 + 8 + 8 + 8)
