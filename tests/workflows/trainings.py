"""Short trainings of a small network, and what they leave on the disk."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from textgen.planning.request import Request
from textgen.runs.run import Run
from textgen.workflows.events import Event, Note
from textgen.workflows.supervise import Supervision
from textgen.workflows.train import start_training

# The text, the network and the batches of the golden runs: tests of both compile the same programs.
FABLES = (Path(__file__).parents[2] / "corpora" / "fables.txt").read_text(encoding="utf-8")[:2400]
NETWORK: dict[str, Any] = {
    "hidden_size": 16,
    "num_layers": 2,
    "batch_size": 4,
    "sequence_length": 16,
    "dropout_rate": 0.1,
    "devices": 1,
    "seed": 5,
}
OPTIONS = [
    f"--{name.removesuffix('_rate').replace('_', '-')}={value}" for name, value in NETWORK.items()
]
SIZES = NETWORK | {"steps": 12, "eval_every": 4, "checkpoint_every": 3}


def start(corpus: Path, name: str, keep_corpus: bool = True, **changes: Any) -> Iterator[Event]:
    watch = {
        k: changes.pop(k) for k in ("keep", "stop_after", "should_stop", "tell") if k in changes
    }
    request = Request(**(SIZES | changes))
    return start_training([corpus], name, request, Supervision(**watch), keep_corpus=keep_corpus)


def notes(events: list[Event]) -> str:
    return "\n".join(event.text for event in events if isinstance(event, Note))


def content(run: Path, step: int) -> list[str]:
    """Return the hashes of the files of a checkpoint."""
    folder = Run(run).folder(step)
    names = ("model.safetensors", "train_state.safetensors")
    return [hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names]


def rows(run: Path) -> list[dict[str, float]]:
    """Return the metrics of a run, without those that depend on the speed of the machine."""
    timed = ("seconds", "characters_per_second")
    return [
        {name: value for name, value in row.items() if name not in timed}
        for row in Run(run).metrics()
    ]
