"""Load the model of a run."""

from collections.abc import Sequence

from textgen.data.labels import typed_labels
from textgen.errors import DamagedError
from textgen.generation.model import Model
from textgen.runs.checkpoint import MODEL, read_manifest
from textgen.runs.library import find_run


def load_model(name: str | None) -> Model:
    """Load the checkpoint with the lowest validation loss.

    Args:
        name: name or path of the run; None for the newest.

    Raises:
        RunNotFoundError: if there is no such run.
        DamagedError: if the run or the checkpoint is damaged.
    """
    run = find_run(name)
    while True:
        step = run.best_step()
        try:
            checkpoint = run.load(step)
            sha256 = read_manifest(run.folder(step))["files"][MODEL]["sha256"]
        except DamagedError:
            if run.folder(step).exists():
                raise
            continue  # its trainer has deleted it meanwhile, since a better one exists
        return Model.of(run, checkpoint, sha256)


def load_labelled(name: str | None, typed: Sequence[str] | None) -> Model:
    """Load a model as `load_model` does, with labels as they are typed; see `typed_labels`.

    Raises:
        UsageError: if the run has no such labels.
    """
    model = load_model(name)
    return model.labelled(typed_labels(model.config.labels, typed or ()))
