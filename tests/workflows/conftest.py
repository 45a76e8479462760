"""The text that workflows train on, and runs that were trained without a stop."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import common_folder, locked
from tests.workflows.trainings import FABLES, start


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    path = tmp_path / "fables.txt"
    path.write_text(FABLES, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that trains a run without a stop, to compare others with or to copy it.

    The run of each setting is trained once for all workers. It keeps all of its checkpoints.
    """
    folder = common_folder(tmp_path_factory) / "whole-runs"
    folder.mkdir(exist_ok=True)
    corpus = tmp_path_factory.mktemp("corpus") / "fables.txt"
    corpus.write_text(FABLES, encoding="utf-8")

    def train(**changes: object) -> Path:
        name = "-".join(["run", *(f"{key}-{value}" for key, value in sorted(changes.items()))])
        run = folder / name
        with locked(folder / f"{name}.lock"):
            if not run.exists():
                new = tmp_path_factory.mktemp("whole") / name
                list(start(corpus, str(new), keep=9, **changes))
                new.rename(run)
        return run

    return train


@pytest.fixture
def finished_run(whole_run: Callable[..., Path], own_folder: Path) -> Path:
    """Return a copy of the whole run, as checkpoints/r in the current folder."""
    return Path(shutil.copytree(whole_run(), own_folder / "checkpoints" / "r"))
