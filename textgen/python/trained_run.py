"""A run on disk, for programs and notebooks."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

from textgen.generation.generator import Generator
from textgen.python.loading import EngineName, load_generator
from textgen.python.pages import run_page
from textgen.python.score import Score, score_text
from textgen.runs.library import find_run
from textgen.runs.metrics import SAMPLE
from textgen.runs.run import Run
from textgen.runs.summary import summarise
from textgen.settings import TEXT_UNKNOWN, OnUnknown


@dataclass(frozen=True)
class KeptCheckpoint:
    """A checkpoint on the disk.

    Attributes:
        step: its step.
        path: its folder, which is a model by itself.
        bits_per_character: its validation loss; None if it was not measured.
        is_best: whether `load` takes this one.
    """

    step: int
    path: Path
    bits_per_character: float | None
    is_best: bool


class TrainedRun:
    """A run on disk. Everything is read when it is asked for, also while the run is trained.

    Attributes:
        path: its folder. The run can stand wherever a path or the name of a run can.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._run = Run(path)

    @property
    def name(self) -> str:
        """The name of the run."""
        return self._run.name

    @property
    def info(self) -> dict[str, Any]:
        """What `textgen info --json` tells: the text, the network, the plan and the progress."""
        return summarise(self._run)

    @property
    def checkpoints(self) -> list[KeptCheckpoint]:
        """The checkpoints that are on the disk, in the order of their steps.

        Raises:
            DamagedError: if one of them is damaged.
        """
        losses, steps = self._run.validation_losses(), self._run.steps()
        best = self._run.best_step() if steps else None
        return [
            KeptCheckpoint(
                step=step,
                path=self._run.folder(step),
                bits_per_character=losses[step] / math.log(2) if step in losses else None,
                is_best=step == best,
            )
            for step in steps
        ]

    def metrics(self) -> list[dict[str, float]]:
        """Return a row of numbers for each evaluation, by name, in the order of the steps.

        Raises:
            DamagedError: if metrics.jsonl is damaged.
        """
        return [
            {name: value for name, value in row.items() if name != SAMPLE}
            for row in self._run.metrics()
        ]

    def samples(self) -> list[dict[str, Any]]:
        """Return what the network wrote after each evaluation: its `step` and the `text`.

        Raises:
            DamagedError: if metrics.jsonl is damaged.
        """
        rows = self._run.metrics()
        return [{"step": row["step"], "text": row[SAMPLE]} for row in rows if SAMPLE in row]

    def load(
        self,
        *,
        seed: int = 0,
        engine: EngineName = "numpy",
        labels: Mapping[str, str | Mapping[str, float]] | None = None,
        mix: Mapping[str | PathLike[str], float] | None = None,
    ) -> Generator:
        """Load the best checkpoint, to generate text with it; see `textgen.load`."""
        return load_generator(str(self.path), seed=seed, engine=engine, labels=labels, mix=mix)

    def score(
        self,
        text: str,
        *,
        on_unknown: OnUnknown = TEXT_UNKNOWN,
        dynamic: bool = False,
        labels: Mapping[str, str | Mapping[str, float]] | None = None,
    ) -> Score:
        """Return how surprising a text is to the run; see `textgen.score`."""
        path = str(self.path)
        return score_text(text, path, on_unknown=on_unknown, dynamic=dynamic, labels=labels or {})

    def __fspath__(self) -> str:
        return str(self.path)

    def __repr__(self) -> str:
        return f"TrainedRun({str(self.path)!r})"

    def _repr_html_(self) -> str:
        return run_page(self.info, self._run.metrics())


def open_run(name: str | None) -> TrainedRun:
    """Find a run by its name or path, or the newest; see `textgen.open_run`."""
    return TrainedRun(find_run(name).path)
